#include "agent/status/route_status.h"

#include "crds/types/names.h"
#include "reconciler/routes.h"

namespace agent {
namespace {

using base::TimePoint;
using reconciler::ComponentDesired;
using reconciler::ComponentKey;
using reconciler::ObservedContainer;
using reconciler::ObservedRoute;
using reconciler::RouteSpec;

std::string mode_text(crds::Route::Mode mode) {
  return mode == crds::Route::Mode::kL4 ? "l4" : "l7";
}

// Null: mc-proxy has no such route, or is not asked.
const ObservedRoute* find(const View& view, const reconciler::RouteKey& key) {
  if (!view.observed.proxy) return nullptr;
  const auto found = view.observed.proxy->routes.find(key);
  return found == view.observed.proxy->routes.end() ? nullptr : &found->second;
}

bool is_ours(const View& view, const ObservedRoute& route) {
  return route.owner == reconciler::owner_of_routes(view.desired.node);
}

bool leads_to(const Picture& picture, const ComponentKey& key, const std::string& backend) {
  const auto found = picture.containers.find(key);
  if (found == picture.containers.end()) return false;
  for (const ObservedContainer* container : found->second)
    for (const auto& [name, lease] : container->owner->leases)
      if (reconciler::backend_at(lease) == backend) return true;
  return false;
}

Json until(const ObservedRoute& route) {
  return route.certificate_until ? or_null(*route.certificate_until) : Json();
}

// Of the image that was there before, when the cause is another one: "image: web:v1 -> web:v2
// (commit 1a2b3c4, services/web.toml)".
Json version_before(const std::string& cause) {
  static const std::string kImage = "image: ";
  size_t at = cause.find(kImage);
  // A field of that name, not the end of another's.
  while (at != cause.npos && at != 0 && cause[at - 1] != ' ') at = cause.find(kImage, at + 1);
  if (at == cause.npos) return nullptr;
  const size_t begin = at + kImage.size();
  const size_t end = cause.find(" -> ", begin);
  if (end == cause.npos) return nullptr;
  return or_null(version_of(cause.substr(begin, end - begin)));
}

// Who of ours a route belongs to: by the container that it leads to, or as an edge.
std::map<std::string, ComponentKey> components_by_backend(const Picture& picture) {
  std::map<std::string, ComponentKey> out;
  for (const auto& [key, list] : picture.containers)
    for (const ObservedContainer* container : list)
      for (const auto& [name, lease] : container->owner->leases)
        out.emplace(reconciler::backend_at(lease), key);
  return out;
}

std::string edge_of(const View& view, const reconciler::RouteKey& key) {
  for (const auto& edge : view.desired.edges)
    if (edge.spec.key == key) return edge.key.service.str();
  return {};
}

Json route_json(const ObservedRoute& route) {
  const RouteSpec& spec = route.spec;
  return {{"listener", route.listener},
          {"hostname", spec.key.hostname},
          {"mode", mode_text(spec.mode)},
          {"backend", spec.backend},
          {"backendTls", spec.protocol == crds::Route::Protocol::kTls},
          {"backendProtocol", crds::name(spec.protocol)},
          {"sendProxyProtocol", spec.send_proxy_protocol},
          {"certificate", or_null(spec.certificate)},
          {"holdSeconds", std::chrono::duration_cast<std::chrono::seconds>(spec.hold).count()},
          {"owner", route.owner},
          {"served", route.served},
          {"health", route.health},
          {"problem", or_null(route.problem)},
          {"certificateNotAfter", until(route)},
          {"openConnections", route.open},
          {"drainingConnections", route.draining},
          {"requests", route.traffic.requests},
          {"failed", route.traffic.failed},
          {"held", route.traffic.held}};
}

}  // namespace

std::string routes_state(const View& view) {
  if (!view.observed.proxy) return "not managed";
  return routes_error(view).is_null() ? "managed" : "unavailable";
}

Json routes_error(const View& view) {
  const auto& proxy = view.observed.proxy;
  if (!proxy) return nullptr;
  if (proxy->error) return proxy->error->text();
  if (proxy->asked_at == TimePoint{}) return "mc-proxy has not been asked yet";
  return nullptr;
}

RouteState route_state(const Picture& picture, const ComponentKey& key, const crds::Route& route) {
  const ObservedRoute* there = find(picture.view, reconciler::key_of(route));
  if (!there) return RouteState::kMissing;
  if (!is_ours(picture.view, *there)) return RouteState::kTaken;
  return leads_to(picture, key, there->spec.backend) ? RouteState::kRegistered
                                                     : RouteState::kMissing;
}

Json component_routes(const Picture& picture, const ComponentKey& key,
                      const ComponentDesired& desired, const ObservedContainer* container) {
  Json out = Json::array();
  for (const crds::Route& route : desired.spec.routes) {
    const ObservedRoute* there = find(picture.view, reconciler::key_of(route));
    const RouteState state = route_state(picture, key, route);
    Json entry = {{"name", route.name},
                  {"listener", there ? there->listener : ":" + std::to_string(route.port)},
                  {"hostname", or_null(route.hostname)},
                  {"mode", mode_text(route.mode)},
                  {"hostPort", nullptr},
                  {"registered", state == RouteState::kRegistered},
                  {"served", false},
                  {"backend", nullptr},
                  {"health", nullptr},
                  {"problem", nullptr},
                  {"certificateNotAfter", nullptr},
                  {"openConnections", 0}};
    if (container)
      if (const auto lease = container->owner->leases.find(route.name);
          lease != container->owner->leases.end())
        entry["hostPort"] = lease->second;
    if (state == RouteState::kTaken) {
      entry["problem"] = "it belongs to '" + there->owner + "' in mc-proxy";
    } else if (there) {
      entry["served"] = there->served;
      entry["backend"] = there->spec.backend;
      entry["health"] = there->health;
      entry["problem"] = or_null(there->problem);
      entry["certificateNotAfter"] = until(*there);
      entry["openConnections"] = there->open;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Json rollout_json(const Picture& picture, const ComponentKey& key) {
  const auto memory = picture.view.memory.components.find(key);
  if (memory == picture.view.memory.components.end() || !memory->second.rollout) return nullptr;
  const reconciler::Rollout& rollout = *memory->second.rollout;
  const auto phase = [&](TimePoint at) {
    return at == TimePoint{} ? Json() : Json((at - rollout.begun).count());
  };
  const bool over = rollout.finished != TimePoint{};
  const auto counted = [&](int64_t count) { return over ? Json(count) : Json(); };
  const ComponentDesired* desired = picture.desired(key);
  return {{"revision", or_null(rollout.revision.str())},
          {"from", desired && rollout.replaces ? version_before(desired->cause) : Json()},
          {"to", desired ? or_null(version_of(desired->spec.image)) : Json()},
          {"replaces", rollout.replaces},
          {"begun", or_null(rollout.begun)},
          {"phases",
           {{"startedMs", phase(rollout.started)},
            {"readyMs", phase(rollout.ready)},
            {"switchedMs", phase(rollout.switched)},
            {"drainedMs", phase(rollout.drained)},
            {"finishedMs", phase(rollout.finished)}}},
          {"requests", counted(rollout.seen.requests)},
          {"failed", counted(rollout.seen.failed)},
          {"held", counted(rollout.seen.held)},
          {"finished", or_null(rollout.finished)},
          {"error", or_null(rollout.error)}};
}

Json routes_document(const View& view) {
  const Picture picture(view);
  const auto components = components_by_backend(picture);
  Json routes = Json::array();
  if (view.observed.proxy)
    for (const auto& [key, route] : view.observed.proxy->routes) {
      Json entry = route_json(route);
      entry["service"] = nullptr;
      entry["component"] = nullptr;
      if (is_ours(view, route)) {
        const auto found = components.find(route.spec.backend);
        if (found != components.end()) {
          entry["service"] = found->second.service.str();
          entry["component"] = found->second.component.str();
        } else {
          entry["service"] = or_null(edge_of(view, key));
        }
      }
      routes.push_back(std::move(entry));
    }
  return {{"managed", view.observed.proxy.has_value()},
          {"error", routes_error(view)},
          {"routes", std::move(routes)}};
}

}  // namespace agent
