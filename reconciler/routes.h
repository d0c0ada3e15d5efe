#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "reconciler/model.h"

// What mc-proxy should have, beside what it has.
namespace reconciler {

// The routes of one component, as one pass sees them. Empty where routes are not managed.
struct ComponentRoutes {
  const ObservedProxy* proxy = nullptr;                              // null: not managed
  const std::multimap<std::string, RouteKey>* by_backend = nullptr;  // our routes
  const std::map<RouteKey, ComponentKey>* winners = nullptr;         // who is to have what
  std::vector<const crds::Route*> own;                               // those that it may have
  std::string refused;  // why it may not have another; empty: it has all

  bool managed() const { return proxy != nullptr && !own.empty(); }
};

// Decides who has which name: whoever's container it leads to, else the first by name; one of
// another owner is nobody's of us.
class RouteClaims {
 public:
  // All must outlive this.
  RouteClaims(const Desired& desired, const Observed& observed,
              const std::set<ServiceName>& suspended);

  ComponentRoutes of(const ComponentKey& key, const ServiceDesired& service,
                     const ComponentDesired& component) const;

  // Whether the edge is to be, and no service here has the name.
  bool forwards(const Desired::Edge& edge) const { return winners_.at(edge.spec.key) == edge.key; }

  // The routes of a component that is not to run any more: all that lead to its containers.
  ComponentRoutes none() const;

  // Of ours, what no active component and no edge claims, and what leads to no container that is
  // suspended, on its way out or cannot be spoken of.
  std::vector<RouteKey> stale() const;

 private:
  bool is_active(const ComponentKey& key) const;

  const Desired& desired_;
  const std::set<ServiceName>& suspended_;
  const ObservedProxy* proxy_;
  std::string owner_;
  std::map<RouteKey, ComponentKey> winners_;
  std::map<std::string, ComponentKey> backends_;     // of our containers
  std::multimap<std::string, RouteKey> by_backend_;  // our routes
};

// The routes of `own` that the container has a port for, leading to it.
std::vector<RouteSpec> routes_to(const ComponentRoutes& routes, const ServiceName& service,
                                 const ObservedContainer& container, Millis hold);

// Those of `specs` that mc-proxy does not have like this.
std::vector<RouteSpec> missing(const ComponentRoutes& routes, const std::vector<RouteSpec>& specs);

// Our routes that lead to the container.
std::vector<const ObservedRoute*> leading_to(const ComponentRoutes& routes,
                                             const ObservedContainer& container);

// Who is to have a route instead that leads to the container; null: nobody.
const ComponentKey* successor(const ComponentRoutes& routes, const ObservedRoute& route,
                              const ComponentKey& key);

// Of all routes that the component has.
struct RouteSums {
  TrafficByName traffic;
  int64_t open = 0;
  int64_t draining = 0;
};
RouteSums sums(const ComponentRoutes& routes);

// Why mc-proxy does not serve one that it has; empty: it serves all.
std::string unserved(const ComponentRoutes& routes);

// What passed since `before`, over the names that both know; counters that went back (mc-proxy was
// started anew) began at zero.
Traffic since(const TrafficByName& before, const TrafficByName& now);

// "127.0.0.1:23456"
std::string backend_at(uint16_t port);

RouteKey key_of(const crds::Route& route);

}  // namespace reconciler
