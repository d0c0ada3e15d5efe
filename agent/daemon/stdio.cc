#include "agent/daemon/stdio.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "base/core/text.h"

namespace agent {
namespace {

// Until `from` ends, or `to` takes no more.
void copy(int from, int to) {
  char buffer[64 << 10];
  while (true) {
    const ssize_t got = ::read(from, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, buffer + done, static_cast<size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return;
      done += put;
    }
  }
}

// -1 with errno.
int connect_to(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

base::Result<> join_stdio(const std::vector<std::string>& sockets) {
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> tried;
  for (const std::string& path : sockets) {
    const int fd = connect_to(path);
    if (fd < 0) {
      tried.push_back(path + ": " + std::strerror(errno));
      continue;
    }
    std::thread([fd] {
      copy(STDIN_FILENO, fd);
      ::shutdown(fd, SHUT_WR);
    }).detach();
    copy(fd, STDOUT_FILENO);
    ::_exit(0);
  }
  return base::unavailable("no agent answers here (" + base::join(tried, "; ") + ")",
                           "is mcp-agent running, and may this user use its socket (group mcp)?");
}

}  // namespace agent
