#include "base/git/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace base::git {
namespace {

// An address that swallows packets must leave time for the host's next one.
constexpr Millis kConnectAttempt{15'000};

std::string reason(int number) {
  return std::strerror(number);
}

// Success when the descriptor is ready; errors of the connection show up in the call that follows.
Result<> wait_for(int descriptor, short events, Millis time, const Error& timeout) {
  pollfd wanted{descriptor, events, 0};
  int ready;
  do ready = poll(&wanted, 1, static_cast<int>(time.count()));
  while (ready < 0 && errno == EINTR);
  if (ready == 0) return timeout;
  if (ready < 0) return unavailable("cannot wait for a connection: " + reason(errno));
  return {};
}

Result<> connect_one(int descriptor, const addrinfo& address, const Deadline& deadline) {
  if (::connect(descriptor, address.ai_addr, address.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return unavailable(reason(errno));
  MCP_CHECK(wait_for(descriptor, POLLOUT, std::min(deadline.left(), kConnectAttempt),
                     make_error(Code::kTimeout, "no answer to the attempt to connect")));
  int number = 0;
  socklen_t size = sizeof number;
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size);
  if (number != 0) return unavailable(reason(number));
  return {};
}

template <class Call>
Result<size_t> transfer(int descriptor, short events, const Deadline& deadline,
                        const std::string& doing, Call call) {
  for (;;) {
    const ssize_t done = call();
    if (done >= 0) return static_cast<size_t>(done);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return unavailable("the connection broke: " + reason(errno));
    MCP_CHECK(wait_for(descriptor, events, deadline.left(), deadline.error(doing)));
  }
}

}  // namespace

Millis Deadline::left() const {
  return std::max(Millis(0), std::chrono::ceil<Millis>(end_ - Clock::now()));
}

Error Deadline::error(const std::string& doing) const {
  return make_error(Code::kTimeout, doing + " was not done within " + to_duration(timeout_));
}

Result<Socket> Socket::connect(const std::string& host, const std::string& port,
                               const Deadline& deadline) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &raw); code != 0)
    return unavailable("cannot resolve host '" + host + "': " + gai_strerror(code),
                       "check the name and this machine's DNS");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(raw, freeaddrinfo);
  Error last = unavailable("host '" + host + "' has no address");
  for (const addrinfo* address = raw; address != nullptr; address = address->ai_next) {
    Socket candidate(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                              address->ai_protocol));
    if (candidate.descriptor_ < 0) continue;
    const Result<> connected = connect_one(candidate.descriptor_, *address, deadline);
    if (connected) return candidate;
    last = connected.error();
    if (deadline.passed()) break;
  }
  last.message = "cannot connect to " + host + " port " + port + ": " + last.message;
  if (last.hint.empty()) last.hint = "check that the git server runs and can be reached from here";
  return last;
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<size_t> Socket::read(void* data, size_t size, const Deadline& deadline) {
  if (deadline.passed()) return deadline.error("the answer");
  return transfer(descriptor_, POLLIN, deadline, "the answer",
                  [&] { return recv(descriptor_, data, size, 0); });
}

Result<size_t> Socket::write(const void* data, size_t size, const Deadline& deadline) {
  if (deadline.passed()) return deadline.error("sending the request");
  return transfer(descriptor_, POLLOUT, deadline, "sending the request",
                  [&] { return send(descriptor_, data, size, MSG_NOSIGNAL); });
}

}  // namespace base::git
