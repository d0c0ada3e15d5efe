#include "base/http/server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "base/http/router.h"
#include "base/http/socket_file.h"
#include "base/http/tls.h"
#include "base/http/wire.h"
#include "base/log/log.h"

namespace base {
namespace {

// How often a server on a Unix socket looks for its file while nobody connects.
constexpr Millis kLookForFile{1000};
// What is read and thrown away of a body that is too large, so that its sender reads the 413.
constexpr size_t kMaxDrain = 1 << 20;
constexpr size_t kBodiesAtOnce = 4;      // of the largest size
constexpr size_t kSmallBody = 64 << 10;  // is taken all the same

Error too_large(const char* what) {
  return invalid(std::string(what) + " of the request is too large",
                 "a line may have 8 KiB, all of them 64 KiB");
}

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

class WireStream : public httplib::Stream {
 public:
  explicit WireStream(Wire& wire) : wire_(wire) {}
  bool is_readable() const override { return wire_.readable(); }
  bool is_writable() const override { return wire_.writable(); }
  ssize_t read(char* to, size_t size) override { return wire_.read(to, size); }
  ssize_t write(const char* from, size_t size) override {
    // To the library what is too large is malformed; who sent it is told by refuse().
    if (wire_.refused() != Wire::Refused::kNothing) return static_cast<ssize_t>(size);
    return wire_.write(from, size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = wire_.peer();
    port = wire_.peer_port();
  }
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return wire_.fd(); }

 private:
  Wire& wire_;
};

// The library's server, with connections of ours: they have an end, and know their peer.
class Engine : public httplib::Server {
 public:
  // A connection's wire, ready for the request, or null; how many there are, with this one.
  std::function<std::unique_ptr<Wire>(int fd, int connections)> open;
  HttpHeaders headers;  // of every answer

 private:
  bool process_and_close_socket(socket_t fd) override {
    struct Count {
      std::atomic<int>& count;
      ~Count() { --count; }
    };
    const int now = ++connections_;
    const Count counted{connections_};
    const std::unique_ptr<Wire> wire = open(fd, now);
    if (!wire) return false;
    WireStream stream(*wire);
    const bool answered = answer(stream, [&](httplib::Request& request) {
      wire->head_read();
      // Compression holds back what a stream has written; many ranges make many copies of an
      // answer; and parts of a form are for handlers that take them apart.
      for (const char* name : {"Accept-Encoding", "Range", "Content-Type"})
        request.headers.erase(name);
      request.ranges.clear();
    });
    if (wire->refused() != Wire::Refused::kNothing) refuse(*wire);
    return answered;
  }

  void refuse(Wire& wire) const {
    const bool target = wire.refused() == Wire::Refused::kTarget;
    HttpReply reply =
        target ? problem(too_large("the target"), 414) : problem(too_large("the header"), 431);
    reply.headers.insert(headers.begin(), headers.end());
    std::string text = target ? "HTTP/1.1 414 URI Too Long\r\n"
                              : "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
    text += "Connection: close\r\nContent-Length: " + std::to_string(reply.body.size()) +
            "\r\n\r\n" + reply.body;
    for (std::string_view left = text; !left.empty();) {
      const ssize_t put = wire.write(left.data(), left.size());
      if (put <= 0) return;
      left.remove_prefix(static_cast<size_t>(put));
    }
    wire.drain(kMaxDrain);
  }

  // A connection a request: a new one costs little, while an idle one would hold a thread, delay
  // stop() and race with its next request when it is closed.
  bool answer(auto& stream, const std::function<void(httplib::Request&)>& prepare) {
    bool closed = false;
    if constexpr (requires { this->process_request(stream, true, closed, prepare); }) {
      return this->process_request(stream, true, closed, prepare);
    } else {  // the library's newer versions ask for the addresses instead of the stream
      std::string peer, ours;
      int peer_port = 0, our_port = 0;
      stream.get_remote_ip_and_port(peer, peer_port);
      stream.get_local_ip_and_port(ours, our_port);
      return this->process_request(stream, peer, peer_port, ours, our_port, true, closed, prepare);
    }
  }

  std::atomic<int> connections_ = 0;
};

// Of the library, with something to do while nobody connects.
class Pool : public httplib::TaskQueue {
 public:
  Pool(int threads, std::function<void()> idle)
      : pool_(static_cast<size_t>(threads)), idle_(std::move(idle)) {}
  // Its newer versions return a bool.
  auto enqueue(std::function<void()> work)
      -> decltype(std::declval<httplib::TaskQueue&>().enqueue({})) override {
    return pool_.enqueue(std::move(work));
  }
  void shutdown() override { pool_.shutdown(); }
  void on_idle() override { idle_(); }

 private:
  httplib::ThreadPool pool_;
  const std::function<void()> idle_;
};

// "host:port" or "[address]:port"; an empty host means all addresses.
Result<std::pair<std::string, int>> parse_listen(const std::string& text) {
  const size_t colon = text.rfind(':');
  const Error wrong = invalid("'" + text + "' is not an address to listen on",
                              "host:port, [IPv6 address]:port, or :port for all addresses");
  if (colon == std::string::npos) return wrong;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos)
    return wrong;
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || port < 0 || port > 65535) return wrong;
  return std::pair(host.empty() ? "::" : host, port);
}

