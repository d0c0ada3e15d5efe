#pragma once

#include <string>
#include <vector>

#include "agent/status/status.h"
#include "crds/types/position.h"
#include "reconciler/ports.h"
#include "reconciler/preview.h"

// What the API says beside STATUS, as JSON (docs/api.md).
namespace agent {

Json event_json(const reconciler::Event& event);
Json events_json(const std::vector<reconciler::Event>& events);
Json history_json(const std::vector<reconciler::RolloutRecord>& records);
Json problem_json(const crds::Diagnostic& problem);
Json change_json(const reconciler::Change& change);

// As text, with a line feed at its end. Bytes that are not UTF-8 become U+FFFD.
std::string to_body(const Json& document);

}  // namespace agent
