#include "test/sim/simulation.h"

#include <algorithm>
#include <ostream>

#include "reconciler/adoption.h"
#include "reconciler/conditions.h"
#include "reconciler/normalise.h"

namespace sim {

using base::Millis;
using base::TimePoint;
using reconciler::ObservedContainer;
using test::FakeRuntime;

namespace {

constexpr Millis kFaultTime = std::chrono::minutes(20);
constexpr Millis kHealTime = std::chrono::minutes(60);
constexpr Millis kQuietTime = std::chrono::minutes(30);
// Far more than any life needs; a loop that never sleeps is found by it.
constexpr int64_t kMaxSteps = 400'000;

constexpr uint16_t kFirstFixedPort = 8000;
constexpr uint16_t kFixedPorts = 3;

const char* const kImages[] = {"app:v1",  "app:v2",  "app:v3",     "crash:v1",
                               "mute:v1", "sick:v1", "missing:v1", "denied:v1"};
constexpr uint16_t kListener = 8443;

}  // namespace

Simulation::Simulation(uint64_t seed, std::ostream* trace)
    : random_(seed),
      trace_(trace),
      now_(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)),
      runtime_([this] { return now_; }),
      prober_(runtime_),
      rules_(runtime_, router_, branch_, [this] { return loop_.get(); }),
      proxied_(random_.chance(70)),
      adoptions_(~seed),
      adopts_(adoptions_.chance(30)) {
  runtime_.on_call = [this](const FakeRuntime::Call& call) {
    rules_.before(call, now_);
    if (trace_ != nullptr)
      for (const reconciler::Step& step : loop_->view(now_).running)
        if (step.container.str() == call.subject || step.container_name == call.subject)
          *trace_ << base::to_rfc3339(now_) << " " << step.id << ": " << step.cause << "\n";
  };
  runtime_.faults = [this](const FakeRuntime::Call& call) { return fault_for(call); };
  runtime_.exits_at_start = [](const reconciler::ObservedContainer& container) {
    return container.image.find("crash") == std::string::npos ? std::nullopt : std::optional(1);
  };
  router_.on_call = [this](const test::FakeRouter::Call& call) { rules_.before(call, now_); };
  router_.faults = [this](const test::FakeRouter::Call&) -> std::optional<test::FakeRouter::Fault> {
    if (!faults_ || !call_fails()) return std::nullopt;
    return test::FakeRouter::Fault{base::make_error(base::Code::kTimeout, "mc-proxy: no answer"),
                                   random_.chance(50)};
  };
  for (const char* image : {"app:v1", "app:v2", "app:v3", "crash:v1", "mute:v1", "sick:v1"})
    runtime_.publish(image);
  runtime_.refuse("denied:v1", base::make_error(base::Code::kUnauthenticated, "unauthorized"));
  boot();
}

Report Simulation::run() {
  push_commit();
  live_until(now_ + kFaultTime, true);
  heal();
  return report_;
}

void Simulation::boot() {
  rules_.restarted();
  executor_ = std::make_unique<Executor>(random_, now_);
  source_ = std::make_unique<Source>(branch_);
  loop_ = std::make_unique<agent::Loop>(
      agent::LoopPorts{runtime_, prober_, *source_, store_, *executor_, runtime_,
                       proxied_ ? &router_ : nullptr},
      agent::LoopConfig{.node = reconciler::NodeName("rift")});
  if (const auto loaded = loop_->load(); !loaded) rules_.violated(loaded.error().text());
}

void Simulation::crash() {
  executor_->kill();
  loop_.reset();
  boot();
}

void Simulation::happened(const std::string& kind, const std::string& detail) {
  ++report_.faults[kind];
  if (trace_ != nullptr) *trace_ << base::to_rfc3339(now_) << " " << kind << " " << detail << "\n";
}

// To the next thing that happens, at most a second on.
void Simulation::advance() {
  TimePoint next = now_ + std::chrono::seconds(faults_ ? 1 : 30);
  for (const auto& at : {executor_->next_at(), loop_->wake_at()})
    if (at && *at < next) next = *at;
  now_ = std::max(now_, next);
  executor_->run_due();
  serve_requests();
  loop_->step(now_);
  rules_.after_step();
  if (++report_.steps > kMaxSteps) rules_.violated("rule 7: the loop never rests");
}

void Simulation::live_until(TimePoint end, bool faults) {
  const Millis before = stepped_back_;
  // A clock that steps back does not make the life longer.
  while (now_ + (stepped_back_ - before) < end && rules_.violation().empty()) {
    if (faults && random_.below(60) == 0) disturb();
    advance();
  }
  report_.violation = rules_.violation();
}

