#include "reconciler/back_off.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

// A name of theirs is to lead to the node that has the service now, and still leads to them, as far
// as mc-proxy has said.
bool awaits_edge(const ComponentKey& key, const std::vector<const ObservedContainer*>& containers,
                 const ComponentRoutes& routes) {
  if (routes.proxy == nullptr) return false;
  for (const ObservedContainer* container : containers)
    for (const ObservedRoute* route : leading_to(routes, *container))
      if (const ComponentKey* next = successor(routes, *route, key);
          next != nullptr && next->component.str().starts_with("edge:"))
        return true;
  return false;
}

}  // namespace

Decision decide_removal(const ComponentKey& key, const Revision& revision,
                        const std::vector<const ObservedContainer*>& containers,
                        const ComponentRoutes& routes, const ComponentMemory& memory,
                        TimePoint now) {
  Decision decision;
  decision.next = memory;
  decision.reason = reason::kProgressing;
  decision.message = "being removed";
  const bool failed = memory.failure && memory.failure->step >= StepKind::kRoute;
  if (failed) {
    decision.phase = Phase::kFailing;
    decision.reason = failure_reason(*memory.failure);
    decision.message = memory.failure->error.text();
  }
  if (failed && !due(memory.step_back_off.next_at, now, kStepRetry)) {
    decision.wake_at = memory.step_back_off.next_at;
    return decision;
  }
  const std::string cause = "not defined any more (commit " + revision.str().substr(0, 7) + ")";
  decision.step = unroute_step(key, revision, containers, routes, memory, cause);
  if (decision.step) return decision;
  if (awaits_edge(key, containers, routes)) {
    decision.message = "its names are about to lead to another node";
    return decision;
  }
  const ObservedContainer& first = *containers.front();
  const bool stopped =
      first.state == ContainerState::kExited || first.state == ContainerState::kCreated;
  decision.step = stopped ? remove_step(key, revision, first, cause)
                          : stop_step(key, revision, first, memory.stop_timeout, cause);
  return decision;
}

std::optional<Step> unroute_step(const ComponentKey& key, const Revision& revision,
                                 const std::vector<const ObservedContainer*>& containers,
                                 const ComponentRoutes& routes, const ComponentMemory& memory,
                                 const std::string& cause) {
  const bool refused = memory.failure && memory.failure->step == StepKind::kRoute;
  if (routes.proxy == nullptr || routes.proxy->error || refused) return std::nullopt;
  std::vector<RouteKey> keys;
  for (const ObservedContainer* container : containers)
    for (const ObservedRoute* route : leading_to(routes, *container))
      // Whoever is to have it now sets it: without a moment in which it is not there.
      if (successor(routes, *route, key) == nullptr) keys.push_back(route->spec.key);
  if (keys.empty()) return std::nullopt;
  return route_step(key, revision, "(none)", {}, std::move(keys), cause);
}

}  // namespace reconciler
