#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/core/result.h"

// For this folder alone.
namespace agent {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// "a/b/c" as its parts. kInvalid: empty, absolute, with "..", a NUL, or an empty name inside.
base::Result<std::vector<std::string>> path_parts(const std::string& path);

// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS. `what` is the path for messages.
base::Result<Descriptor> open_beneath(int folder, const std::string& path, int flags, unsigned mode,
                                      const std::string& what);

// kNotFound, kDenied, kExhausted, kConflict or kInternal, by errno.
base::Error file_error(const std::string& doing, const std::string& what, int error);

}  // namespace agent
