#include "agent/probe/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace agent {
namespace {

using base::Millis;
using base::Result;
using Clock = std::chrono::steady_clock;

// How long a connection must stay open to be believed; a forwarder that cannot reach the
// application closes within a few milliseconds.
constexpr Millis kStaysOpen{200};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }
  // Whether one of `events` happens before `until`.
  bool wait(int events, Clock::time_point until) const {
    pollfd waited{fd_, static_cast<short>(events), 0};
    while (true) {
      const auto left = std::chrono::ceil<Millis>(until - Clock::now());
      const int ready = ::poll(&waited, 1, static_cast<int>(std::max(Millis(0), left).count()));
      if (ready >= 0 || errno != EINTR) return ready > 0;
    }
  }

 private:
  int fd_;
};

}  // namespace

Result<> probe_tcp(const std::string& address, uint16_t port, Millis timeout) {
  const auto end = Clock::now() + timeout;
  const std::string where = address + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return base::invalid("cannot probe " + where + ": not a numeric address");
  const Socket socket(
      ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int connected = ::connect(socket.fd(), found->ai_addr, found->ai_addrlen);
  int error = connected == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (error == EINPROGRESS) {
    if (!socket.wait(POLLOUT, end))
      return base::make_error(base::Code::kTimeout, "no TCP connection to " + where + " within " +
                                                        base::to_duration(timeout));
    socklen_t size = sizeof(error);
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error) return base::unavailable("cannot connect to " + where + ": " + std::strerror(error));
  // Silence is what most servers answer before they are spoken to.
  if (!socket.wait(POLLIN | POLLRDHUP, std::min(end, Clock::now() + kStaysOpen))) return {};
  char byte = 0;
  const ssize_t got = ::recv(socket.fd(), &byte, 1, 0);
  if (got > 0) return {};
  return base::unavailable(
      where + " closed the connection at once: " +
      (got < 0 ? std::strerror(errno) : "the application does not listen yet"));
}

}  // namespace agent
