#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crds/types/position.h"
#include "crds/types/types.h"

namespace crds {

// Where one field stands in the file of its document.
struct FieldPlace {
  std::string field;  // as types.h names it: "components[0].ports[1]"
  int line = 0;
  int column = 0;
  friend bool operator==(const FieldPlace&, const FieldPlace&) = default;
};

// One document of one file. `name_at` is where its name stands.
template <class Kind>
struct Located {
  Kind value;
  Position name_at;
  // What check_tree may have to point at, sorted by name: depends_on, node, ports and routes.
  std::vector<FieldPlace> fields = {};
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
