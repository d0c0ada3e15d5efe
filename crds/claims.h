#pragma once

#include <map>
#include <string>
#include <vector>

#include "crds/types/tree.h"

namespace crds {

// Something on a node that only one can have: a fixed host port, or a host name on a listener.
struct Claim {
  std::string key;    // equal for claims that may clash
  std::string ip;     // of a port; empty for all addresses, and for host names
  std::string what;   // "host port 8443/tcp on node rift"
  std::string field;  // "components[0].ports[1]"
};

// What a service takes when it runs. One that names no node has claims that clash only among
// themselves; an inactive one has none.
std::vector<Claim> claims_of(const Service& service, const std::string& domain);

// A claim that its service cannot have.
struct Clash {
  const Located<Service>* loser;
  Claim claim;
  ServiceName holder;
  const Located<Service>* holder_at;  // null: its last good definition holds it
  std::string holder_field;
};

// Whoever held a claim keeps it; else the first comes first served, and who loses one claim takes
// none. `services` in the order of their files. `last_good`, `broken`: as check_tree has them.
std::vector<Clash> find_clashes(const std::vector<const Located<Service>*>& services,
                                const std::map<ServiceName, Service>& last_good,
                                const std::vector<ServiceName>& broken, const std::string& domain);

}  // namespace crds
