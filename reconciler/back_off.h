#pragma once

#include <string_view>

#include "base/core/time.h"

namespace reconciler {

using base::Millis;
using base::TimePoint;

struct Schedule {
  Millis first;
  Millis cap;
};
inline constexpr Schedule kStepRetry{std::chrono::seconds(1), std::chrono::minutes(5)};
inline constexpr Schedule kRolloutRetry{std::chrono::seconds(15), std::chrono::minutes(10)};
inline constexpr Schedule kHealDelay{std::chrono::seconds(1), std::chrono::minutes(2)};

// first * 2^(attempts - 1), at most cap, then up to 20 % more. The jitter comes from `seed`, so
// equal arguments give equal delays, and different components do not retry in step.
Millis delay(const Schedule& schedule, int attempts, std::string_view seed);

// Whether `at` has come. A time that is further ahead than twice `longest`, the longest that
// anybody waits here, was set by a clock that has since stepped back, and counts as come.
bool due(TimePoint at, TimePoint now, Millis longest);
// The delays of the schedule are what is waited for.
bool due(TimePoint at, TimePoint now, const Schedule& schedule);

}  // namespace reconciler
