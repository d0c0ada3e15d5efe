#pragma once

#include "agent/config/config.h"
#include "agent/runtime/podman.h"
#include "agent/source/git_source.h"

namespace agent {

// [source] of the configuration as SOURCE wants it.
GitSourceConfig source_config(const Config& config, const reconciler::Revision& since);

// [podman] as the runtime wants it.
PodmanOptions podman_options(const Config& config);
// The same for a visitor: the service that a running agent has started is used, not replaced.
PodmanOptions visiting_podman_options(const Config& config);

// [policy], with the agent's own folder, which no definition is given.
reconciler::Policy node_policy(const Config& config);

// What a definition asks for is judged as it is written (PLAN); where the path leads on the disk,
// by links that a container may have put there, is judged here. kDenied.
base::Result<> may_mount(const reconciler::Policy& policy, const std::string& path);

}  // namespace agent
