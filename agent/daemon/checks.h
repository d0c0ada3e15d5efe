#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/runtime/podman.h"
#include "agent/view/view.h"

namespace agent {

// What `mcp-agent check` asks the environment: the remote, podman, mc-proxy, who knows people,
// the registry, the socket's folder. Asking changes nothing that matters. `running`: how things
// stand for the agent that runs with this configuration, which has asked the remote already; null:
// none does.
std::vector<CheckProbe> environment_probes(const Config& config, Podman& podman,
                                           const View* running);

// All findings: the file's, those of environment_probes(), and the machine's (agent/doctor). As
// long as the remote's timeout at most.
std::vector<Finding> examine(const LoadedConfig& loaded, Podman& podman, const View* running);

// {"findings": [...]}, as the API has them.
std::string findings_document(const std::vector<Finding>& findings);

}  // namespace agent
