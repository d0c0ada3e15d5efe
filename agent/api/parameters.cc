#include "agent/api/parameters.h"

#include <charconv>

namespace agent {
namespace {

base::Error bad(const std::string& name, const std::string& value, const std::string& hint) {
  return base::invalid("parameter " + name + ": '" + value + "' cannot be used", hint);
}

}  // namespace

base::Result<std::optional<int64_t>> number_parameter(const base::HttpRequest& request,
                                                      const std::string& name) {
  const auto given = request.query.find(name);
  if (given == request.query.end()) return std::optional<int64_t>();
  const std::string& text = given->second;
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < 0)
    return bad(name, text, "give a number that is not negative");
  return std::optional(value);
}

base::Result<bool> flag_parameter(const base::HttpRequest& request, const std::string& name) {
  const auto given = request.query.find(name);
  if (given == request.query.end()) return false;
  const std::string& text = given->second;
  if (text == "true" || text == "1" || text.empty()) return true;
  if (text == "false" || text == "0") return false;
  return bad(name, text, "give true or false");
}

base::Result<std::optional<base::TimePoint>> time_parameter(const base::HttpRequest& request,
                                                            const std::string& name,
                                                            base::TimePoint now) {
  const auto given = request.query.find(name);
  if (given == request.query.end() || given->second.empty())
    return std::optional<base::TimePoint>();
  if (const auto time = base::parse_rfc3339(given->second)) return std::optional(*time);
  if (const auto ago = base::parse_duration(given->second)) return std::optional(now - *ago);
  return bad(name, given->second, "give a time as 2026-11-22T10:00:00Z, or a duration as 10m");
}

}  // namespace agent
