#include "base/http/client.h"

#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kIdleConnections = 8;
constexpr size_t kMaxErrorBody = 64 * 1024;
constexpr Millis kConnectTimeout{5000};
constexpr Millis kNoDeadline = std::chrono::hours(24 * 365);
constexpr Millis kTick{1000};
constexpr Millis kStopRetry{10};

// Why nobody can be connected to there: the library keeps errno to itself.
std::string why_not_connected(const HttpAddress& address) {
  if (address.socket.empty()) {
    addrinfo* found = nullptr;
    const int unknown = ::getaddrinfo(address.host.c_str(), nullptr, nullptr, &found);
    if (unknown != 0) return address.host + ": " + ::gai_strerror(unknown);
    ::freeaddrinfo(found);
    return "nothing listens there, or nothing comes through";
  }
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::copy(address.socket.begin(), address.socket.end(), name.sun_path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::strerror(errno);
  const int failed = ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  const int error = errno;
  ::close(fd);
  return failed ? std::strerror(error) : "the connection was refused";
}

httplib::Request to_request(const HttpCall& call, const HttpAddress& address) {
  httplib::Request request;
  request.method = call.method;
  request.path = call.target;
  request.body = call.body;
  if (call.upload) {
    request.content_length_ = call.upload_size;
    request.content_provider_ = [&call](size_t offset, size_t most, httplib::DataSink& sink) {
      const auto piece = call.upload(offset, most);
      return piece && !piece->empty() && sink.write(piece->data(), piece->size());
    };
  }
  for (const auto& [name, value] : call.headers) request.headers.emplace(name, value);
  if (!call.content_type.empty()) request.headers.emplace("Content-Type", call.content_type);
  // A socket's path is no valid Host, and Go's server refuses it.
  if (!address.socket.empty()) request.headers.emplace("Host", "localhost");
  request.headers.emplace("Accept-Encoding", "identity");
  return request;
}

HttpResponse to_response(const httplib::Response& response) {
  HttpResponse result;
  result.status = response.status;
  for (const auto& [name, value] : response.headers) add_header(result.headers, name, value);
  return result;
}

// The connection of a client, for those who may have to end it from outside of its thread. The
// library's own stop() waits for a connection that is being made: for the resolver, for a
// handshake.
class Line {
 public:
  Line() = default;
  ~Line() { forget(); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // It has a new socket. A descriptor of our own: the library's may be closed, and be another's.
  void hold(int socket) {
    const std::lock_guard lock(mutex_);
    forget();
    fd_ = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  // Never waits. Without a socket it does nothing: the name is being resolved, which has an end of
  // its own (resolv.conf(5)).
  void cut() {
    const std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }

 private:
  void forget() {
    if (fd_ >= 0) ::close(fd_);
  }
  std::mutex mutex_;
  int fd_ = -1;
};

struct Client {
  std::unique_ptr<httplib::ClientImpl> http;
  std::shared_ptr<Line> line;
};

// Ends a stream from outside of its reading thread: on request, at the deadline, or when the sink
// says no to an empty piece.
class Watch {
 public:
  Watch(Line& line, const HttpClient::Sink& sink, Clock::time_point deadline, std::stop_token stop)
      : line_(line), sink_(sink), deadline_(deadline), stop_(std::move(stop)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  bool piece(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (ended_ || stop_.stop_requested()) return false;
    last_ = Clock::now();
    ended_ = !sink_(bytes);
    return !ended_;
  }
  bool ended() {
    const std::lock_guard lock(mutex_);
    return ended_ || stop_.stop_requested();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!done_) {
      const auto now = Clock::now();
      if (ended_ || stop_.stop_requested() || now >= deadline_) {
        // Again and again: a call that has no socket yet gets one.
        line_.cut();
        changed_.wait_for(lock, kStopRetry, [this] { return done_; });
      } else if (now >= last_ + kTick) {
        last_ = now;
        ended_ = !sink_({});
      } else {
        changed_.wait_until(lock, stop_, std::min(last_ + kTick, deadline_),
                            [this] { return done_; });
      }
    }
  }

  Line& line_;
  const HttpClient::Sink& sink_;
  const Clock::time_point deadline_;
  const std::stop_token stop_;
  std::mutex mutex_;  // also says that the sink is called once at a time
  std::condition_variable_any changed_;
  bool done_ = false;
  bool ended_ = false;
  Clock::time_point last_ = Clock::now();
  std::thread thread_;
};

// Ends calls whose time is over. The library bounds each wait for a piece, not the whole: a peer
// that sends a byte now and then would hold a call for ever. One thread for all of them.
class Deadlines {
 public:
  static Deadlines& of_this_process() {
    static Deadlines deadlines;
    return deadlines;
  }
  ~Deadlines() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void add(Line& line, Clock::time_point at) {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) start();
    calls_[&line] = at;
    if (at < next_) changed_.notify_all();
  }
  // `line` is not touched any more when it returns.
  void remove(Line& line) {
    const std::lock_guard lock(mutex_);
    calls_.erase(&line);
  }

 private:
  // Signals are for the threads of the program, one of which may wait for them.
  void start() {
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!over_) {
      const auto now = Clock::now();
      next_ = now + kNoDeadline;
      for (auto& [line, at] : calls_) {
        if (at <= now) {
          // Again and again: a call that has no socket yet gets one.
          line->cut();
          at = now + kStopRetry;
        }
        next_ = std::min(next_, at);
      }
      changed_.wait_until(lock, next_);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Line*, Clock::time_point> calls_;
  Clock::time_point next_ = Clock::now() + kNoDeadline;
  bool over_ = false;
  std::thread thread_;
};

class DeadlineOfCall {
 public:
  DeadlineOfCall(Line& line, Clock::time_point at) : line_(line) {
    Deadlines::of_this_process().add(line, at);
  }
  ~DeadlineOfCall() { Deadlines::of_this_process().remove(line_); }
  void come() { Deadlines::of_this_process().add(line_, Clock::now()); }
  DeadlineOfCall(const DeadlineOfCall&) = delete;
  DeadlineOfCall& operator=(const DeadlineOfCall&) = delete;

 private:
  Line& line_;
};

}  // namespace

std::string HttpAddress::text() const {
  if (!socket.empty()) return socket;
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (tls ? "https://" : "") + name + ":" + std::to_string(port);
}

struct HttpClient::Impl {
  HttpAddress address;
  std::mutex mutex;
  std::vector<Client> idle;

  Client make(Millis deadline) const {
    const bool local = !address.socket.empty();
    std::unique_ptr<httplib::ClientImpl> client;
    if (address.tls) {
      client = std::make_unique<httplib::SSLClient>(address.host, address.port);
      client->set_ca_cert_path(address.ca_file);
      client->enable_server_certificate_verification(true);
    } else {
      client = std::make_unique<httplib::ClientImpl>(local ? address.socket : address.host,
                                                     local ? 80 : address.port);
    }
    if (local) client->set_address_family(AF_UNIX);
    client->set_url_encode(false);
    client->set_tcp_nodelay(!local);
    set_deadline(*client, deadline);
    auto line = std::make_shared<Line>();
    client->set_socket_options([line](int socket) { line->hold(socket); });
    return {std::move(client), std::move(line)};
  }

  static void set_deadline(httplib::ClientImpl& client, Millis deadline) {
    client.set_connection_timeout(std::min(deadline, kConnectTimeout));
    client.set_read_timeout(deadline);
    client.set_write_timeout(deadline);
  }

  Client take(Millis deadline) {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Client client = std::move(idle.back());
        idle.pop_back();
        set_deadline(*client.http, deadline);
        return client;
      }
    }
    Client client = make(deadline);
    client.http->set_keep_alive(true);
    return client;
  }

  void give_back(Client client) {
    const std::lock_guard lock(mutex);
    if (idle.size() < kIdleConnections) idle.push_back(std::move(client));
  }

  Error error(const HttpCall& call, httplib::Error why, bool late) const {
    const std::string what =
        call.method +
        (call.secret_target ? "" : " " + call.target.substr(0, call.target.find('?')));
    const std::string where = " at " + address.text();
    if (late)
      return make_error(Code::kTimeout,
                        what + where + ": no complete answer within " + to_duration(call.deadline),
                        "what listens there hangs or is overloaded: look at it, or restart it");
    switch (why) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
        return unavailable(
            "cannot connect to " + address.text() + ": " + why_not_connected(address),
            "is the service that owns it running, and may this user use it?");
      case httplib::Error::SSLServerVerification:
        return unavailable(
            "the certificate of " + address.text() + " is not trusted",
            address.ca_file.empty()
                ? "name the file of the CA that signed it, or use the name that "
                  "is in it"
                : "is it signed by a CA of " + address.ca_file + ", for this name, and in date?");
      case httplib::Error::SSLLoadingCerts:
        return invalid("cannot read the CA certificates of " + address.ca_file,
                       "a PEM file that this user may read");
      case httplib::Error::SSLConnection:
        return unavailable("no TLS connection to " + address.text(),
                           "does a server that speaks TLS listen there?");
      case httplib::Error::Read:
      case httplib::Error::Write:
      case httplib::Error::Canceled:  // so says the library when an upload cannot go on
        return unavailable(what + where + ": the connection broke");
      default:
        return make_error(Code::kInternal, what + where + ": " + httplib::to_string(why));
    }
  }

  Result<> check() const {
    if (address.socket.size() < sizeof(sockaddr_un::sun_path)) return {};
    return invalid("cannot connect to " + address.socket + ": the path is longer than 107 bytes",
                   "use a shorter path for the socket");
  }
};

