#include "base/http/server.h"

#include <grp.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "base/http/router.h"

namespace base {
namespace {

constexpr int kBacklog = 128;
// What is read and thrown away of a body that is too large, so that its sender reads the 413.
constexpr size_t kMaxDrain = 64 << 20;

class SinkStream : public HttpStream {
 public:
  SinkStream(httplib::DataSink& sink, std::stop_token stop) : sink_(sink), stop_(std::move(stop)) {}
  bool write(std::string_view chunk) override {
    if (stop_.stop_requested()) return false;
    // An empty chunk would end the body (RFC 9112 section 7.1).
    return chunk.empty() ? open() : sink_.write(chunk.data(), chunk.size());
  }
  bool open() override { return !stop_.stop_requested() && sink_.is_writable(); }
  std::stop_token stop_token() const override { return stop_; }

 private:
  httplib::DataSink& sink_;
  std::stop_token stop_;
};

Error cannot_listen(const std::string& socket, const std::string& why) {
  return unavailable("cannot listen on " + socket + ": " + why);
}

// Removes the socket file of a server that is gone.
Result<> clear_the_way(const std::string& socket) {
  struct stat info{};
  if (::lstat(socket.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return cannot_listen(socket, std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode))
    return make_error(Code::kConflict, "cannot listen on " + socket + ": it is not a socket",
                      "move the file away, or choose another path");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return cannot_listen(socket, std::strerror(errno));
  const int failed = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::close(probe);
  if (!failed || error == EAGAIN)
    return make_error(Code::kConflict, "cannot listen on " + socket + ": another process does",
                      "stop it, or choose another path");
  if (error != ECONNREFUSED) return cannot_listen(socket, std::strerror(error));
  if (::unlink(socket.c_str()) != 0 && errno != ENOENT)
    return cannot_listen(socket, std::strerror(errno));
  return {};
}

Result<> give_access(const HttpServerOptions& options) {
  if (!options.group.empty()) {
    const ::group* found = ::getgrnam(options.group.c_str());
    if (!found)
      return invalid("cannot give " + options.socket + " to group " + options.group +
                         ": there is no such group",
                     "make the group, or name another");
    if (::chown(options.socket.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
      return cannot_listen(options.socket, "group " + options.group + ": " + std::strerror(errno));
  }
  if (::chmod(options.socket.c_str(), static_cast<mode_t>(options.mode)) != 0)
    return cannot_listen(options.socket, std::strerror(errno));
  return {};
}

HttpRequest to_request(const httplib::Request& request) {
  HttpRequest result;
  result.method = request.method;
  result.path = request.target.substr(0, request.target.find('?'));
  for (const auto& [name, value] : request.params) result.query[name] = value;
  for (const auto& [name, value] : request.headers) add_header(result.headers, name, value);
  return result;
}

}  // namespace

std::string HttpRequest::query_or(const std::string& name, std::string otherwise) const {
  const auto found = query.find(name);
  return found == query.end() ? otherwise : found->second;
}

HttpReply HttpReply::json(std::string body, int status) {
  HttpReply reply;
  reply.status = status;
  reply.headers["content-type"] = "application/json";
  reply.body = std::move(body);
  return reply;
}

HttpReply HttpReply::text(std::string body, int status) {
  HttpReply reply = json(std::move(body), status);
  reply.headers["content-type"] = "text/plain; charset=utf-8";
  return reply;
}

struct HttpServer::Impl {
  HttpServerOptions options;
  HttpRouter router;
  httplib::Server server;
  std::stop_source stopping;
  std::atomic<int> streams = 0;
  std::thread thread;

  void configure() {
    server.set_address_family(AF_UNIX);
    server.set_read_timeout(options.read_timeout);
    server.set_write_timeout(options.write_timeout);
    // A connection a request: on a Unix socket a new one costs next to nothing, while an idle one
    // would hold a thread, delay stop() and race with its next request when it is closed.
    server.set_keep_alive_max_count(1);
    server.set_keep_alive_timeout(
        std::chrono::ceil<std::chrono::seconds>(options.read_timeout).count());
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response&) {
      // Compression holds back what a stream has written. The request is the server's own object.
      const_cast<httplib::Request&>(request).headers.erase("Accept-Encoding");
      return httplib::Server::HandlerResponse::Unhandled;
    });
    const auto plain = [this](const httplib::Request& request, httplib::Response& response) {
      answer(to_request(request), response);
    };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      HttpRequest wanted = to_request(request);
      if (read_body(request, reader, wanted.body)) return answer(std::move(wanted), response);
      HttpReply refusal = problem(invalid(
          "the body is cut off or larger than " + std::to_string(options.max_body) + " bytes",
          "send less"));
      refusal.status = 413;
      send(std::move(refusal), response);
    };
    server.Get(".*", plain).Options(".*", plain);
    server.Post(".*", with_body)
        .Put(".*", with_body)
        .Patch(".*", with_body)
        .Delete(".*", with_body);
    // What the library refuses by itself: 400, 414, 416.
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty() && !response.content_provider_)
        send(problem(error_of({response.status, {}, {}})), response, response.status);
    });
  }

  bool read_body(const httplib::Request& request, const httplib::ContentReader& reader,
                 std::string& body) const {
    // The library would read until the peer closes.
    if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding"))
      return true;
    size_t total = 0;
    const bool whole = reader([&](const char* bytes, size_t size) {
      total += size;
      if (total <= options.max_body) body.append(bytes, size);
      return total <= kMaxDrain;
    });
    return whole && total <= options.max_body;
  }

  void answer(HttpRequest request, httplib::Response& response) {
    std::string allowed;
    const Handler* handler = router.find(request, &allowed);
    if (!handler) {
      HttpReply reply = problem(not_found("there is no " + request.path));
      if (!allowed.empty()) {
        reply = problem(
            invalid(request.path + " does not take " + request.method, "it takes " + allowed));
        reply.status = 405;
        reply.headers["allow"] = allowed;
      }
      return send(std::move(reply), response);
    }
    HttpReply reply;
    try {
      reply = (*handler)(request);
    } catch (const std::exception& error) {
      reply = problem(
          make_error(Code::kInternal, request.method + " " + request.path + ": " + error.what()));
    }
    if (reply.stream) return send_stream(std::move(reply), response);
    send(std::move(reply), response);
  }

  static void send(HttpReply reply, httplib::Response& response, int status = 0) {
    response.status = status ? status : reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    response.body = std::move(reply.body);
  }

  void send_stream(HttpReply reply, httplib::Response& response) {
    if (streams.fetch_add(1) >= options.max_streams) {
      streams.fetch_sub(1);
      return send(problem(unavailable(
                      "too many streams are open (" + std::to_string(options.max_streams) + ")",
                      "close one, and try again")),
                  response);
    }
    const std::string type = reply.headers["content-type"];
    reply.headers.erase("content-type");
    auto stream = std::move(reply.stream);
    send(std::move(reply), response);
    response.set_chunked_content_provider(
        type.empty() ? "application/octet-stream" : type,
        [this, stream = std::move(stream)](size_t, httplib::DataSink& sink) {
          SinkStream out(sink, stopping.get_token());
          try {
            stream(out);
          } catch (const std::exception&) {
            return false;  // the status is out already: a cut body says that it is not whole
          }
          sink.done();
          return true;
        },
        [this](bool) { streams.fetch_sub(1); });
  }
};

