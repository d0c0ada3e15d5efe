#include "agent/peers/name_probe.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

namespace agent {
namespace {

using base::Result;
using Clock = std::chrono::steady_clock;

// Version 2, command LOCAL, no addresses: "the connection is the sender's own"
// (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, 2.2).
constexpr std::string_view kLocalHeader("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

// Of mc-proxy: misdirected, and no backend that answers.
constexpr int kRefusals[] = {421, 502, 503, 504};

class Connection {
 public:
  Connection(std::string where, Clock::time_point until)
      : where_(std::move(where)), until_(until) {}
  ~Connection() {
    SSL_free(tls_);
    if (fd_ >= 0) ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<> connect(const std::string& address, uint16_t port);
  Result<> send_header();
  Result<> handshake(SSL_CTX* context, const std::string& host);
  // The status of the answer to `HEAD /`.
  Result<int> head(const std::string& host);

 private:
  Result<> wait(short events);
  // Goes on with a call of OpenSSL until it is done.
  template <class Call>
  Result<> go_on(const char* what, Call call);
  base::Error failed(const std::string& why) const { return base::unavailable(where_ + " " + why); }

  const std::string where_;
  const Clock::time_point until_;
  int fd_ = -1;
  SSL* tls_ = nullptr;
};

Result<> Connection::wait(short events) {
  pollfd waited{fd_, events, 0};
  for (;;) {
    const auto left = std::chrono::ceil<base::Millis>(until_ - Clock::now()).count();
    const int ready = left <= 0 ? 0 : ::poll(&waited, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready == 0) return failed("does not answer in time");
    if (errno != EINTR) return failed(std::string("cannot be asked: ") + std::strerror(errno));
  }
}

Result<> Connection::connect(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list))
    return failed(std::string("cannot be found: ") + gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(list, &::freeaddrinfo);
  fd_ = ::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd_ < 0) return failed(std::string("cannot be asked: ") + std::strerror(errno));
  int error = ::connect(fd_, list->ai_addr, list->ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    MCP_CHECK(wait(POLLOUT));
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) return failed(std::string("cannot be reached: ") + std::strerror(error));
  return {};
}

Result<> Connection::send_header() {
  // So few bytes fit into any socket's buffer.
  const ssize_t sent = ::send(fd_, kLocalHeader.data(), kLocalHeader.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(kLocalHeader.size())) return {};
  return failed("closed the connection at once");
}

template <class Call>
Result<> Connection::go_on(const char* what, Call call) {
  for (;;) {
    ERR_clear_error();
    const int result = call();
    if (result > 0) return {};
    const int error = SSL_get_error(tls_, result);
    if (error == SSL_ERROR_WANT_READ) {
      MCP_CHECK(wait(POLLIN));
    } else if (error == SSL_ERROR_WANT_WRITE) {
      MCP_CHECK(wait(POLLOUT));
    } else {
      const char* reason = ERR_reason_error_string(ERR_peek_last_error());
      return failed(what + std::string(reason == nullptr ? "" : ": ") +
                    (reason == nullptr ? "" : reason));
    }
  }
}

Result<> Connection::handshake(SSL_CTX* context, const std::string& host) {
  tls_ = SSL_new(context);
  if (tls_ == nullptr || SSL_set_fd(tls_, fd_) != 1 ||
      SSL_set_tlsext_host_name(tls_, host.c_str()) != 1)
    return base::make_error(base::Code::kExhausted, "cannot begin TLS with " + where_);
  return go_on("does not serve it yet", [&] { return SSL_connect(tls_); });
}

Result<int> Connection::head(const std::string& host) {
  const std::string request =
      "HEAD / HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: mcp-agent\r\nConnection: close\r\n\r\n";
  MCP_CHECK(go_on("closed the connection", [&] {
    return SSL_write(tls_, request.data(), static_cast<int>(request.size()));
  }));
  // "HTTP/1.1 200"
  constexpr size_t kStatusAt = 9;
  constexpr size_t kNeeded = 12;
  std::string answer;
  while (answer.size() < kNeeded) {
    char bytes[64];
    int got = 0;
    MCP_CHECK(
        go_on("closed the connection", [&] { return got = SSL_read(tls_, bytes, sizeof bytes); }));
    answer.append(bytes, static_cast<size_t>(got));
  }
  int status = 0;
  std::from_chars(answer.data() + kStatusAt, answer.data() + kNeeded, status);
  return status;
}

}  // namespace

Result<> probe_name(const std::string& address, const reconciler::PeerName& name,
                    Clock::time_point until) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  if (!context) return base::make_error(base::Code::kExhausted, "cannot begin TLS");
  const std::string& host = name.key.hostname;
  Connection connection("mc-proxy at " + address + ", asked for " + name.key.text() + ",", until);
  MCP_CHECK(connection.connect(address, name.key.port));
  if (name.proxy_protocol) MCP_CHECK(connection.send_header());
  MCP_CHECK(connection.handshake(context.get(), host));
  if (name.mode == crds::Route::Mode::kL4) return {};
  MCP_TRY(const int status, connection.head(host));
  if (std::find(std::begin(kRefusals), std::end(kRefusals), status) == std::end(kRefusals))
    return {};
  return base::unavailable("mc-proxy at " + address + " answers " + std::to_string(status) +
                           " for " + name.key.text());
}

}  // namespace agent
