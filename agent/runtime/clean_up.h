#pragma once

#include <string>

#include "agent/runtime/api.h"

// For this folder alone.
namespace agent {

// Whether a container can be started and has a working network then. The forwarders of a rootless
// container (slirp4netns, rootlessport) end with its conmon, which runs `podman container cleanup`
// when the container has ended. A start that comes before that finds the network namespace there,
// takes it for a working network and starts no forwarder: the container runs, and nothing answers
// on its ports (libpod's prepare(), podman 4 and 5). Root's containers need no forwarder.
//
// Waits for the clean-up, at most deadlines().clean_up; false: it has not come, or failed.
// `inspect` is the path of the container's inspection.
base::Result<bool> cleaned_up(PodmanApi& api, const std::string& inspect);

}  // namespace agent
