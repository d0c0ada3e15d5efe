#include "reconciler/handover.h"

#include "reconciler/normalise.h"
#include "reconciler/routes.h"

namespace reconciler {
namespace {

// Whoever else forwards to us learns of the commit, and of the other node, so much later at most.
constexpr Millis kFollowersNeed = std::chrono::minutes(1);

std::string waits_for(const HandoverMemory& memory, const PeerAnswer* answer) {
  if (answer != nullptr && answer->state == PeerAnswer::State::kNotReady) return answer->message;
  if (memory.ready != TimePoint{})
    return "ready there; those who forward to this node have until " +
           base::to_rfc3339(memory.ready + kFollowersNeed) + " to notice";
  if (memory.witnessed) return "it is being asked again";
  return "nothing tells yet how it stands there, so until " +
         base::to_rfc3339(memory.since + kHandoverGrace) + " at most";
}

}  // namespace

Handover handover_of(const crds::Service& service, const NodeName& to, const NodeName& self,
                     const crds::Fleet& fleet, const std::map<NodeName, crds::Node>& nodes) {
  Handover handover{.to = to};
  if (const auto there = nodes.find(to); there != nodes.end())
    handover.address = there->second.address;
  for (const crds::Component& written : service.components) {
    const crds::Component component = complete(written, service, fleet);
    for (const crds::Route& route : component.routes) {
      const bool edge = !route.edge.empty();
      handover.followed |= edge && route.edge != self.str() && route.edge != to.str();
      // The mc-proxy of its edge has the name already, and passes it on to us.
      if (route.edge == to.str() || route.hostname.empty()) continue;
      handover.names.push_back({key_of(route), route.mode, edge});
    }
  }
  return handover;
}

ComponentKey handover_key(const ServiceName& service, const Handover& handover) {
  return {service, ComponentName("handover:" + handover.to.str())};
}

Standing judge_handover(const ServiceName& service, const Handover& handover,
                        const PeerAnswer* answer, const ComponentMemory& memory, TimePoint now) {
  using State = PeerAnswer::State;
  Standing standing;
  HandoverMemory next = memory.handover.value_or(HandoverMemory{});
  if (next.since == TimePoint{} || next.since > now) next.since = now;
  const State state =
      answer != nullptr && answer->node == handover.to ? answer->state : State::kUnknown;
  next.witnessed |= state != State::kUnknown;
  if (state == State::kNotReady) next.ready = {};
  if (state == State::kReady && (next.ready == TimePoint{} || next.ready > now)) next.ready = now;

  const TimePoint grace = next.since + kHandoverGrace;
  const bool in_time = now < grace;
  if (next.ready != TimePoint{}) {
    const TimePoint noticed = handover.followed ? next.ready + kFollowersNeed : next.ready;
    standing.ready_there = true;
    standing.over = now >= noticed;
    if (!standing.over) standing.wake_at = noticed;
  } else {
    standing.ready_there = standing.over = !next.witnessed && !in_time;
    if (in_time) standing.wake_at = grace;
    standing.late = !in_time && next.witnessed;
  }
  standing.message = "placed on " + handover.to.str() +
                     ", and stays here until it is ready there: " + waits_for(next, answer);
  if (standing.late)
    standing.message += " (see to the agent of " + handover.to.str() + "; mcp why " +
                        service.str() +
                        "; to let go of it here all the same: mcp sync --allow-prune)";
  standing.next = memory;
  standing.next.handover = next;
  return standing;
}

void let_go(Desired& desired, const ServiceName& service) {
  const auto handover = desired.handovers.find(service);
  if (handover == desired.handovers.end()) return;
  desired.handovers.erase(handover);
  const auto here = desired.services.find(service);
  if (here != desired.services.end() && !here->second.goes_to.empty()) desired.services.erase(here);
  for (Desired::Edge& edge : desired.edges)
    if (edge.key.service == service) edge.former.clear();
}

std::string data_hint(const ServiceName& service, const NodeName& here) {
  const std::string& name = service.str();
  return "bring it here: mcp stop " + name + ", mcp pull " + name + " and mcp push --node " +
         here.str() + " for its files, then mcp start " + name +
         " --here; that alone starts it without them";
}

}  // namespace reconciler
