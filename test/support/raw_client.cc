#include "test/support/raw_client.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace test {
namespace {

constexpr int kPatience = 60'000;  // ms

int connected(const sockaddr* address, socklen_t size) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int little = 16 << 10;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  const timeval patience{kPatience / 1000, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd, address, size) == 0) return fd;
  ::close(fd);
  throw std::runtime_error("no connection to the server");
}

int connected(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connected(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

RawClient RawClient::unix_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return {connected(reinterpret_cast<const sockaddr*>(&address), sizeof address), false};
}

RawClient RawClient::tcp(uint16_t port) {
  return {connected(port), false};
}

RawClient RawClient::tls(uint16_t port) {
  return {connected(port), true};
}

RawClient::RawClient(int fd, bool tls) : fd_(fd) {
  if (!tls) return;
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL does not ask for MSG_NOSIGNAL
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  tls_ = SSL_new(context);
  SSL_CTX_free(context);
  SSL_set_fd(tls_, fd_);
  if (SSL_connect(tls_) == 1) return;
  SSL_free(tls_);
  ::close(fd_);
  throw std::runtime_error("no TLS with the server");
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::exchange(other.tls_, nullptr)) {}

RawClient::~RawClient() {
  SSL_free(tls_);
  if (fd_ >= 0) ::close(fd_);
}

void RawClient::send(std::string_view bytes) {
  if (tls_ != nullptr)
    SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
  else
    ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string RawClient::trickle() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  pollfd heard{fd_, POLLRDHUP, 0};
  while (::poll(&heard, 1, 5) == 0) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error("the server still listens after a minute");
    send("0");
  }
  return receive_all();
}

std::string RawClient::receive(size_t most) {
  std::string bytes(most, '\0');
  const ssize_t got = tls_ != nullptr ? SSL_read(tls_, bytes.data(), static_cast<int>(most))
                                      : ::recv(fd_, bytes.data(), most, 0);
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return bytes;
}

std::string RawClient::receive_all() {
  std::string all;
  for (std::string more = receive(); !more.empty(); more = receive()) all += more;
  return all;
}

}  // namespace test
