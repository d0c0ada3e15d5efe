#pragma once

#include <string>
#include <vector>

#include "reconciler/model.h"

namespace reconciler {

// What one component would go through if another tree were in force.
struct Change {
  enum class Action { kCreate, kReplace, kUpdate, kRemove, kStop, kStart };
  Action action = Action::kCreate;
  ComponentKey key;
  std::vector<FieldChange> fields;  // kReplace and kUpdate
  bool downtime = false;            // the old container stops before the new one is ready
  friend bool operator==(const Change&, const Change&) = default;
};
std::string_view name(Change::Action action);

// Pure; services and components in the order of their names. kUpdate changes what MCP does (a
// health check, a route, a dependency) and leaves the container as it is.
std::vector<Change> preview(const Desired& now, const Desired& then);

}  // namespace reconciler
