#include "base/core/time.h"

#include <cctype>
#include <cstdio>

namespace base {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Unit {
  std::string_view name;
  Millis length;
};
constexpr Unit kUnits[] = {
    {"ms", Millis(1)}, {"s", seconds(1)}, {"m", minutes(1)}, {"h", hours(1)}, {"d", days(1)}};

// Reads exactly `width` digits at `at`; -1 when they are not there.
int digits(std::string_view text, size_t at, size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (char c : text.substr(at, width)) {
    if (!std::isdigit(static_cast<unsigned char>(c))) return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool is_at(std::string_view text, size_t at, std::string_view any_of) {
  return at < text.size() && any_of.find(text[at]) != std::string_view::npos;
}

}  // namespace

std::string to_rfc3339(TimePoint time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Millis> clock(time - day);
  char out[48];
  int n = std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                        unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                        int(clock.minutes().count()), int(clock.seconds().count()));
  if (clock.subseconds().count() != 0)
    n += std::snprintf(out + n, sizeof out - n, ".%03d", int(clock.subseconds().count()));
  return std::string(out, n) + "Z";
}

Result<TimePoint> parse_rfc3339(std::string_view text) {
  const Error bad = invalid("'" + std::string(text) + "' is not an RFC 3339 time",
                            "write it as 2026-11-22T10:00:00Z");
  const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  const bool shape = is_at(text, 4, "-") && is_at(text, 7, "-") && is_at(text, 10, "Tt ") &&
                     is_at(text, 13, ":") && is_at(text, 16, ":");
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!shape || year < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60)
    return bad;
  size_t at = 19;
  Millis fraction(0);
  if (is_at(text, at, ".")) {
    int scale = 100;
    const size_t first = ++at;
    for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
         ++at, scale /= 10)
      fraction += Millis((text[at] - '0') * scale);
    if (at == first) return bad;
  }
  minutes offset(0);
  if (is_at(text, at, "Zz")) {
    ++at;
  } else if (is_at(text, at, "+-")) {
    const int h = digits(text, at + 1, 2), m = digits(text, at + 4, 2);
    if (h < 0 || m < 0 || !is_at(text, at + 3, ":")) return bad;
    offset = (hours(h) + minutes(m)) * (text[at] == '-' ? -1 : 1);
    at += 6;
  } else {
    return bad;
  }
  if (at != text.size()) return bad;
  return TimePoint(std::chrono::sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         fraction - offset;
}

Result<Millis> parse_duration(std::string_view text) {
  const Error bad = invalid("'" + std::string(text) + "' is not a duration",
                            "write it as 500ms, 10s, 2m or 1h30m");
  Millis total(0);
  size_t at = 0;
  if (text.empty()) return bad;
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end == at || end - at > 9) return bad;
    const long count = std::stol(std::string(text.substr(at, end - at)));
    at = end;
    while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
    bool known = false;
    for (const Unit& unit : kUnits) {
      if (unit.name != text.substr(at, end - at)) continue;
      total += unit.length * count;
      known = true;
    }
    if (!known) return bad;
    at = end;
  }
  return total;
}

std::string to_duration(Millis duration) {
  std::string out;
  for (auto unit = std::rbegin(kUnits); unit != std::rend(kUnits); ++unit) {
    const auto count = duration / unit->length;
    if (count == 0) continue;
    out += std::to_string(count) + std::string(unit->name);
    duration -= unit->length * count;
  }
  return out.empty() ? "0s" : out;
}

std::string short_age(Millis age) {
  for (auto unit = std::rbegin(kUnits); unit != std::rend(kUnits); ++unit)
    if (unit->length >= seconds(1) && age >= unit->length)
      return std::to_string(age / unit->length) + std::string(unit->name);
  return "0s";
}

}  // namespace base
