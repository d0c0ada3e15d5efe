#pragma once

#include <string>
#include <vector>

#include "controller/fleet/documents.h"
#include "controller/intent/repository.h"

namespace controller {

// What one node would do.
struct NodePlan {
  std::string label;
  PlanDocument plan;
};

// What every node would do if `then` came into force where `now` is: as their agents would plan it,
// except for what only they know ([policy], what was held before). Asks nobody.
std::vector<NodePlan> plan_between(const Definitions& now, const Definitions& then);

}  // namespace controller
