#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "base/core/time.h"

namespace mc_proxy {

// A number that grows with every change of what it stands for. It starts at the milliseconds since
// 1970, so that a program that starts again has another one. Any thread.
class Changes {
 public:
  Changes();
  void count();
  // The number as soon as it is not `seen`; after `patience`, or once `stop` is requested, as it
  // is.
  uint64_t next(uint64_t seen, base::Millis patience, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  uint64_t number_;
};

}  // namespace mc_proxy