HttpClient::HttpClient(HttpAddress address) : impl_(std::make_unique<Impl>()) {
  impl_->address = std::move(address);
  // The library writes without MSG_NOSIGNAL; a peer that closes must not end this process.
  [[maybe_unused]] static const auto ignored = std::signal(SIGPIPE, SIG_IGN);
}

HttpClient::~HttpClient() = default;

const HttpAddress& HttpClient::address() const {
  return impl_->address;
}

Result<HttpResponse> HttpClient::request(const HttpCall& call) {
  MCP_CHECK(impl_->check());
  const auto deadline = Clock::now() + call.deadline;
  Client client = impl_->take(call.deadline);
  httplib::Request request = to_request(call, impl_->address);
  HttpResponse response;
  bool bodiless = false;
  bool enough = false;
  request.response_handler = [&](const httplib::Response& head) {
    response = to_response(head);
    // It has no body (RFC 9110 section 15.4.5), but the library would wait for one.
    bodiless = head.status == 304 && !head.has_header("Content-Length");
    return !bodiless;
  };
  request.content_receiver = [&](const char* bytes, size_t size, uint64_t, uint64_t) {
    response.body.append(bytes, std::min(size, call.max_body - response.body.size()));
    enough = response.body.size() == call.max_body;
    return !enough && Clock::now() < deadline;
  };
  const auto send = [&] {
    DeadlineOfCall limit(*client.line, deadline);
    const std::stop_callback stopped(call.stop, [&] { limit.come(); });
    return client.http->send(request);
  };
  const httplib::Result result = send();
  if (bodiless || enough) return response;
  if (!result)
    return impl_->error(call, result.error(),
                        call.stop.stop_requested() || Clock::now() >= deadline);
  if (response.status != result->status) response = to_response(*result);  // no body was read
  impl_->give_back(std::move(client));
  return response;
}

