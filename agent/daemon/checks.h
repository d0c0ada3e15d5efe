#pragma once

#include <vector>

#include "agent/config/config.h"

namespace agent {

// What `mcp-agent check` asks the environment: the remote, podman, mc-proxy, who knows people,
// the registry, the socket's folder. Asking changes nothing that matters.
std::vector<CheckProbe> environment_probes(const Config& config);

}  // namespace agent
