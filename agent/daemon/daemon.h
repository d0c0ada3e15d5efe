#pragma once

#include <string>

#include "agent/config/config.h"
#include "base/core/result.h"

namespace agent {

// The whole agent in one process: source, loop, podman, registry, API. Blocks until SIGTERM or
// SIGINT; containers run on. An error says why it could not start.
base::Result<> run_daemon(const Config& config, const std::string& version);

}  // namespace agent
