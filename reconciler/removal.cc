#include "reconciler/back_off.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"
#include "reconciler/steps.h"

namespace reconciler {

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
  const ObservedContainer& first = *containers.front();
  const bool stopped =
      first.state == ContainerState::kExited || first.state == ContainerState::kCreated;
  decision.step = stopped ? remove_step(key, revision, first, cause)
                          : stop_step(key, revision, first, std::chrono::seconds(10), cause);
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

Decision decide_edge(const Desired::Edge& edge, const ObservedProxy& proxy,
                     const std::string& owner, const ComponentMemory& memory, TimePoint now) {
  Decision decision;
  decision.next = memory;
  decision.phase = Phase::kReady;
  decision.available = true;
  const auto there = proxy.routes.find(edge.spec.key);
  if (there != proxy.routes.end() && there->second.owner == owner &&
      there->second.spec == edge.spec) {
    decision.next = {};
    return decision;
  }
  decision.phase = Phase::kFailing;
  decision.reason = reason::kRouteFailed;
  decision.message = "route " + edge.spec.key.text() + " is not set yet";
  if (there != proxy.routes.end() && there->second.owner != owner) {
    decision.reason = reason::kRouteConflict;
    decision.message =
        "route " + edge.spec.key.text() + " belongs to '" + there->second.owner + "' in mc-proxy";
    return decision;
  }
  if (memory.failure) decision.message = memory.failure->error.text();
  if (proxy.error) return decision;
  if (!due(memory.step_back_off.next_at, now, kStepRetry))
    decision.wake_at = memory.step_back_off.next_at;
  else
    decision.step = route_step(edge.key, edge.revision, edge.spec.backend, {edge.spec}, {},
                               "edge of service " + edge.key.service.str());
  return decision;
}

}  // namespace reconciler
