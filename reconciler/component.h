#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/leases.h"
#include "reconciler/model.h"
#include "reconciler/routes.h"

// The rollout machine: what one component needs next. A pure function of what is, so that any
// crash or surprise is handled by looking again. docs/architecture.md draws it.
namespace reconciler {

inline bool runs(const ObservedContainer& container) {
  return container.state == ContainerState::kRunning;
}

// Holds its ports, whether or not it does its work.
inline bool has_process(const ObservedContainer& container) {
  return runs(container) || container.state == ContainerState::kPaused;
}

struct ComponentInput {
  const ComponentKey& key;
  const NodeName& node;
  const ServiceDesired& service;
  const ComponentDesired& desired;
  const std::vector<const ObservedContainer*>& containers;  // all of this component on this node
  const Observed& observed;
  ComponentMemory memory;
  ComponentRoutes routes;
  TimePoint now;
  bool heals = true;            // what others have changed
  std::string dependency_gate;  // what a new container waits for before it is made; empty: nothing
  std::string port_gate;        // what a made one waits for before it starts; empty: nothing
  std::string port_conflict;    // a fixed port that it asks for is another's; empty: none is
};

enum class Phase {
  kReady,        // as desired
  kStopped,      // inactive, and nothing runs
  kProgressing,  // on the way; reason and message say where
  kFailing,      // something did not work; it is tried again
};

// How a component stands, for people and for those who depend on it.
struct Finding {
  Phase phase = Phase::kProgressing;
  std::string reason;
  std::string message;
  bool available = false;  // a container that is ready serves, of this definition or an older one
  bool final = false;      // failing, and tried again only when something else is asked for
  std::optional<TimePoint> wake_at;  // when time alone can change it
};

struct Decision : Finding {
  std::optional<Step> step;
  std::vector<Probe> probes;
  bool follow_routes = false;  // see Outcome
  ComponentMemory next;
};

Decision decide(ComponentInput input, PortsInUse& in_use);

// Containers of a component that is no longer desired: their routes go, then they stop and go.
Decision decide_removal(const ComponentKey& key, const Revision& revision,
                        const std::vector<const ObservedContainer*>& containers,
                        const ComponentRoutes& routes, const ComponentMemory& memory,
                        TimePoint now);

// Takes away the routes that lead to these containers; nothing when there are none, or when
// mc-proxy has refused to.
std::optional<Step> unroute_step(const ComponentKey& key, const Revision& revision,
                                 const std::vector<const ObservedContainer*>& containers,
                                 const ComponentRoutes& routes, const ComponentMemory& memory,
                                 const std::string& cause);

// What this node forwards for another. `moved`: the service is ready where it is to be, if it came
// from another node.
Decision decide_edge(const Desired::Edge& edge, bool moved, const ObservedProxy& proxy,
                     const std::string& owner, const ComponentMemory& memory, TimePoint now);

// What differs between a container of ours and what its definition asks for.
std::vector<FieldChange> drift(const ComponentDesired& desired, const ObservedContainer& container);

}  // namespace reconciler