Result<HttpResponse> HttpClient::stream(const HttpCall& call, const Sink& sink,
                                        std::stop_token stop) {
  MCP_CHECK(impl_->check());
  const Millis limit = call.deadline.count() > 0 ? call.deadline : kNoDeadline;
  const auto deadline = Clock::now() + limit;
  const Client client = impl_->make(limit);
  HttpResponse response;
  response.status = 0;
  if (stop.stop_requested()) return response;
  std::optional<Watch> watch;
  try {
    watch.emplace(*client.line, sink, deadline, std::move(stop));
  } catch (const std::system_error& error) {
    return make_error(Code::kExhausted, std::string("cannot start a thread: ") + error.what(),
                      "TasksMax= of the unit, or `ulimit -u`, is what bounds it");
  }

  httplib::Request request = to_request(call, impl_->address);
  request.response_handler = [&](const httplib::Response& head) {
    response = to_response(head);
    return true;
  };
  request.content_receiver = [&](const char* bytes, size_t size, uint64_t, uint64_t) {
    if (response.ok()) return watch->piece({bytes, size});
    if (response.body.size() + size <= kMaxErrorBody) response.body.append(bytes, size);
    return !watch->ended();
  };
  const httplib::Result result = client.http->send(request);
  if (result || watch->ended()) return response;
  return impl_->error(call, result.error(), Clock::now() >= deadline);
}

}  // namespace base
