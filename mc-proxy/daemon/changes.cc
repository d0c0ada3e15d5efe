#include "mc-proxy/daemon/changes.h"

#include <chrono>

namespace mc_proxy {

Changes::Changes()
    : number_(static_cast<uint64_t>(std::chrono::duration_cast<base::Millis>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count())) {}

void Changes::count() {
  {
    const std::scoped_lock lock(mutex_);
    ++number_;
  }
  changed_.notify_all();
}

uint64_t Changes::next(uint64_t seen, base::Millis patience, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, patience, [&] { return number_ != seen; });
  return number_;
}

}  // namespace mc_proxy
