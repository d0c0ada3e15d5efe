#pragma once

#include <map>
#include <string>

#include "agent/status/json.h"
#include "agent/status/picture.h"

namespace agent {

// "managed" | "not managed" | "unavailable", and why it is the last; null otherwise.
std::string routes_state(const View& view);
Json routes_error(const View& view);

// The component's routes as they should be, with what mc-proxy has of each. `container`: the one
// that stands for it; may be null.
Json component_routes(const Picture& picture, const reconciler::ComponentKey& key,
                      const reconciler::ComponentDesired& desired,
                      const reconciler::ObservedContainer* container);

// How a route that a component asks for stands.
enum class RouteState {
  kRegistered,  // leads to a container of the component
  kMissing,
  kTaken,  // another owner has the name
};
RouteState route_state(const Picture& picture, const reconciler::ComponentKey& key,
                       const crds::Route& route);

// How the last rollout of the component went, or goes; null: none is remembered.
Json rollout_json(const Picture& picture, const reconciler::ComponentKey& key);

}  // namespace agent
