#include <algorithm>

#include "reconciler/adoption.h"
#include "reconciler/leases.h"
#include "reconciler/normalise.h"
#include "test/sim/simulation.h"

// What happens to the node in the time of faults.
namespace sim {

using base::Millis;
using reconciler::ObservedContainer;
using test::FakeRuntime;

namespace {

const char* const kImages[] = {"app:v1",  "app:v2",  "app:v3",     "crash:v1",
                               "mute:v1", "sick:v1", "missing:v1", "denied:v1"};
constexpr uint16_t kListener = 8443;

}  // namespace

void Simulation::disturb() {
  if (adopts_ && adoptions_.chance(10)) return adopt_something();
  if (has_more_ && more_.chance(25)) return disturb_more();
  if (removes_ && removals_.chance(20)) return disturb_removals();
  switch (random_.below(4)) {
    case 0:
      return push_commit();
    case 1:
    case 2:
      return disturb_container();
    default:
      return disturb_surroundings();
  }
}

crds::Service Simulation::random_service(const std::string& name) {
  crds::Service service;
  service.name = crds::ServiceName(name);
  service.active = !random_.chance(10);
  const size_t count = 1 + random_.below(2);
  for (size_t i = 0; i < count; ++i) {
    crds::Component component;
    component.name = crds::ComponentName(i == 0 ? "main" : "side");
    component.image =
        random_.chance(70) ? kImages[random_.below(3)] : kImages[random_.below(std::size(kImages))];
    if (random_.chance(50)) {
      crds::Route route{.name = random_.chance(50) ? "" : "rest", .port = kListener};
      route.hostname = random_.chance(10) ? "shared.test"
                                          : name + "-" + component.name.str() +
                                                (random_.chance(80) ? ".test" : ".other.test");
      if (random_.chance(70)) route.mode = crds::Route::Mode::kL7;
      component.routes.push_back(route);
    }
    if (random_.chance(30)) component.strategy = crds::Strategy::kRecreate;
    if (random_.chance(15))
      component.ports.push_back(
          {"", static_cast<uint16_t>(kFirstFixedPort + random_.below(kFixedPorts)), 80, "tcp"});
    if (random_.chance(30)) {
      component.health = crds::Health{.check = crds::CmdCheck{{"true"}}};
      component.health->start_period = std::chrono::seconds(10);
    }
    if (random_.chance(30)) component.restart = crds::Restart{crds::Restart::Policy::kAlways, {}};
    if (random_.chance(10))
      component.restart = crds::Restart{crds::Restart::Policy::kOnFailure, {}};
    if (i == 1 && random_.chance(50)) component.depends_on = {crds::ComponentName("main")};
    service.components.push_back(std::move(component));
  }
  if (name > "db" && random_.chance(30)) service.depends_on = {crds::ServiceName("db")};
  return service;
}

void Simulation::push_commit() {
  const std::string name = kServiceNames[random_.below(std::size(kServiceNames))];
  const auto existing = services_.find(name);
  broken_.clear();
  int approved = 0;
  if (random_.chance(5)) {
    services_.clear();
    happened("commit: empty tree");
  } else if (random_.chance(10)) {
    broken_.push_back(name);
    if (existing == services_.end()) services_[name] = random_service(name);
    happened("commit: broken definition", name);
  } else if (existing != services_.end() && random_.chance(15)) {
    node_.rules.may_go.insert(crds::ServiceName(name));
    approved = 1;
    services_.erase(existing);
    happened("commit: removal", name);
  } else if (existing != services_.end() && random_.chance(30)) {
    existing->second.restarted_at = node_.now;
    happened("commit: restart", name);
  } else if (existing != services_.end() && random_.chance(20)) {
    existing->second.active = !existing->second.active;
    happened("commit: active", name);
  } else {
    services_[name] = random_service(name);
    happened("commit: definition", name);
  }
  push(approved);
  if (random_.chance(50)) node_.loop->request_sync(false);
}

void Simulation::push(int approved_removals) {
  std::vector<crds::Service> all;
  for (const auto& [name, service] : services_) all.push_back(service);
  branch_.push(std::move(all), broken_, approved_removals);
}

// A commit that asks for what the node's policy forbids; the next one takes it back, or does not.
void Simulation::push_forbidden() {
  crds::Service& service = services_.empty()
                               ? services_.emplace("web", random_service("web")).first->second
                               : more_.pick(services_).second;
  crds::Component& component = more_.pick(service.components);
  switch (more_.below(3)) {
    case 0:
      component.image = "evil:v1";
      break;
    case 1:
      component.privileged = true;
      break;
    default:
      component.volumes.push_back({"/etc", "/etc", {}});
  }
  push(0);
  happened("commit: forbidden", service.name.str());
}

// How the agent is to treat a service; its containers stay as they are.
void Simulation::push_instruction() {
  if (services_.empty()) return;
  crds::Service& service = more_.pick(services_).second;
  const bool suspended = service.suspend.has_value();
  if (more_.chance(30)) {
    service.heal_drift = service.heal_drift ? std::nullopt : std::optional(false);
  } else if (suspended) {
    service.suspend.reset();
  } else {
    service.suspend.emplace();
    if (more_.chance(70)) service.suspend->until = node_.now + Millis(more_.below(600'000));
  }
  push(0);
  if (suspended != service.suspend.has_value())
    happened(suspended ? "commit: resumed" : "commit: suspended", service.name.str());
  else
    happened("commit: drift is told or healed", service.name.str());
}

void Simulation::disturb_more() {
  switch (more_.below(8)) {
    case 0:
      branch_.push_unsigned();
      return happened("commit: unsigned");
    case 1:
      return push_forbidden();
    case 2:
      node_.outbox.down = !node_.outbox.down;
      return happened("reports cannot or can be pushed");
    case 3: {
      const Millis ahead(more_.below(3'600'000));
      node_.now += ahead;
      node_.rules.stepped_ahead(ahead);
      // The life is not shorter for it.
      stepped_back_ -= ahead;
      return happened("clock stepped forward");
    }
    case 4:
    case 5:
    case 6:
      return push_instruction();
    default: {
      std::vector<reconciler::RouteSpec> routes;
      for (const auto& [key, route] : node_.router.routes()) routes.push_back(route.spec);
      if (routes.empty()) return;
      reconciler::RouteSpec& route = more_.pick(routes);
      route.backend = "127.0.0.1:9";
      node_.router.set_by_hand(route);
      node_.rules.routes_disturbed(node_.now + std::chrono::minutes(1));
      return happened("route led elsewhere by hand", route.key.text());
    }
  }
}

void Simulation::disturb_container() {
  std::vector<reconciler::ContainerId> ids;
  for (const auto& [id, container] : node_.runtime.containers())
    if (node_.rules.owner(container)) ids.push_back(id);
  if (ids.empty()) return;
  const reconciler::ContainerId id = random_.pick(ids);
  const std::string name = node_.runtime.containers().at(id).name;
  node_.rules.disturbed(node_.rules.owner(node_.runtime.containers().at(id))->key,
                        node_.now + std::chrono::minutes(3));
  switch (random_.below(6)) {
    case 0:
    case 1:
      node_.runtime.kill(id);
      happened("container killed", name);
      node_.loop->process_ended(id);
      break;
    case 2:
      node_.runtime.stop_by_hand(id), happened("container stopped by hand", name);
      break;
    case 3:
      node_.runtime.remove_by_hand(id), happened("container removed by hand", name);
      break;
    case 4:
      node_.runtime.pause_by_hand(id), happened("container paused by hand", name);
      break;
    default:
      node_.runtime.reboot(), node_.crash(), happened("node rebooted");
      break;
  }
  if (random_.chance(60) && !tells_) node_.loop->hint();
}

void Simulation::disturb_surroundings() {
  switch (random_.below(proxied_ ? 14 : 10)) {
    case 10:
    case 11:
    case 12:
    case 13:
      return disturb_routes();
    case 9:
      node_.runtime.occupy_port(
          static_cast<uint16_t>(kFirstFixedPort + random_.below(kFixedPorts)));
      return happened("fixed port taken");
    case 0:
    case 1:
      return happened("agent killed"), node_.crash();
    case 2:
      podman_away_ = !podman_away_;
      return happened("podman away or back");
    case 3:
      branch_.down = !branch_.down;
      return happened("git server down or up");
    case 4:
      node_.store.full = !node_.store.full;
      return happened("disk full or free");
    case 5:
      node_.executor->slow = !node_.executor->slow;
      node_.runtime.port_closes = Millis(node_.executor->slow ? 3000 : 0);
      return happened("slow or fast");
    case 6:
      node_.runtime.occupy_port(
          static_cast<uint16_t>(reconciler::kFirstLeasePort + random_.below(50'001)));
      node_.runtime.add_foreign("web.main" + std::string(random_.chance(50) ? "" : ".2"));
      return happened("foreign container with our name");
    case 7:
      node_.runtime.remove_image(kImages[random_.below(3)]);
      return happened("image removed");
    default: {
      const Millis back(random_.below(3'600'000));
      node_.now -= back;
      stepped_back_ += back;
      node_.executor->step_back(back);
      return happened("clock stepped back");
    }
  }
}

// A container of somebody else's is given into the agent's care; the commit comes, or does not.
void Simulation::adopt_something() {
  if (services_.contains("shop") || node_.store.full) return;
  crds::Service service;
  service.name = crds::ServiceName("shop");
  crds::Component component;
  component.name = crds::ComponentName("main");
  const ObservedContainer container = node_.runtime.containers().at(
      node_.runtime.add_foreign("shop-" + std::to_string(adoptions_.below(3))));
  component.image = container.image;
  if (adoptions_.chance(50)) component.strategy = crds::Strategy::kRecreate;
  service.components = {component};
  reconciler::ComponentDesired wanted;
  wanted.spec = reconciler::complete(component, service, {});
  wanted.spec_hash = reconciler::spec_hash(reconciler::container_fields(wanted.spec, {}));
  const reconciler::ComponentKey key{service.name, component.name};
  const auto adoption = reconciler::accept_adoption(key, node_.loop->desired().node, wanted,
                                                    container, false, {}, node_.now);
  if (!adoption || !node_.loop->accept({{key, *adoption}}, node_.now)) return;
  happened("adoption accepted", container.name);
  if (adoptions_.chance(30)) return;
  services_["shop"] = service;
  push(0);
  happened("commit: adoption", container.name);
}

void Simulation::disturb_listeners() {
  Listeners& listeners = *node_.listeners;
  if (listeners_.chance(50)) {
    listeners.facts.disk_nearly_full = !listeners.facts.disk_nearly_full;
    return happened("disk nearly full or not");
  }
  Ear& ear = listeners_.pick(listeners.ears);
  ear.down = !ear.down;
  happened("one who is told of alerts away or back", ear.options.audience.name);
}

void Simulation::disturb_routes() {
  std::vector<reconciler::RouteKey> keys;
  for (const auto& [key, route] : node_.router.routes()) keys.push_back(key);
  const uint64_t what = random_.below(6);
  if (what == 0) {
    node_.router.down = !node_.router.down;
    happened("mc-proxy down or up");
  } else if (what == 1) {
    node_.router.restarted();
    happened("mc-proxy restarted");
  } else if (what == 2) {
    node_.router.lose_routes();
    happened("mc-proxy lost its routes");
  } else if (what == 3) {
    const std::string file = random_.chance(50) ? "web.pem" : "db.pem";
    if (node_.router.bad_certificates.erase(file) == 0)
      node_.router.bad_certificates.emplace(file, base::invalid(file + " has expired"));
    happened("certificate bad or good", file);
  } else if (what == 4) {
    node_.router.add_foreign({.key = {kListener, "shared.test"}, .backend = "127.0.0.1:1"});
    happened("foreign route");
  } else if (!keys.empty()) {
    node_.router.remove_by_hand(random_.pick(keys));
    happened("route removed by hand");
  }
  node_.rules.routes_disturbed(node_.now + std::chrono::minutes(1));
  if (!node_.router.down && random_.chance(80)) node_.loop->route_hint();
}

// What clients do: connections come and go, and a sick program fails its requests.
void Simulation::serve_requests() {
  if (!proxied_ || !random_.chance(20)) return;
  std::vector<reconciler::RouteKey> keys;
  for (const auto& [key, route] : node_.router.routes()) keys.push_back(key);
  for (const reconciler::RouteKey& key : keys) {
    const ObservedContainer* backend = node_.rules.backend_of(node_.router.find(key)->spec);
    const bool sick = backend != nullptr && backend->image.find("sick") != std::string::npos;
    node_.router.add_traffic(key, {.requests = 4, .failed = sick ? 4 : 0});
    if (random_.chance(30)) node_.router.open(key, 1);
    if (random_.chance(40)) node_.router.close_all(key);
  }
}

bool Simulation::call_fails() {
  if (!random_.chance(5)) return false;
  ++report_.faults["call failed"];
  return true;
}

std::optional<FakeRuntime::Fault> Simulation::fault_for(const FakeRuntime::Call&) {
  if (!faults_) return std::nullopt;
  if (podman_away_)
    return FakeRuntime::Fault{base::unavailable("cannot reach podman: connection refused")};
  if (!call_fails()) return std::nullopt;
  const base::Error error =
      random_.chance(50) ? base::make_error(base::Code::kTimeout, "podman did not answer in 30s")
                         : base::make_error(base::Code::kInternal, "podman: internal error");
  return FakeRuntime::Fault{error, random_.chance(50)};
}

}  // namespace sim
