#include "base/http/socket_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace base {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

std::pair<dev_t, ino_t> identity_of(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

}  // namespace

SocketFile::SocketFile(std::string path, int mode, std::string group)
    : path_(std::move(path)), mode_(static_cast<mode_t>(mode)), group_(std::move(group)) {}

Error SocketFile::cannot_listen(const std::string& why) const {
  return unavailable("cannot listen on " + path_ + ": " + why);
}

Result<> SocketFile::clear_the_way() const {
  struct stat info{};
  if (::lstat(path_.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return cannot_listen(std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode))
    return make_error(Code::kConflict, "cannot listen on " + path_ + ": it is not a socket",
                      "move the file away, or choose another path");
  const sockaddr_un address = address_of(path_);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return cannot_listen(std::strerror(errno));
  const int failed = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::close(probe);
  if (!failed || error == EAGAIN)
    return make_error(Code::kConflict, "cannot listen on " + path_ + ": another process does",
                      "stop it, or choose another path");
  if (error != ECONNREFUSED) return cannot_listen(std::strerror(error));
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return cannot_listen(std::strerror(errno));
  return {};
}

void SocketFile::limit(int fd) const {
  ::fchmod(fd, mode_);
}

Result<> SocketFile::taken() {
  if (!group_.empty()) {
    const ::group* found = ::getgrnam(group_.c_str());
    if (!found)
      return invalid("cannot give " + path_ + " to group " + group_ + ": there is no such group",
                     "make the group, or name another");
    if (::chown(path_.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
      return cannot_listen("group " + group_ + ": " + std::strerror(errno));
  }
  if (::chmod(path_.c_str(), mode_) != 0) return cannot_listen(std::strerror(errno));
  identity_ = identity_of(path_);
  return {};
}

bool SocketFile::lost() const {
  return identity_of(path_) != identity_;
}

Result<> SocketFile::bind_and_listen(int fd) {
  limit(fd);
  const sockaddr_un address = address_of(path_);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd, kHttpBacklog) != 0)
    return cannot_listen(std::strerror(errno));
  return taken();
}

Result<> SocketFile::restore(int listening) {
  MCP_CHECK(clear_the_way());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return cannot_listen(std::strerror(errno));
  Result<> done = bind_and_listen(fd);
  if (done && ::dup3(fd, listening, O_CLOEXEC) < 0) done = cannot_listen(std::strerror(errno));
  ::close(fd);
  return done;
}

void SocketFile::remove() const {
  if (!lost()) ::unlink(path_.c_str());
}

}  // namespace base
