#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

// What a program counts of itself, for Prometheus (https://prometheus.io/docs/practices/naming/).
// Counting costs some atomic additions; nothing is global, so whoever makes an instrument decides
// how long it counts. Any thread.
namespace base::metrics {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// Durations in buckets whose upper bounds (seconds) suit calls of milliseconds as well as pulls and
// rollouts of minutes: one set for all, so that any two can be compared.
class Histogram {
 public:
  static constexpr double kBounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                       1,     2.5,    5,     10,   30,    60,   120, 300,  600};
  static constexpr size_t kBuckets = std::size(kBounds) + 1;  // the last one has no bound

  void observe(std::chrono::nanoseconds duration);

  struct Values {
    uint64_t up_to[kBuckets];  // observations up to the bound, those of smaller ones included
    double sum = 0;            // seconds
    uint64_t count() const { return up_to[kBuckets - 1]; }
  };
  // Buckets that belong together within what other threads add meanwhile.
  Values values() const;

 private:
  std::atomic<uint64_t> buckets_[kBuckets] = {};
  std::atomic<uint64_t> sum_nanos_ = 0;
};

// One instrument for each combination of label values; few, and made when first used.
template <class Instrument>
class Labelled {
 public:
  using Values = std::vector<std::string>;

  // As good as the family lives: a hot path may keep it.
  Instrument& with(const Values& values) {
    const std::lock_guard lock(mutex_);
    auto& one = all_[values];
    if (!one) one = std::make_unique<Instrument>();
    return *one;
  }
  // In the order of the values. `visit` must not come back here.
  template <class Visit>
  void each(const Visit& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [values, one] : all_) visit(values, *one);
  }

 private:
  mutable std::mutex mutex_;
  std::map<Values, std::unique_ptr<Instrument>> all_;
};

// Time since it was made, on a clock that never steps.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - begun_; }

 private:
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace base::metrics
