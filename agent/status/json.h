#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/status/status.h"

namespace agent {

// Null for what is empty or zero: "never", "none".
inline Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}
inline Json or_null(base::TimePoint time) {
  return time == base::TimePoint{} ? Json() : Json(base::to_rfc3339(time));
}

Json conditions_json(const std::vector<reconciler::Condition>& conditions);

// {until, reason}, or null.
Json suspended_json(const std::optional<crds::Suspend>& suspended);

// "v1.0.0" of "registry:5000/web:v1.0.0@sha256:..."; the digest where there is no tag; "latest"
// where there is neither (https://docs.podman.io/en/latest/markdown/podman-pull.1.html).
std::string version_of(const std::string& image);

}  // namespace agent
