#pragma once

#include <string>
#include <string_view>

namespace agent {

// What was found out about one thing that the agent needs, and what to do about it.
struct Finding {
  enum class Level { kOk, kWarning, kError };
  Level level = Level::kOk;
  std::string what;  // "config", "source", "podman", "disk", ...
  std::string text;
  std::string hint = {};     // what to do; empty: nothing, or the text says it
  std::string line() const;  // "error    source: cannot reach ... (is it up?)"
  friend bool operator==(const Finding&, const Finding&) = default;
};

// "ok", "warning", "error"
std::string_view name(Finding::Level level);

}  // namespace agent
