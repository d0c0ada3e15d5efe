#include "base/http/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>

namespace base {
namespace {

void name_peer(int fd, std::string& name, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    name = ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    port = ntohs(in.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
      name = ::inet_ntop(AF_INET, in.sin6_addr.s6_addr + 12, text, sizeof(text));
    else
      name = ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
    port = ntohs(in.sin6_port);
  } else {
    ucred peer{};
    size = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    name = "uid " + std::to_string(peer.uid);
    port = peer.pid;
  }
}

// What went wrong is told by the thread's queue of errors, which has to be empty before
// (SSL_get_error(3)): handlers on this thread use OpenSSL too.
template <class Call>
int call_tls(Call call) {
  ERR_clear_error();
  return call();
}

}  // namespace

Wire::Wire(int fd, WireLimits limits) : fd_(fd), limits_(limits) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  name_peer(fd_, peer_, peer_port_);
}

Wire::~Wire() {
  if (tls_ != nullptr) {
    SSL_shutdown(tls_);
    SSL_free(tls_);
  }
  ::shutdown(fd_, SHUT_RDWR);
  ::close(fd_);
}

Wire::Clock::time_point Wire::read_until() const {
  const auto whole =
      accepted_ + limits_.grace + std::chrono::milliseconds(received_ * 1000 / limits_.slowest);
  return std::min(whole, Clock::now() + limits_.read_timeout);
}

bool Wire::wait(short events, Clock::time_point until) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd poll{fd_, events, 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool Wire::wait_for_tls(int result, Clock::time_point until) const {
  const int wanted = SSL_get_error(tls_, result);
  if (wanted == SSL_ERROR_WANT_READ) return wait(POLLIN, until);
  if (wanted == SSL_ERROR_WANT_WRITE) return wait(POLLOUT, until);
  return false;
}

bool Wire::handshake(ssl_st* tls) {
  tls_ = tls;
  if (tls_ == nullptr || SSL_set_fd(tls_, fd_) != 1) return false;
  const auto until = Clock::now() + limits_.read_timeout;
  while (true) {
    const int done = call_tls([&] { return SSL_accept(tls_); });
    if (done == 1) return true;
    if (!wait_for_tls(done, until)) return false;
  }
}

ssize_t Wire::read(char* to, size_t size) {
  if (refused_ != Refused::kNothing) return -1;
  in_line_ = !in_head_ && size == 1 ? in_line_ + 1 : 0;
  if (in_line_ > limits_.max_head) return -1;
  const auto until = read_until();
  ssize_t got = 0;
  if (tls_ != nullptr) {
    const int most = static_cast<int>(std::min<size_t>(size, INT_MAX));
    while ((got = call_tls([&] { return SSL_read(tls_, to, most); })) <= 0) {
      const int result = static_cast<int>(got);
      if (SSL_get_error(tls_, result) == SSL_ERROR_ZERO_RETURN) return 0;
      if (!wait_for_tls(result, until)) return -1;
    }
  } else {
    if (!wait(POLLIN, until)) return -1;
    got = ::recv(fd_, to, size, 0);
  }
  if (got <= 0) return got;
  received_ += static_cast<size_t>(got);
  if (in_head_ && !may_go_on({to, static_cast<size_t>(got)})) return -1;
  return got;
}

bool Wire::may_go_on(std::string_view bytes) {
  for (const char byte : bytes) {
    ++field_;
    if (received_ > limits_.max_head || (lines_ > 0 && field_ > limits_.max_field))
      refused_ = lines_ == 0 ? Refused::kTarget : Refused::kHeaders;
    if (byte != '\n') continue;
    ++lines_;
    field_ = 0;
  }
  return refused_ == Refused::kNothing;
}

void Wire::drain(size_t most) {
  if (tls_ != nullptr) call_tls([&] { return SSL_shutdown(tls_); });
  ::shutdown(fd_, SHUT_WR);
  const auto until = Clock::now() + limits_.read_timeout;
  char bytes[4096];
  for (size_t gone = 0; gone < most && wait(POLLIN, until);) {
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (got <= 0) return;
    gone += static_cast<size_t>(got);
  }
}

ssize_t Wire::write(const char* from, size_t size) {
  const auto until = Clock::now() + limits_.write_timeout;
  if (tls_ == nullptr) return wait(POLLOUT, until) ? ::send(fd_, from, size, MSG_NOSIGNAL) : -1;
  // One record: of more, all would have to be taken within the time for the next bytes.
  const int most = static_cast<int>(std::min<size_t>(size, SSL3_RT_MAX_PLAIN_LENGTH));
  while (true) {
    const int result = call_tls([&] { return SSL_write(tls_, from, most); });
    if (result > 0) return result;
    if (!wait_for_tls(result, until)) return -1;
  }
}

bool Wire::readable() const {
  if (tls_ != nullptr && SSL_pending(tls_) > 0) return true;
  return wait(POLLIN, read_until());
}

bool Wire::writable() const {
  return wait(POLLOUT, Clock::now() + limits_.write_timeout) && peer_is_there();
}

bool Wire::peer_is_there() const {
  if (!wait(POLLIN, Clock::now())) return true;
  char byte = 0;
  if (tls_ == nullptr) return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  const int result = call_tls([&] { return SSL_peek(tls_, &byte, 1); });
  return result > 0 || SSL_get_error(tls_, result) == SSL_ERROR_WANT_READ;
}

}  // namespace base
