#pragma once

#include <stop_token>

#include "agent/runtime/api.h"

namespace agent {

// Follows podman's events until `stop`, and calls `hint` as Podman::watch says.
void follow_events(PodmanApi& api, const Podman::Hint& hint, const std::stop_token& stop);

}  // namespace agent
