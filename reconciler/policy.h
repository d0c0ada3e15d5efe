#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crds/types/types.h"

namespace reconciler {

// What a definition may ask of this node: [policy] of the agent's configuration, which git cannot
// change. As it stands here it is what an agent without such a section allows.
struct Policy {
  // Globs (fnmatch(3); '*' also stands for '/') of images, as written in the completed definition:
  // a short name like "web:v1" is not searched for in registries first.
  std::vector<std::string> images = {"*"};
  // Absolute paths that directories of the node must lie in. Named volumes are always allowed.
  std::vector<std::string> volume_roots = {"/srv"};
  bool host_network = false;
  bool privileged = false;
  std::vector<std::string> capabilities;     // that may be added: "NET_ADMIN"; "ALL": any
  std::vector<std::string> devices;          // globs of paths on the node
  std::vector<std::string> publish = {"*"};  // addresses that ports may be published at; "*": any
  uint64_t max_memory_bytes = 0;             // of one component; 0: no limit
  // Of the agent itself: given to no container, nor a folder that has them in it.
  std::vector<std::string> own_paths;

  static Policy anything();
};

// What the component asks for beyond the policy, one line each, with the field and the rule:
// "volumes: asks for /etc, policy.volume_roots allows /srv". Empty: nothing. Pure; paths are
// compared as written, after "." and "//" are taken out: links on the node's disk are not followed.
std::vector<std::string> violations(const crds::Component& component, const Policy& policy);

// Whether a directory of the node may be given to a container, by the same rules; for whoever knows
// where a path leads on the node's disk. Pure.
bool may_be_given(const std::string& path, const Policy& policy);

// The rules as one line for a person.
std::string summary(const Policy& policy);

}  // namespace reconciler
