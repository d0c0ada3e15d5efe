#include "test/sim/simulation.h"

#include <algorithm>

#include "reconciler/leases.h"

namespace sim {

using base::Millis;
using base::TimePoint;
using test::FakeRuntime;

namespace {

constexpr Millis kFaultTime = std::chrono::minutes(20);
constexpr Millis kHealTime = std::chrono::minutes(60);  // at most, in pieces of
constexpr Millis kQuietTime = std::chrono::minutes(30);
// Far more than any life needs; a loop that never sleeps is found by it.
constexpr int64_t kMaxSteps = 400'000;
// A seed keeps its life: what was added to the world later happens only above.
constexpr uint64_t kLastPlainSeed = 10'000;
constexpr uint64_t kMoreSalt = 0x9e3779b97f4a7c15;
constexpr uint64_t kLastWithRegistry = 20'000;
constexpr uint64_t kLossSalt = 0xc2b2ae3d27d4eb4f;
constexpr uint64_t kLastWithoutEngine = 5'000'000;
constexpr uint64_t kEngineSalt = 0x165667b19e3779f9;
constexpr uint64_t kLastUnwatched = 6'000'000;
constexpr uint64_t kRemovalSalt = 0x27d4eb2f165667c5;
constexpr uint64_t kListenerSalt = 0xd6e8feb86659fd93;
constexpr uint64_t kDamageSalt = 0xa0761d6478bd642f;
constexpr uint64_t kLastWithoutEvents = 7'000'000;
constexpr uint64_t kEventSalt = 0x8ebc6af09c88c6e3;

}  // namespace

Simulation::Simulation(uint64_t seed, std::ostream* trace)
    : random_(seed),
      proxied_(random_.chance(70)),
      adoptions_(~seed),
      adopts_(adoptions_.chance(30)),
      more_(seed ^ kMoreSalt),
      has_more_(seed > kLastPlainSeed && more_.chance(70)),
      losses_(seed ^ kLossSalt),
      // What was adopted carries no label: with the registry, the agent forgets that it is its own.
      loses_(seed > kLastWithRegistry && !adopts_ && losses_.chance(30)),
      engines_(seed ^ kEngineSalt),
      has_engine_(seed > kLastWithoutEngine && proxied_ && engines_.chance(50)),
      removals_(seed ^ kRemovalSalt),
      removes_(seed > kLastUnwatched && removals_.chance(50)),
      listeners_(seed ^ kListenerSalt),
      alerts_(seed > kLastUnwatched && listeners_.chance(50)),
      damages_(seed ^ kDamageSalt),
      damages_registry_(seed > kLastUnwatched && !adopts_ && damages_.chance(30)),
      events_(seed ^ kEventSalt),
      tells_(seed > kLastWithoutEvents),
      node_({.name = reconciler::NodeName("rift"),
             .proxied = proxied_,
             .reports = has_more_,
             .alerts = alerts_,
             .trace = trace},
            random_, branch_) {
  node_.runtime.faults = [this](const FakeRuntime::Call& call) { return fault_for(call); };
  node_.router.faults =
      [this](const test::FakeRouter::Call&) -> std::optional<test::FakeRouter::Fault> {
    if (!faults_ || !call_fails()) return std::nullopt;
    return test::FakeRouter::Fault{base::make_error(base::Code::kTimeout, "mc-proxy: no answer"),
                                   random_.chance(50)};
  };
  node_.rules.alone = true;
  if (has_more_) {
    node_.rules.policy.images = {"app:*", "crash:*", "mute:*", "sick:*", "missing:*", "denied:*"};
    node_.runtime.publish("evil:v1");
  }
  if (removes_ && removals_.chance(50)) {
    branch_.fleet.emplace();
    branch_.fleet->prune_max = static_cast<int>(removals_.below(4));
    branch_.fleet->prune_percent = static_cast<int>(removals_.below(60));
  }
  if (alerts_)
    for (Ear& ear : node_.listeners->ears) {
      ear.fails = [this] { return faults_ && listeners_.chance(10); };
      ear.took_it_nevertheless = [this] { return listeners_.chance(50); };
    }
  if (tells_) node_.runtime.on_event = [this](const reconciler::ContainerId& id) { tell(id); };
  node_.boot();
}

Report Simulation::run() {
  push_commit();
  live_until(node_.now + kFaultTime, true);
  heal();
  report_.violation = node_.rules.violation();
  return report_;
}

// An event of podman's: later, lost, or with others in a stream that broke.
void Simulation::tell(const reconciler::ContainerId& id) {
  if (podman_away_ || events_.chance(10)) return;
  const bool all = events_.chance(2);
  node_.executor->submit([] {},
                         [this, id, all] { all ? node_.loop->hint() : node_.loop->hint(id); });
}

void Simulation::happened(const std::string& kind, const std::string& detail) {
  ++report_.faults[kind];
  node_.trace(kind + " " + detail);
}

// To the next thing that happens, at most a second on.
void Simulation::advance() {
  node_.now = node_.next(std::chrono::seconds(faults_ ? 1 : 30));
  node_.work();
  serve_requests();
  node_.step();
  if (++report_.steps > kMaxSteps) node_.rules.violated("rule 7: the loop never rests");
}

void Simulation::live_until(TimePoint end, bool faults) {
  const Millis before = stepped_back_;
  // A clock that steps back does not make the life longer.
  while (node_.now + (stepped_back_ - before) < end && node_.rules.violation().empty()) {
    if (faults && random_.below(60) == 0) disturb();
    if (faults && loses_ && losses_.below(1000) == 0) {
      node_.lose_registry();
      happened("registry lost");
    }
    if (faults && has_engine_ && engines_.below(500) == 0) {
      node_.router.serving = !node_.router.serving;
      happened("HAProxy away or back");
    }
    if (faults && alerts_ && listeners_.below(300) == 0) disturb_listeners();
    if (faults && damages_registry_ && damages_.below(500) == 0) {
      node_.damage_registry();
      happened("registry damaged");
    }
    advance();
  }
  report_.violation = node_.rules.violation();
}

void Simulation::heal() {
  if (!node_.rules.violation().empty()) return;
  faults_ = podman_away_ = branch_.down = node_.store.full = node_.executor->slow =
      node_.outbox.down = false;
  node_.runtime.port_closes = {};
  for (uint16_t port = kFirstFixedPort; port < kFirstFixedPort + kFixedPorts; ++port)
    node_.runtime.free_port(port);
  for (int port = reconciler::kFirstLeasePort; port <= reconciler::kLastLeasePort; ++port)
    node_.runtime.free_port(static_cast<uint16_t>(port));
  node_.router.down = false;
  node_.router.serving = true;
  node_.router.bad_certificates.clear();
  branch_.fleet.reset();
  if (alerts_) {
    node_.listeners->facts.disk_nearly_full = false;
    for (Ear& ear : node_.listeners->ears) ear.down = false;
  }
  std::vector<reconciler::ContainerId> squatters;
  for (const auto& [id, container] : node_.runtime.containers())
    if (!container.owner && container.name.find('.') != std::string::npos) squatters.push_back(id);
  for (const auto& id : squatters) node_.runtime.remove_by_hand(id);
  // The fix of whatever was committed last.
  broken_.clear();
  if (services_.empty()) services_["web"] = random_service("web");
  std::vector<crds::Service> all;
  uint16_t port = kFirstFixedPort;
  for (auto& [service_name, service] : services_) {
    // What others depend on has to run for them to run.
    if (service_name == "db") service.active = true;
    service.suspend.reset();
    service.heal_drift.reset();
    // As its condition says: it is tried once more. Killed in its trial, a version is given up on
    // in the next pass, or after its suspension.
    if (on_trial_or_over(service_name)) service.restarted_at = node_.now;
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
  come_to_rest();
  if (!node_.rules.violation().empty()) return;
  if (removes_) hold_removals();
  if (!node_.rules.violation().empty()) return;
  rest("rule 7: a converged node is written to");
  const auto before = node_.runtime.containers();
  const int effects = node_.runtime.effects(), route_effects = node_.router.effects();
  node_.crash();
  live_until(node_.now + kQuietTime, false);
  if (node_.runtime.effects() != effects || node_.runtime.containers() != before)
    node_.rules.violated("rule 6: a restart of the agent touched a container");
  if (node_.router.effects() != route_effects)
    node_.rules.violated("rule 6: a restart of the agent touched a route");
  rest("rule 6: a restart of the agent leaves it busy");
  if (alerts_) node_.listeners->all_was_told();
}

// Until the node is Ready and a while has passed without anything to do.
void Simulation::come_to_rest() {
  const TimePoint end = node_.now + kHealTime;
  for (int before = -1; node_.now < end && !(ready() && writes() == before);) {
    before = writes();
    live_until(node_.now + kSettleTime, false);
    if (!node_.rules.violation().empty()) return;
  }
  node_.rules.converged(node_.loop->view(node_.now).desired);
  node_.rules.recorded(node_.store);
  if (has_more_ && !node_.outbox.true_now())
    node_.rules.violated("what was reported is not how it stands");
  for (const auto& [service, memory] : node_.loop->memory().services)
    node_.trace(service.str() + ": " + memory.conditions.front().reason + ": " +
                memory.conditions.front().message);
  const auto& conditions = node_.loop->memory().conditions;
  if (!ready())
    node_.rules.violated("rule 7: the node is not Ready: " +
                         (conditions.empty() ? "no condition" : conditions.front().message));
}

bool Simulation::ready() const {
  const auto& conditions = node_.loop->memory().conditions;
  return !conditions.empty() && conditions.front().status == reconciler::Status::kTrue;
}

// To podman, to mc-proxy and to the disk.
int Simulation::writes() const {
  return node_.runtime.effects() + node_.router.effects() + node_.store.commits() +
         (alerts_ ? node_.listeners->book.saves() : 0);
}

bool Simulation::on_trial_or_over(const std::string& service) const {
  const auto& components = node_.loop->memory().components;
  return std::any_of(components.begin(), components.end(), [&](const auto& component) {
    return component.first.service.str() == service &&
           (component.second.rollout_over || component.second.trial);
  });
}

// Nothing happens, so nothing may be done.
void Simulation::rest(const std::string& rule) {
  const int before = writes();
  live_until(node_.now + kQuietTime, false);
  if (writes() != before) node_.rules.violated(rule);
}

}  // namespace sim
