#include "base/metrics/metrics.h"

#include <algorithm>
#include <iterator>

namespace base::metrics {

void Histogram::observe(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto* bound = std::lower_bound(std::begin(kBounds), std::end(kBounds), seconds);
  buckets_[bound - std::begin(kBounds)].fetch_add(1, std::memory_order_relaxed);
  // A rollout's times are those of the wall clock, which can step back.
  sum_nanos_.fetch_add(static_cast<uint64_t>(std::max<int64_t>(0, duration.count())),
                       std::memory_order_relaxed);
}

Histogram::Values Histogram::values() const {
  Values out;
  out.sum = static_cast<double>(sum_nanos_.load(std::memory_order_relaxed)) / 1e9;
  uint64_t total = 0;
  for (size_t i = 0; i < kBuckets; ++i)
    out.up_to[i] = total += buckets_[i].load(std::memory_order_relaxed);
  return out;
}

}  // namespace base::metrics
