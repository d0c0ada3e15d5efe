#pragma once

#include <chrono>
#include <string>

#include "base/core/result.h"
#include "base/core/time.h"

// Private to this folder.
namespace base::git {

// The instant at which every wait of one operation ends.
class Deadline {
 public:
  explicit Deadline(Millis timeout) : timeout_(timeout), end_(Clock::now() + timeout) {}
  Millis left() const;  // never negative
  bool passed() const { return left() == Millis(0); }
  Error error(const std::string& doing) const;

 private:
  using Clock = std::chrono::steady_clock;
  Millis timeout_;
  Clock::time_point end_;
};

// A TCP connection whose every call ends by the deadline, with kTimeout.
class Socket {
 public:
  // Tries every address of the host. kUnavailable: not resolved, refused, unreachable.
  static Result<Socket> connect(const std::string& host, const std::string& port,
                                const Deadline& deadline);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  // At least one byte; 0: the other side closed.
  Result<size_t> read(void* data, size_t size, const Deadline& deadline);
  // At least one byte.
  Result<size_t> write(const void* data, size_t size, const Deadline& deadline);
  int descriptor() const { return descriptor_; }

 private:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace base::git
