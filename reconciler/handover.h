#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/model.h"

// A service goes from one node to another. Agents share only git, so each decides for itself, from
// what it can see of the other node (Observed::peers), when the other one serves.
// docs/decisions/0013-handover.md says why it is done so.
namespace reconciler {

// The handover of a service that goes from `self`, or from another node to which `self` leads, to
// the node `to`.
Handover handover_of(const crds::Service& service, const NodeName& to, const NodeName& self,
                     const crds::Fleet& fleet, const std::map<NodeName, crds::Node>& nodes);

// How one handover stands.
struct Standing {
  bool ready_there = false;  // what leads to the service may lead there
  bool over = false;         // and this node may let go of it
  bool late = false;         // it takes longer than it should, and somebody has to look
  std::string message;       // where the service goes, and what is waited for
  ComponentMemory next;
  std::optional<TimePoint> wake_at;
};

// `answer` may be null: nobody has been asked yet. While something tells how the other node stands,
// it is waited for, however long that takes: a node that is down costs nothing. Where nothing can
// tell, the handover is over after kHandoverGrace. Pure.
Standing judge_handover(const ServiceName& service, const Handover& handover,
                        const PeerAnswer* answer, const ComponentMemory& memory, TimePoint now);

inline constexpr Millis kHandoverGrace = std::chrono::minutes(5);

// Under which the handover is remembered.
ComponentKey handover_key(const ServiceName& service, const Handover& handover);

// The handover is over: what this node had of the service is nobody's any more.
void let_go(Desired& desired, const ServiceName& service);

// What a person is told of a service whose data is on another node.
std::string data_hint(const ServiceName& service, const NodeName& here);

}  // namespace reconciler