HttpServer::HttpServer(HttpServerOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::route(const std::string& method, const std::string& pattern, Handler handler) {
  impl_->router.add(method, pattern, std::move(handler));
}

Result<> HttpServer::start() {
  const HttpServerOptions& options = impl_->options;
  if (options.socket.size() >= sizeof(sockaddr_un::sun_path))
    return invalid("cannot listen on " + options.socket + ": the path is longer than 107 bytes",
                   "use a shorter path");
  MCP_CHECK(clear_the_way(options.socket));
  impl_->configure();
  int listening = -1;
  impl_->server.set_socket_options([&](auto fd) {
    listening = fd;
    // The file appears with this mode less the umask (unix(7)): never wider than wanted.
    ::fchmod(fd, static_cast<mode_t>(options.mode));
  });
  // The port is not used, but has to be one.
  if (!impl_->server.bind_to_port(options.socket, 80))
    return cannot_listen(options.socket, std::strerror(errno));
  // The library asks for a backlog of five, and a full one refuses non-blocking connects (unix(7)).
  ::listen(listening, kBacklog);
  if (auto access = give_access(options); !access) {
    ::close(listening);
    ::unlink(options.socket.c_str());
    return access;
  }

  std::promise<void> accepting;
  auto accepts = accepting.get_future();
  impl_->server.new_task_queue = [&accepting, threads = options.threads] {
    auto* pool = new httplib::ThreadPool(static_cast<size_t>(threads));
    accepting.set_value();
    return pool;
  };
  impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
  accepts.wait();  // stop() has no effect before
  return {};
}

void HttpServer::stop() {
  impl_->stopping.request_stop();
  if (!impl_->thread.joinable()) return;
  ::unlink(impl_->options.socket.c_str());
  impl_->server.stop();
  impl_->thread.join();
}

}  // namespace base
