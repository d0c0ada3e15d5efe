#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace base {

using Millis = std::chrono::milliseconds;
using TimePoint = std::chrono::sys_time<Millis>;

// RFC 3339 in UTC, with milliseconds only when they are not zero: 2026-11-22T10:00:00Z.
std::string to_rfc3339(TimePoint time);
// Any RFC 3339 offset; fractions beyond the millisecond are cut.
Result<TimePoint> parse_rfc3339(std::string_view text);

// "500ms", "10s", "2m", "1h30m"; "0s" is zero. No sign, no spaces.
Result<Millis> parse_duration(std::string_view text);
std::string to_duration(Millis duration);

// For people: "5s", "3m", "2h", "4d".
std::string short_age(Millis age);

}  // namespace base
