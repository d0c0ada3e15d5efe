#include "mc-proxy/daemon/network.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace mc_proxy {
namespace {

using base::Millis;
using base::Result;

struct Addresses {
  addrinfo* first = nullptr;
  ~Addresses() {
    if (first) ::freeaddrinfo(first);
  }
};

int look_up(const std::string& host, const std::string& port, int flags, Addresses& out) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_socktype = SOCK_STREAM;
  return ::getaddrinfo(host.c_str(), port.c_str(), &hints, &out.first);
}

bool has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

std::string host_of(const Listener& listener) {
  return listener.address.substr(0, listener.address.rfind(':'));
}

// 0, or why no socket can have the address (errno).
int try_bind(const std::string& host, uint16_t port) {
  Addresses found;
  if (look_up(host, std::to_string(port), AI_NUMERICHOST | AI_PASSIVE, found) != 0)
    return EADDRNOTAVAIL;
  const int fd = ::socket(found.first->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (found.first->ai_family == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  const int failed = ::bind(fd, found.first->ai_addr, found.first->ai_addrlen);
  const int error = errno;
  ::close(fd);
  return failed ? error : 0;
}

int connecting(const HostPort& address) {
  Addresses found;
  if (look_up(address.host, std::to_string(address.port), AI_NUMERICHOST, found) != 0) return -1;
  const int fd = ::socket(found.first->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (::connect(fd, found.first->ai_addr, found.first->ai_addrlen) == 0 || errno == EINPROGRESS)
    return fd;
  ::close(fd);
  return -1;
}

}  // namespace

bool is_numeric(const std::string& host) {
  Addresses found;
  return look_up(host, "", AI_NUMERICHOST, found) == 0;
}

Result<std::string> resolve(const std::string& host) {
  Addresses found;
  const int failed = look_up(host, "", 0, found);
  if (failed != 0)
    return base::unavailable("cannot find the address of " + host + ": " + ::gai_strerror(failed),
                             "write the backend as IP:port, or mend the name");
  char text[NI_MAXHOST] = {};
  ::getnameinfo(found.first->ai_addr, found.first->ai_addrlen, text, sizeof text, nullptr, 0,
                NI_NUMERICHOST);
  return std::string(text);
}

std::string bind_address(const Listener& listener) {
  if (!host_of(listener).empty()) return listener.address;
  // Two sockets: on a shared one an IPv4 client would have an address of IPv6 (::ffff:192.0.2.1).
  return "*" + listener.address + (has_ipv6() ? ",[::]" + listener.address + " v6only" : "");
}

Result<> can_bind(const Listener& listener) {
  const std::string host = host_of(listener);
  std::vector<std::string> hosts{host};
  if (host.starts_with('[')) hosts = {host.substr(1, host.size() - 2)};
  if (host.empty()) hosts = {"0.0.0.0"};
  if (host.empty() && has_ipv6()) hosts.emplace_back("::");
  for (const std::string& one : hosts) {
    const int error = try_bind(one, listener.port());
    if (error != 0)
      return base::make_error(
          base::Code::kConflict,
          "cannot listen on " + listener.address + ": " + std::strerror(error),
          error == EADDRINUSE ? "another program holds the port; stop it, or choose another address"
          : error == EACCES   ? "give mc-proxy CAP_NET_BIND_SERVICE, as its systemd unit does"
          : error == EADDRNOTAVAIL ? "no interface of this machine has the address now"
                                   : "");
  }
  return {};
}

std::vector<bool> reachable(const std::vector<HostPort>& addresses, Millis patience) {
  std::vector<pollfd> waits;
  for (const HostPort& address : addresses) waits.push_back({connecting(address), POLLOUT, 0});
  std::vector<bool> answers(addresses.size());
  const auto until = std::chrono::steady_clock::now() + patience;
  for (size_t open = addresses.size(); open > 0;) {
    const auto left = std::chrono::ceil<Millis>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0 ||
        ::poll(waits.data(), waits.size(), static_cast<int>(left.count())) <= 0)
      break;
    open = 0;
    for (size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].fd < 0) continue;
      if (waits[i].revents == 0) {
        ++open;
        continue;
      }
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(waits[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
      answers[i] = error == 0;
      ::close(waits[i].fd);
      waits[i].fd = -1;
    }
  }
  for (const pollfd& wait : waits)
    if (wait.fd >= 0) ::close(wait.fd);
  return answers;
}

}  // namespace mc_proxy
