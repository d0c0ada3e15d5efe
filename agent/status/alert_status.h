#pragma once

#include "agent/status/json.h"

namespace agent {

// What is wrong now and was worth telling; and how it goes with those who are told.
Json alerts_json(const AlertsState& alerts);
Json receivers_json(const AlertsState& alerts);

}  // namespace agent