void Simulation::heal() {
  if (!rules_.violation().empty()) return;
  faults_ = podman_away_ = branch_.down = store_.full = executor_->slow = false;
  for (uint16_t port = kFirstFixedPort; port < kFirstFixedPort + kFixedPorts; ++port)
    runtime_.free_port(port);
  for (int port = reconciler::kFirstLeasePort; port <= reconciler::kLastLeasePort; ++port)
    runtime_.free_port(static_cast<uint16_t>(port));
  router_.down = false;
  router_.bad_certificates.clear();
  std::vector<reconciler::ContainerId> squatters;
  for (const auto& [id, container] : runtime_.containers())
    if (!container.owner && container.name.find('.') != std::string::npos) squatters.push_back(id);
  for (const auto& id : squatters) runtime_.remove_by_hand(id);
  // The fix of whatever was committed last.
  broken_.clear();
  if (services_.empty()) services_["web"] = random_service("web");
  std::vector<crds::Service> all;
  uint16_t port = kFirstFixedPort;
  for (auto& [service_name, service] : services_) {
    // What others depend on has to run for them to run.
    if (service_name == "db") service.active = true;
    // As its condition says: it is tried once more.
    if (gave_up_on(service_name)) service.restarted_at = now_;
    for (crds::Component& component : service.components) {
      component.image = "app:v3";
      for (crds::Route& route : component.routes)
        route.hostname = service_name + "-" + component.name.str() + ".test";
      for (crds::PortMapping& fixed : component.ports) fixed.host_port = port++;
    }
    all.push_back(service);
  }
  branch_.push(all, {}, 1000);
  happened("healed");
  live_until(now_ + kHealTime, false);
  if (!rules_.violation().empty()) return;
  rules_.converged(loop_->view(now_).desired);
  if (trace_ != nullptr)
    for (const auto& [service, memory] : loop_->memory().services)
      *trace_ << base::to_rfc3339(now_) << " " << service.str() << ": "
              << memory.conditions.front().reason << ": " << memory.conditions.front().message
              << "\n";
  const auto& conditions = loop_->memory().conditions;
  if (conditions.empty() || conditions.front().status != reconciler::Status::kTrue)
    rules_.violated("rule 7: the node is not Ready: " +
                    (conditions.empty() ? "no condition" : conditions.front().message));
  rest("rule 7: a converged node is written to");
  const auto before = runtime_.containers();
  const int effects = runtime_.effects(), route_effects = router_.effects();
  crash();
  live_until(now_ + kQuietTime, false);
  if (runtime_.effects() != effects || runtime_.containers() != before)
    rules_.violated("rule 6: a restart of the agent touched a container");
  if (router_.effects() != route_effects)
    rules_.violated("rule 6: a restart of the agent touched a route");
  rest("rule 6: a restart of the agent leaves it busy");
  report_.violation = rules_.violation();
}

bool Simulation::gave_up_on(const std::string& service) const {
  const auto found = loop_->memory().services.find(reconciler::ServiceName(service));
  if (found == loop_->memory().services.end()) return false;
  const auto& conditions = found->second.conditions;
  return std::any_of(conditions.begin(), conditions.end(), [](const auto& condition) {
    return condition.type == "Stalled" && condition.reason == reconciler::reason::kRolloutFailed;
  });
}

// Nothing happens, so nothing may be done.
void Simulation::rest(const std::string& rule) {
  const int effects = runtime_.effects() + router_.effects(), commits = store_.commits();
  live_until(now_ + kQuietTime, false);
  if (runtime_.effects() + router_.effects() != effects || store_.commits() != commits)
    rules_.violated(rule);
}

// ---------------------------------------------------------------- what happens

void Simulation::disturb() {
  if (adopts_ && adoptions_.chance(10)) return adopt_something();
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
  static const char* const kNames[] = {"cache", "db", "mail", "web", "wiki", "zoo"};
  const std::string name = kNames[random_.below(std::size(kNames))];
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
    rules_.may_go.insert(crds::ServiceName(name));
    approved = 1;
    services_.erase(existing);
    happened("commit: removal", name);
  } else if (existing != services_.end() && random_.chance(30)) {
    existing->second.restarted_at = now_;
    happened("commit: restart", name);
  } else if (existing != services_.end() && random_.chance(20)) {
    existing->second.active = !existing->second.active;
    happened("commit: active", name);
  } else {
    services_[name] = random_service(name);
    happened("commit: definition", name);
  }
  std::vector<crds::Service> all;
  for (const auto& [service_name, service] : services_) all.push_back(service);
  branch_.push(std::move(all), broken_, approved);
  if (random_.chance(50)) loop_->request_sync(false);
}

void Simulation::disturb_container() {
  std::vector<reconciler::ContainerId> ids;
  for (const auto& [id, container] : runtime_.containers())
    if (rules_.owner(container)) ids.push_back(id);
  if (ids.empty()) return;
  const reconciler::ContainerId id = random_.pick(ids);
  const std::string name = runtime_.containers().at(id).name;
  rules_.disturbed(rules_.owner(runtime_.containers().at(id))->key, now_ + std::chrono::minutes(3));
  switch (random_.below(6)) {
    case 0:
    case 1:
      runtime_.kill(id);
      happened("container killed", name);
      loop_->process_ended(id);
      break;
    case 2:
      runtime_.stop_by_hand(id), happened("container stopped by hand", name);
      break;
    case 3:
      runtime_.remove_by_hand(id), happened("container removed by hand", name);
      break;
    case 4:
      runtime_.pause_by_hand(id), happened("container paused by hand", name);
      break;
    default:
      runtime_.reboot(), crash(), happened("node rebooted");
      break;
  }
  if (random_.chance(60)) loop_->hint();
}

