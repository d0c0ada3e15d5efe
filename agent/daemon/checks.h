#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/runtime/podman.h"

namespace agent {

// What `mcp-agent check` asks the environment: the remote, podman, mc-proxy, who knows people,
// the registry, the socket's folder. Asking changes nothing that matters.
std::vector<CheckProbe> environment_probes(const Config& config, Podman& podman);

// All findings: the file's, those of environment_probes(), and the machine's (agent/doctor). As
// long as the remote's timeout at most. `wanted`: see examine_machine().
std::vector<Finding> examine(const LoadedConfig& loaded, Podman& podman,
                             const std::map<uint16_t, std::string>& wanted);

// {"findings": [...]}, as the API has them.
std::string findings_document(const std::vector<Finding>& findings);

// Fixed ports of the host that definitions of this node ask for, and the component that does.
std::map<uint16_t, std::string> wanted_ports(const reconciler::Desired& desired);

}  // namespace agent
