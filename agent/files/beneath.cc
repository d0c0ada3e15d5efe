#include "agent/files/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/core/text.h"

namespace agent {
namespace {

constexpr size_t kLongestPath = 1024;
constexpr size_t kLongestName = 255 - sizeof(".mcp-push.");  // ext4's limit, less what a push adds

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<std::vector<std::string>> path_parts(const std::string& path) {
  const auto wrong = [&](const std::string& why) {
    return base::invalid("'" + path + "' is no path inside of a service's data: " + why,
                         "a relative path such as config/app.toml");
  };
  if (path.empty() || path.size() > kLongestPath) return wrong("empty or too long");
  if (path.find('\0') != std::string::npos) return wrong("it has a NUL in it");
  std::vector<std::string> parts = base::split(path, '/');
  if (parts.front().empty()) return wrong("it is absolute");
  for (const std::string& part : parts) {
    if (part == "..") return wrong("it has '..' in it");
    if (part.empty() || part == ".") return wrong("it has an empty name in it");
    if (part.size() > kLongestName) return wrong("a name is too long");
  }
  return parts;
}

base::Error file_error(const std::string& doing, const std::string& what, int error) {
  const std::string message = "cannot " + doing + " " + what + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return base::not_found(message);
    case EXDEV:  // openat2(2): it leads out
    case ELOOP:
      return base::make_error(base::Code::kDenied,
                              "cannot " + doing + " " + what +
                                  ": a symbolic link on the way leads out of the service's data",
                              "remove the link on the node");
    case EACCES:
    case EPERM:
    case EROFS:
      return base::make_error(base::Code::kDenied, message,
                              "the agent's user has no right to it on the node");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return base::make_error(base::Code::kExhausted, message, "make room on the node");
    case EISDIR:
      return base::make_error(base::Code::kConflict, message, "name a file in it");
    default:
      return base::make_error(base::Code::kInternal, message);
  }
}

base::Result<Descriptor> open_beneath(int folder, const std::string& path, int flags, unsigned mode,
                                      const std::string& what) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const auto fd =
        static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
    if (fd >= 0) return Descriptor(fd);
    // EAGAIN: something was renamed on the way, and the kernel could not be sure (openat2(2)).
    if (errno != EAGAIN && errno != EINTR) return file_error("open", what, errno);
  }
}

}  // namespace agent
