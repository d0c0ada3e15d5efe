#pragma once

#include <map>
#include <optional>
#include <vector>

#include "crds/types/position.h"
#include "crds/types/types.h"

namespace crds {

// One document of one file. `name_at` is where its name stands.
template <class Kind>
struct Located {
  Kind value;
  Position name_at;
  friend bool operator==(const Located&, const Located&) = default;
};

// All definitions of one tree: what SOURCE hands to PLAN.
struct Tree {
  std::map<ServiceName, Located<Service>> services;
  std::map<NodeName, Located<Node>> nodes;
  std::optional<Fleet> fleet;
  std::vector<Diagnostic> problems;
  // Every service that must not move from its last good definition, and why.
  std::map<ServiceName, std::vector<Diagnostic>> broken;
  // Set when the fleet or a node file is unreadable: those keep their last good value as well.
  bool fleet_broken = false;
  bool nodes_broken = false;
};

}  // namespace crds
