#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/core/time.h"

struct ssl_st;

// For this folder alone.
namespace base {

struct WireLimits {
  Millis read_timeout{5000};   // for the next bytes
  Millis write_timeout{5000};  // for the peer to take the next bytes
  // A whole request takes at most `grace`, and a second more for each `slowest` bytes of it: who
  // sends a byte now and then does not hold a thread.
  Millis grace{10000};
  size_t slowest = 16 << 10;
  size_t max_head = 64 << 10;  // bytes before head_read(), and of a line after it
  size_t max_field = 8 << 10;  // bytes of a line of the head after its first, with its end
};

// The server's end of one connection, plain or TLS. One thread.
class Wire {
 public:
  Wire(int fd, WireLimits limits);  // owns `fd`
  ~Wire();                          // ends TLS, closes
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Owns `tls`. False: the peer does not speak it, or not in time.
  bool handshake(ssl_st* tls);

  // 0: the peer has ended its side. -1: it broke, or is too slow, or says too much.
  ssize_t read(char* to, size_t size);
  ssize_t write(const char* from, size_t size);
  bool readable() const;
  bool writable() const;  // and the peer is still there
  void head_read() { in_head_ = false; }

  // Why nothing more of the head was read, if it was for its size.
  enum class Refused { kNothing, kTarget, kHeaders };
  Refused refused() const { return refused_; }
  // Says that nothing more comes, and throws away what the peer still sends, until it has closed:
  // with bytes that nobody took, closing would take back what was written (RFC 9112 section 9.6).
  // Up to so many bytes, and for at most the read timeout.
  void drain(size_t most);

  // "192.0.2.7" and its port; for a Unix socket "uid 1000" and its process (SO_PEERCRED).
  std::string peer() const { return peer_; }
  int peer_port() const { return peer_port_; }
  int fd() const { return fd_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point read_until() const;
  bool wait(short events, Clock::time_point until) const;
  // Goes on with a call of OpenSSL that wants the socket first. False: it failed, or `until` came.
  bool wait_for_tls(int result, Clock::time_point until) const;
  bool peer_is_there() const;
  // What has come of the head; false: it is too large.
  bool may_go_on(std::string_view bytes);

  const int fd_;
  const WireLimits limits_;
  const Clock::time_point accepted_ = Clock::now();
  ssl_st* tls_ = nullptr;
  size_t received_ = 0;
  bool in_head_ = true;
  size_t in_line_ = 0;  // bytes that were asked for one by one, as the library reads lines
  size_t lines_ = 0;    // of the head, that are whole
  size_t field_ = 0;    // bytes of its line that is not
  Refused refused_ = Refused::kNothing;
  std::string peer_;
  int peer_port_ = 0;
};

}  // namespace base
