#include "reconciler/routes.h"

#include <algorithm>

namespace reconciler {
namespace {

std::string belongs_to(const RouteKey& key, const std::string& other) {
  return "route " + key.text() + " belongs to " + other;
}

template <class Visit>
void each_claim(const Desired& desired, const Visit& visit) {
  for (const auto& [service_name, service] : desired.services) {
    if (!service.definition.active) continue;
    for (const auto& [component_name, component] : service.components)
      for (const crds::Route& route : component.spec.routes)
        if (!route.hostname.empty())
          visit(ComponentKey{service_name, component_name}, key_of(route));
  }
}

}  // namespace

std::string owner_of_routes(const NodeName& node) {
  return "mcp/" + node.str();
}

std::string backend_at(uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

RouteKey key_of(const crds::Route& route) {
  return {route.port, route.hostname};
}

RouteClaims::RouteClaims(const Desired& desired, const Observed& observed,
                         const std::set<ServiceName>& suspended)
    : desired_(desired),
      suspended_(suspended),
      proxy_(observed.proxy ? &*observed.proxy : nullptr),
      owner_(owner_of_routes(desired.node)) {
  if (proxy_ == nullptr) return;
  for (const auto& [key, route] : proxy_->routes)
    if (route.owner == owner_) by_backend_.emplace(route.spec.backend, key);
  for (const auto& [id, container] : observed.containers)
    if (container.owner && container.owner->node == desired.node)
      for (const auto& [name, port] : container.owner->leases)
        backends_.emplace(backend_at(port), container.owner->key);
  each_claim(desired, [&](const ComponentKey& component, const RouteKey& key) {
    const auto [winner, first] = winners_.emplace(key, component);
    if (first || winner->second == component) return;
    const auto route = proxy_->routes.find(key);
    if (route == proxy_->routes.end()) return;
    const auto holder = backends_.find(route->second.spec.backend);
    if (holder != backends_.end() && holder->second == component) winner->second = component;
  });
  for (const Desired::Edge& edge : desired.edges) winners_.emplace(edge.spec.key, edge.key);
}

ComponentRoutes RouteClaims::none() const {
  return {
      .proxy = proxy_, .by_backend = &by_backend_, .winners = &winners_, .own = {}, .refused = {}};
}

ComponentRoutes RouteClaims::of(const ComponentKey& key, const ServiceDesired& service,
                                const ComponentDesired& component) const {
  ComponentRoutes out = none();
  if (proxy_ == nullptr) return out;
  for (const crds::Route& route : component.spec.routes) {
    if (route.hostname.empty()) {
      out.refused = "route '" + route.name + "' has no host name (set hostname in " + service.path +
                    ", or domain in fleet.toml)";
      continue;
    }
    const RouteKey place = key_of(route);
    const auto winner = winners_.find(place);
    const auto there = proxy_->routes.find(place);
    if (winner != winners_.end() && winner->second != key)
      out.refused = belongs_to(place, winner->second.text()) + " (give one of them another name)";
    else if (there != proxy_->routes.end() && there->second.owner != owner_)
      out.refused = belongs_to(place, "'" + there->second.owner +
                                          "' in mc-proxy and is not changed (mcproxyctl remove)");
    else
      out.own.push_back(&route);
  }
  return out;
}

std::vector<RouteKey> RouteClaims::stale() const {
  std::vector<RouteKey> out;
  if (proxy_ == nullptr || proxy_->error) return out;
  for (const auto& [key, route] : proxy_->routes) {
    if (route.owner != owner_ || winners_.contains(key)) continue;
    const auto holder = backends_.find(route.spec.backend);
    if (holder != backends_.end() && suspended_.contains(holder->second.service)) continue;
    // Whoever goes takes its routes along; whoever cannot be read keeps them.
    if (holder == backends_.end() || is_active(holder->second)) out.push_back(key);
  }
  return out;
}

bool RouteClaims::is_active(const ComponentKey& key) const {
  const auto service = desired_.services.find(key.service);
  return service != desired_.services.end() && service->second.definition.active &&
         service->second.components.contains(key.component);
}

std::vector<RouteSpec> routes_to(const ComponentRoutes& routes, const ServiceName& service,
                                 const ObservedContainer& container, Millis hold) {
  std::vector<RouteSpec> out;
  for (const crds::Route* route : routes.own) {
    const auto lease = container.owner->leases.find(route->name);
    if (lease == container.owner->leases.end()) continue;
    RouteSpec spec;
    spec.key = key_of(*route);
    spec.backend = backend_at(lease->second);
    spec.mode = route->mode;
    spec.protocol = route->protocol();
    if (spec.mode == crds::Route::Mode::kL7) spec.certificate = service.str() + ".pem";
    spec.hold = hold;
    out.push_back(std::move(spec));
  }
  return out;
}

std::vector<RouteSpec> missing(const ComponentRoutes& routes, const std::vector<RouteSpec>& specs) {
  std::vector<RouteSpec> out;
  for (const RouteSpec& spec : specs) {
    const auto there = routes.proxy->routes.find(spec.key);
    if (there == routes.proxy->routes.end() || there->second.spec != spec) out.push_back(spec);
  }
  return out;
}

std::vector<const ObservedRoute*> leading_to(const ComponentRoutes& routes,
                                             const ObservedContainer& container) {
  std::vector<const ObservedRoute*> out;
  if (routes.proxy == nullptr) return out;
  for (const auto& [name, port] : container.owner->leases) {
    const auto [begin, end] = routes.by_backend->equal_range(backend_at(port));
    for (auto it = begin; it != end; ++it) out.push_back(&routes.proxy->routes.at(it->second));
  }
  return out;
}

const ComponentKey* successor(const ComponentRoutes& routes, const ObservedRoute& route,
                              const ComponentKey& key) {
  const auto winner = routes.winners->find(route.spec.key);
  return winner == routes.winners->end() || winner->second == key ? nullptr : &winner->second;
}

RouteSums sums(const ComponentRoutes& routes) {
  RouteSums out;
  if (!routes.managed()) return out;
  for (const crds::Route* route : routes.own) {
    const auto there = routes.proxy->routes.find(key_of(*route));
    if (there == routes.proxy->routes.end()) continue;
    out.traffic.emplace(there->first.text(), there->second.traffic);
    out.open += there->second.open;
    out.draining += there->second.draining;
  }
  return out;
}

std::string unserved(const ComponentRoutes& routes) {
  for (const crds::Route* route : routes.own) {
    const auto there = routes.proxy->routes.find(key_of(*route));
    if (there != routes.proxy->routes.end() && !there->second.served)
      return "mc-proxy does not serve " + there->first.text() + ": " + there->second.problem;
  }
  return "";
}

Traffic since(const TrafficByName& before, const TrafficByName& now) {
  Traffic out;
  for (const auto& [name, traffic] : now) {
    const auto known = before.find(name);
    if (known == before.end()) continue;
    const Traffic& old = known->second;
    const bool anew =
        traffic.requests < old.requests || traffic.failed < old.failed || traffic.held < old.held;
    out.requests += traffic.requests - (anew ? 0 : old.requests);
    out.failed += traffic.failed - (anew ? 0 : old.failed);
    out.held += traffic.held - (anew ? 0 : old.held);
  }
  return out;
}

}  // namespace reconciler