void Simulation::disturb_surroundings() {
  switch (random_.below(proxied_ ? 14 : 10)) {
    case 10:
    case 11:
    case 12:
    case 13:
      return disturb_routes();
    case 9:
      runtime_.occupy_port(static_cast<uint16_t>(kFirstFixedPort + random_.below(kFixedPorts)));
      return happened("fixed port taken");
    case 0:
    case 1:
      return happened("agent killed"), crash();
    case 2:
      podman_away_ = !podman_away_;
      return happened("podman away or back");
    case 3:
      branch_.down = !branch_.down;
      return happened("git server down or up");
    case 4:
      store_.full = !store_.full;
      return happened("disk full or free");
    case 5:
      executor_->slow = !executor_->slow;
      return happened("slow or fast");
    case 6:
      runtime_.occupy_port(
          static_cast<uint16_t>(reconciler::kFirstLeasePort + random_.below(50'001)));
      runtime_.add_foreign("web.main" + std::string(random_.chance(50) ? "" : ".2"));
      return happened("foreign container with our name");
    case 7:
      runtime_.remove_image(kImages[random_.below(3)]);
      return happened("image removed");
    default: {
      const Millis back(random_.below(3'600'000));
      now_ -= back;
      stepped_back_ += back;
      executor_->step_back(back);
      return happened("clock stepped back");
    }
  }
}

// A container of somebody else's is given into the agent's care; the commit comes, or does not.
void Simulation::adopt_something() {
  if (services_.contains("shop") || store_.full) return;
  crds::Service service;
  service.name = crds::ServiceName("shop");
  crds::Component component;
  component.name = crds::ComponentName("main");
  const ObservedContainer container =
      runtime_.containers().at(runtime_.add_foreign("shop-" + std::to_string(adoptions_.below(3))));
  component.image = container.image;
  if (adoptions_.chance(50)) component.strategy = crds::Strategy::kRecreate;
  service.components = {component};
  reconciler::ComponentDesired wanted;
  wanted.spec = reconciler::complete(component, service, {});
  wanted.spec_hash = reconciler::spec_hash(reconciler::container_fields(wanted.spec, {}));
  const reconciler::ComponentKey key{service.name, component.name};
  const auto adoption =
      reconciler::accept_adoption(key, loop_->desired().node, wanted, container, false, {}, now_);
  if (!adoption || !loop_->accept({{key, *adoption}}, now_)) return;
  happened("adoption accepted", container.name);
  if (adoptions_.chance(30)) return;
  services_["shop"] = service;
  std::vector<crds::Service> all;
  for (const auto& [name, one] : services_) all.push_back(one);
  branch_.push(std::move(all), broken_, 0);
  happened("commit: adoption", container.name);
}

void Simulation::disturb_routes() {
  std::vector<reconciler::RouteKey> keys;
  for (const auto& [key, route] : router_.routes()) keys.push_back(key);
  const uint64_t what = random_.below(6);
  if (what == 0) {
    router_.down = !router_.down;
    happened("mc-proxy down or up");
  } else if (what == 1) {
    router_.restarted();
    happened("mc-proxy restarted");
  } else if (what == 2) {
    router_.lose_routes();
    happened("mc-proxy lost its routes");
  } else if (what == 3) {
    const std::string file = random_.chance(50) ? "web.pem" : "db.pem";
    if (router_.bad_certificates.erase(file) == 0)
      router_.bad_certificates.emplace(file, base::invalid(file + " has expired"));
    happened("certificate bad or good", file);
  } else if (what == 4) {
    router_.add_foreign({.key = {kListener, "shared.test"}, .backend = "127.0.0.1:1"});
    happened("foreign route");
  } else if (!keys.empty()) {
    router_.remove_by_hand(random_.pick(keys));
    happened("route removed by hand");
  }
  rules_.routes_disturbed(now_ + std::chrono::minutes(1));
  if (!router_.down && random_.chance(80)) loop_->route_hint();
}

// What clients do: connections come and go, and a sick program fails its requests.
void Simulation::serve_requests() {
  if (!proxied_ || !random_.chance(20)) return;
  std::vector<reconciler::RouteKey> keys;
  for (const auto& [key, route] : router_.routes()) keys.push_back(key);
  for (const reconciler::RouteKey& key : keys) {
    const ObservedContainer* backend = rules_.backend_of(router_.find(key)->spec);
    const bool sick = backend != nullptr && backend->image.find("sick") != std::string::npos;
    router_.add_traffic(key, {.requests = 4, .failed = sick ? 4 : 0});
    if (random_.chance(30)) router_.open(key, 1);
    if (random_.chance(40)) router_.close_all(key);
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
