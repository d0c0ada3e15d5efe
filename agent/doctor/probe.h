#pragma once

#include <map>
#include <string>

#include "agent/config/config.h"
#include "agent/doctor/facts.h"
#include "agent/runtime/podman.h"

// Looks at the machine. Nothing is changed, and what cannot be looked at is said to be as it is
// where nobody looked.
namespace agent::doctor {

// The findings about the machine: all of facts.h. `wanted`: fixed host ports of what is defined
// for this node, and the component that wants each; empty when that is not known. `routes`: what
// mc-proxy has; nullptr when it was not asked, or did not answer.
std::vector<Finding> examine_machine(const Config& config, Podman& podman,
                                     const std::map<uint16_t, std::string>& wanted,
                                     const std::vector<reconciler::ObservedRoute>* routes);

// Exposed to the tests of this folder.
uint64_t count_subids(const std::string& file, const std::string& user, uid_t uid);
Certificate read_certificate(const std::string& file, const std::string& key_file);
// Processes of the user `uid` below `proc` ("/proc") that serve containers whose storage is
// `graph_root`; another podman of the same user has another one.
std::vector<Helper> find_helpers(const std::string& proc, uid_t uid, const std::string& graph_root);

}  // namespace agent::doctor