HttpRequest to_request(const httplib::Request& request) {
  HttpRequest result;
  result.method = request.method;
  result.peer = request.remote_addr;
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
  Engine server;
  std::unique_ptr<TlsIdentity> identity;
  std::stop_source stopping;
  std::atomic<int> streams = 0;
  std::atomic<size_t> in_memory = 0;  // bytes of bodies
  std::thread thread;
  int port = 0;
  std::mutex file_mutex;  // of these, against stop()
  std::optional<SocketFile> file;
  int listening = -1;
  std::string file_problem;

  void configure() {
    server.open = [this](int fd, int connections) { return open(fd, connections); };
    server.set_default_headers({options.headers.begin(), options.headers.end()});
    server.headers = options.headers;
    // The library would take the body of these into memory, whatever its size: PRI is for proxies,
    // and no handler's pattern fits a line feed.
    server.set_pre_routing_handler(
        [](const httplib::Request& request, httplib::Response& response) {
          const bool odd = request.method == "PRI" || request.path.find('\n') != std::string::npos;
          if (odd) response.status = 400;
          return odd ? httplib::Server::HandlerResponse::Handled
                     : httplib::Server::HandlerResponse::Unhandled;
        });
    const auto plain = [this](const httplib::Request& request, httplib::Response& response) {
      answer(to_request(request), response, [](const auto&) -> Result<> { return {}; });
    };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      // The library would read until the peer closes.
      const bool none =
          !request.has_header("Content-Length") && !request.has_header("Transfer-Encoding");
      bool taken = none;
      const HttpBody body = [&](const auto& sink) -> Result<> {
        if (std::exchange(taken, true)) return {};
        return read_body(reader, sink);
      };
      answer(to_request(request), response, body);
      // Whoever is refused still sends: the answer is read after that.
      if (!taken) (void)read_body(reader, [](std::string_view) -> Result<> { return {}; });
    };
    server.Get(".*", plain).Options(".*", plain);
    server.Post(".*", with_body)
        .Put(".*", with_body)
        .Patch(".*", with_body)
        .Delete(".*", with_body);
    // What the library refuses by itself: 400, 414, 416.
    server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty() || response.content_provider_) return;
      const Error error =
          response.status == 414 ? too_large("the target") : error_of({response.status, {}, {}});
      send(problem(error, response.status), response);
    });
  }

  // Null: it is one too many, or does not speak TLS.
  std::unique_ptr<Wire> open(int fd, int connections) {
    auto wire = std::make_unique<Wire>(fd, WireLimits{.read_timeout = options.read_timeout,
                                                      .write_timeout = options.write_timeout,
                                                      .grace = options.grace});
    if (on_tcp() && connections > options.threads) return nullptr;
    if (identity && !wire->handshake(identity->accept())) return nullptr;
    return wire;
  }

  Result<> read_body(const httplib::ContentReader& reader,
                     const std::function<Result<>(std::string_view)>& sink) const {
    Result<> taken;
    size_t drained = 0;
    const bool whole = reader([&](const char* bytes, size_t size) {
      if (taken)
        taken = sink({bytes, size});
      else
        drained += size;
      return drained <= kMaxDrain && !stopping.stop_requested();
    });
    if (taken && !whole) return invalid("the body is cut off", "send it again");
    return taken;
  }

  // What one request has of the memory that all bodies share.
  class Share {
   public:
    explicit Share(Impl& impl) : impl_(impl) {}
    ~Share() { impl_.in_memory -= mine_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    bool grow_to(size_t size) {
      if (size <= kSmallBody) return true;
      const size_t more = size - std::exchange(mine_, size);
      return (impl_.in_memory += more) <= kBodiesAtOnce * impl_.options.max_body;
    }

   private:
    Impl& impl_;
    size_t mine_ = 0;
  };

  // All of a body, as far as it may be that large.
  Result<std::string> whole_body(const HttpBody& body, Share& share) const {
    std::string text;
    MCP_CHECK(body([&](std::string_view piece) -> Result<> {
      if (text.size() + piece.size() > options.max_body)
        return make_error(Code::kExhausted,
                          "the body is larger than " + std::to_string(options.max_body) + " bytes",
                          "send less");
      if (!share.grow_to(text.size() + piece.size()))
        return unavailable("too many large bodies are being sent", "try again");
      text += piece;
      return {};
    }));
    return text;
  }

  void answer(HttpRequest request, httplib::Response& response, const HttpBody& body) {
    std::string allowed;
    const HttpRouter::Handler* handler = router.find(request, &allowed);
    if (!handler) {
      HttpReply reply = problem(not_found("there is no " + request.path));
      if (!allowed.empty()) {
        reply = problem(
            invalid(request.path + " does not take " + request.method, "it takes " + allowed), 405);
        reply.headers["allow"] = allowed;
      }
      return send(std::move(reply), response);
    }
    HttpReply reply;
    try {
      const auto admitted = options.admit ? options.admit(request) : Result<>();
      reply = admitted ? (*handler)(request, body) : problem(admitted.error());
    } catch (const std::exception& error) {
      reply = problem(
          make_error(Code::kInternal, request.method + " " + request.path + ": " + error.what()));
    }
    if (reply.status == 401) reply.headers["www-authenticate"] = "Bearer";  // RFC 9110, 15.5.2
    if (reply.stream) return send_stream(std::move(reply), response);
    send(std::move(reply), response);
  }

  static void send(HttpReply reply, httplib::Response& response) {
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    response.body = std::move(reply.body);
  }

  Result<> bind_socket() {
    if (options.socket.size() >= sizeof(sockaddr_un::sun_path))
      return invalid("cannot listen on " + options.socket + ": the path is longer than 107 bytes",
                     "use a shorter path");
    file.emplace(options.socket, options.mode, options.group);
    MCP_CHECK(file->clear_the_way());
    server.set_address_family(AF_UNIX);
    server.set_idle_interval(kLookForFile);
    server.set_socket_options([this](auto fd) {
      listening = fd;
      file->limit(fd);
    });
    // The port is not used, but has to be one.
    if (!server.bind_to_port(options.socket, 80))
      return unavailable("cannot listen on " + options.socket + ": " + std::strerror(errno));
    // The library asks for a backlog of five, and a full one refuses non-blocking connects
    // (unix(7)).
    ::listen(listening, kHttpBacklog);
    if (auto access = file->taken(); !access) {
      ::close(listening);
      ::unlink(options.socket.c_str());
      return access;
    }
    return {};
  }

  // Between two calls of accept(2), on their thread.
  void look_for_file() {
    const std::lock_guard lock(file_mutex);
    if (!file || stopping.stop_requested() || !file->lost()) return;
    const auto restored = file->restore(listening);
    const std::string problem = restored ? "" : restored.error().text();
    if (restored)
      log::warning("the socket file was removed; it is made again", {{"socket", options.socket}});
    else if (problem != file_problem)
      log::error("the socket file was removed: " + problem);
    file_problem = problem;
  }

  bool on_tcp() const { return options.socket.empty(); }

  Result<> bind_tcp() {
    MCP_TRY(const auto where, parse_listen(options.listen));
    if (!options.plain) {
      MCP_TRY(identity, TlsIdentity::load(options.tls_cert, options.tls_key));
    }
    int listening = -1;
    server.set_tcp_nodelay(true);
    server.set_socket_options([&](auto fd) {
      listening = fd;
      const int yes = 1;
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    const auto& [host, wanted] = where;
    errno = 0;
    port = wanted != 0 ? (server.bind_to_port(host, wanted) ? wanted : -1)
                       : server.bind_to_any_port(host);
    if (port > 0) {
      ::listen(listening, kHttpBacklog);
      return {};
    }
    port = 0;
    return unavailable("cannot listen on " + options.listen + ": " +
                       (errno ? std::strerror(errno) : "no such address here"));
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
  impl_->router.add(method, pattern,
                    [impl = impl_.get(), handler = std::move(handler)](HttpRequest& request,
                                                                       const HttpBody& body) {
                      Impl::Share share(*impl);
                      auto text = impl->whole_body(body, share);
                      if (!text) {
                        return text.error().code == Code::kExhausted ? problem(text.error(), 413)
                                                                     : problem(text.error());
                      }
                      request.body = std::move(*text);
                      return handler(request);
                    });
}

void HttpServer::upload(const std::string& method, const std::string& pattern,
                        UploadHandler handler) {
  impl_->router.add(method, pattern,
                    [handler = std::move(handler)](HttpRequest& request, const HttpBody& body) {
                      return handler(request, [&](const auto& sink) -> Result<> {
                        Result<> kept;
                        MCP_CHECK(body([&](std::string_view piece) -> Result<> {
                          if (kept) kept = sink(piece);
                          return {};
                        }));
                        return kept;
                      });
                    });
}

Result<> HttpServer::start() {
  MCP_CHECK(impl_->on_tcp() ? impl_->bind_tcp() : impl_->bind_socket());
  impl_->configure();
  std::promise<void> accepting;
  auto accepts = accepting.get_future();
  // One thread more than are served on TCP: it tells the rest that they are too many.
  const int threads = impl_->options.threads + (impl_->on_tcp() ? 1 : 0);
  impl_->server.new_task_queue = [&accepting, threads, impl = impl_.get()] {
    auto* pool = new Pool(threads, [impl] { impl->look_for_file(); });
    accepting.set_value();
    return pool;
  };
  impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
  accepts.wait();  // stop() has no effect before
  return {};
}

int HttpServer::port() const {
  return impl_->port;
}

void HttpServer::stop() {
  {
    const std::lock_guard lock(impl_->file_mutex);
    impl_->stopping.request_stop();
  }
  if (!impl_->thread.joinable()) return;
  if (impl_->file) impl_->file->remove();
  impl_->server.stop();
  impl_->thread.join();
}

}  // namespace base
