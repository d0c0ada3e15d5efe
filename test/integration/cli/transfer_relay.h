#pragma once

#include <atomic>
#include <future>
#include <string>
#include <thread>

namespace test {

// Passes connections of a Unix socket on to another one. When so many bytes of one have come this
// way it ends it, takes no more until it is told to go on, or makes another byte of the next.
class TransferRelay {
 public:
  enum class Way { kUp, kDown };  // from who connects; to who connects
  enum class End { kCut, kHold, kSpoil };
  TransferRelay(std::string socket, std::string target, Way way, size_t bytes, End end);
  ~TransferRelay();
  TransferRelay(const TransferRelay&) = delete;
  TransferRelay& operator=(const TransferRelay&) = delete;

  const std::string& socket() const { return socket_; }
  // Until that many bytes have come; false: not within a minute.
  bool wait_reached();
  void go_on();

 private:
  void loop();

  const std::string socket_;
  const std::string target_;
  const Way way_;
  const size_t bytes_;
  const End end_;
  int listener_ = -1;
  int wake_ = -1;  // eventfd(2): stop_ or free_ has changed
  std::atomic<bool> stop_ = false;
  std::atomic<bool> free_ = false;
  std::promise<void> reached_;
  std::thread thread_;
};

}  // namespace test
