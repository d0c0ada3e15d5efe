#include "test/sim/simulation.h"

#include <algorithm>
#include <ostream>

#include "agent/status/report.h"
#include "reconciler/conditions.h"

namespace sim {

using base::Millis;
using base::TimePoint;
using test::FakeRuntime;

namespace {

constexpr Millis kFaultTime = std::chrono::minutes(20);
constexpr Millis kHealTime = std::chrono::minutes(60);
constexpr Millis kQuietTime = std::chrono::minutes(30);
// Far more than any life needs; a loop that never sleeps is found by it.
constexpr int64_t kMaxSteps = 400'000;
// A seed keeps its life: what was added to the world later happens only above.
constexpr uint64_t kLastPlainSeed = 10'000;
constexpr uint64_t kMoreSalt = 0x9e3779b97f4a7c15;

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
      adopts_(adoptions_.chance(30)),
      more_(seed ^ kMoreSalt),
      has_more_(seed > kLastPlainSeed && more_.chance(70)) {
  runtime_.on_call = [this](const FakeRuntime::Call& call) {
    rules_.before(call, now_);
    if (trace_ != nullptr)
      for (const reconciler::Step& step : loop_->view(now_).running)
        if (step.container.str() == call.subject || step.container_name == call.subject)
          *trace_ << base::to_rfc3339(now_) << " " << step.id << ": " << step.cause << "\n";
  };
  runtime_.faults = [this](const FakeRuntime::Call& call) { return fault_for(call); };
  if (has_more_) {
    rules_.policy.images = {"app:*", "crash:*", "mute:*", "sick:*", "missing:*", "denied:*"};
    runtime_.publish("evil:v1");
  }
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
                       proxied_ ? &router_ : nullptr, has_more_ ? &outbox_ : nullptr},
      agent::LoopConfig{.node = reconciler::NodeName("rift"),
                        .policy = rules_.policy,
                        .on_event = [this](const auto& event) { rules_.told(event); },
                        .describe =
                            [this](const auto& desired, const auto& memory, const auto& observed) {
                              return describe(desired, memory, observed);
                            }});
  if (const auto loaded = loop_->load(); !loaded) rules_.violated(loaded.error().text());
}

void Simulation::crash() {
  executor_->kill();
  const auto before = rules_.leases_in_use();
  loop_.reset();
  boot();
  rules_.leases_kept(before);
}

agent::Report Simulation::describe(const reconciler::Desired& desired,
                                   const reconciler::Memory& memory,
                                   const reconciler::Observed& observed) {
  agent::Report report = agent::make_report(desired, memory, observed, "sim");
  // What was published is compared with what there is to say.
  outbox_.newest = report.document;
  outbox_.outcomes[report.document] = report.outcome;
  return report;
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
  faults_ = podman_away_ = branch_.down = store_.full = executor_->slow = outbox_.down = false;
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
  rules_.recorded(store_);
  if (has_more_ && !outbox_.true_now()) rules_.violated("what was reported is not how it stands");
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

}  // namespace sim
