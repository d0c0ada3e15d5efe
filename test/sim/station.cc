#include "test/sim/station.h"

#include <ostream>

#include "agent/status/report.h"

namespace sim {

Station::Station(Options with, Random& random, const Branch& branch)
    : options(std::move(with)),
      now(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)),
      runtime([this] { return now; }),
      prober(runtime),
      rules(runtime, router, branch, [this] { return loop.get(); }),
      random_(random),
      branch_(branch) {
  runtime.on_call = [this](const test::FakeRuntime::Call& call) {
    rules.before(call, now);
    if (options.trace == nullptr) return;
    for (const reconciler::Step& step : loop->view(now).running)
      if (step.container.str() == call.subject || step.container_name == call.subject)
        trace(step.id + ": " + step.cause);
  };
  store.on_damage_found = [this](size_t in_hand) {
    rules.registry_lost(in_hand);
    if (listeners) listeners->book.lose();
  };
  if (options.alerts)
    listeners.emplace(store, now, [this](const std::string& what) { rules.violated(what); });
  runtime.exits_at_start = [](const reconciler::ObservedContainer& container) {
    return container.image.find("crash") == std::string::npos ? std::nullopt : std::optional(1);
  };
  router.on_call = [this](const test::FakeRouter::Call& call) { rules.before(call, now); };
  for (const char* image : {"app:v1", "app:v2", "app:v3", "crash:v1", "mute:v1", "sick:v1"})
    runtime.publish(image);
  runtime.refuse("denied:v1", base::make_error(base::Code::kUnauthenticated, "unauthorized"));
}

void Station::boot() {
  rules.restarted();
  executor = std::make_unique<Executor>(random_, now);
  source = std::make_unique<Source>(branch_, cut_off);
  loop = std::make_unique<agent::Loop>(
      agent::LoopPorts{runtime, prober, *source, store, *executor, runtime,
                       options.proxied ? &router : nullptr, options.reports ? &outbox : nullptr,
                       options.peers,
                       listeners ? listeners->boot(*executor, options.name) : nullptr},
      agent::LoopConfig{.node = options.name,
                        .policy = rules.policy,
                        .on_event = [this](const auto& event) { rules.told(event); },
                        .describe =
                            [this](const auto& desired, const auto& memory, const auto& observed) {
                              return describe(desired, memory, observed);
                            }});
  if (const auto loaded = loop->load(); !loaded) rules.violated(loaded.error().text());
}

void Station::crash() {
  executor->kill();
  // What came to a stopped container's while the registry took no writes may come once more.
  const auto before = rules.leases_in_use(loop->memory(), !store.full);
  stop();
  if (store.damaged) store.lose();
  if (listeners) listeners->registry_lost();
  boot();
  // After a loss it may know of no revision yet.
  const bool unknown = store.lost && (store.full || !store.written);
  if (!unknown) rules.leases_kept(before, store.full, now);
}

void Station::damage_registry() {
  store.damage();
  if (listeners) listeners->book.lose();
}

void Station::lose_registry() {
  executor->kill();
  stop();
  store.lose();
  if (listeners) {
    listeners->book.lose();
    listeners->registry_lost();
  }
  boot();
}

void Station::stop() {
  loop.reset();
  if (listeners) listeners->crash();
}

void Station::step() {
  loop->step(now);
  if (listeners) listeners->note_begun();
  rules.after_step(now);
}

base::TimePoint Station::next(base::Millis longest) const {
  base::TimePoint next = now + longest;
  for (const auto& at : {executor->next_at(), loop->wake_at()})
    if (at && *at < next) next = *at;
  return std::max(now, next);
}

void Station::trace(const std::string& what) const {
  if (options.trace != nullptr)
    *options.trace << base::to_rfc3339(now) << " " << options.name.str() << " " << what << "\n";
}

agent::Report Station::describe(const reconciler::Desired& desired,
                                const reconciler::Memory& memory,
                                const reconciler::Observed& observed) {
  agent::Report report = agent::make_report(desired, memory, observed, "sim");
  Outbox::Said said{report.outcome, desired.revision, {}};
  for (const auto& [service, state] : memory.services)
    if (!state.conditions.empty() && state.conditions.front().status == reconciler::Status::kTrue)
      said.ready.insert(service);
  outbox.prepare(report.document, std::move(said));
  return report;
}

}  // namespace sim
