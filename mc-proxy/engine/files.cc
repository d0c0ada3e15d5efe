#include "mc-proxy/engine/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace mc_proxy {

base::Result<> write_file(const std::string& path, const std::string& text) {
  if (const auto there = read_file(path); there && *there == text) return {};
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool fine = fd >= 0;
  for (size_t at = 0; fine && at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    fine = n > 0;
    if (fine) at += static_cast<size_t>(n);
  }
  if (fd >= 0) fine = ::close(fd) == 0 && fine;
  if (fine && ::rename(fresh.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(fresh.c_str());
  const bool full = error == ENOSPC || error == EDQUOT;
  return base::make_error(
      full ? base::Code::kExhausted : base::Code::kDenied,
      "cannot write " + path + ": " + std::strerror(error),
      full ? "free space on the file system of " + path : "check owner and mode of its folder");
}

base::Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in || text.empty()) return base::not_found("cannot read " + path);
  return text;
}

}  // namespace mc_proxy
