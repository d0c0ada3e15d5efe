#pragma once

#include <functional>
#include <string_view>

#include "agent/runtime/api.h"

// For this folder alone.
namespace agent {

// Hands a container's log, both streams, to `sink` line by line, and an empty piece about once a
// second while nothing comes; until it ends or `sink` says false. `deadline` zero: none.
base::Result<> read_log(PodmanApi& api, const reconciler::ContainerId& id, Parameters parameters,
                        base::Millis deadline, const std::function<bool(std::string_view)>& sink);

}  // namespace agent
