#include "reconciler/back_off.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"
#include "reconciler/steps.h"

namespace reconciler {

Decision decide_edge(const Desired::Edge& wished, bool moved, const ObservedProxy& proxy,
                     const std::string& owner, const ComponentMemory& memory, TimePoint now) {
  Desired::Edge edge = wished;
  if (!edge.former.empty() && !moved) edge.spec.backend = edge.former;
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
  const bool others = there != proxy.routes.end() && there->second.owner != owner;
  decision.phase = memory.failure || proxy.error || others ? Phase::kFailing : Phase::kProgressing;
  decision.reason = reason::kRouteFailed;
  decision.message = "route " + edge.spec.key.text() + " is not set yet";
  if (others) {
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
