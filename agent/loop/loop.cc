#include "agent/loop/loop.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "reconciler/adoption.h"
#include "reconciler/conditions.h"
#include "reconciler/handover.h"
#include "reconciler/normalise.h"
#include "reconciler/reconcile.h"
#include "reconciler/resolve.h"
#include "reconciler/service_conditions.h"
#include "reconciler/steps.h"

namespace agent {

using reconciler::ComponentKey;
using reconciler::Snapshot;
using reconciler::Step;
using reconciler::StepKind;

namespace {

// What a plan left the node at.
std::string outcome_word(const reconciler::Memory& memory) {
  std::string word = "unknown";
  for (const reconciler::Condition& condition : memory.conditions) {
    const bool is_true = condition.status == reconciler::Status::kTrue;
    if (condition.type == "Ready") word = is_true ? "ready" : "failed";
    if (condition.type == "Stalled" && is_true) word = "stalled";
    if (condition.type == "Reconciling" && is_true && word == "failed") word = "progressing";
  }
  return word;
}

Applied measured(const Step& step, const Hands& hands, Meters& meters) {
  const base::metrics::Stopwatch watch;
  Applied applied = apply(step, hands);
  const std::string result = applied.result ? "success" : "error";
  meters.steps.with({std::string(name(step.kind)), result}).observe(watch.elapsed());
  return applied;
}

}  // namespace

namespace {

// A registry of an older version does not have them.
void complete_wishes(reconciler::Desired& desired) {
  for (auto& [service_name, service] : desired.services)
    for (auto& [component_name, component] : service.components)
      if (component.wish.empty())
        component.wish = reconciler::spec_hash(reconciler::agent_fields(component.spec));
}

}  // namespace

Loop::Loop(const LoopPorts& ports, LoopConfig config)
    : ports_(ports),
      config_(std::move(config)),
      journal_(ports.store, config_.on_event, config_.meters),
      observer_(ports.runtime, ports.executor, config_.list_interval),
      routes_(ports.router, ports.executor, reconciler::owner_of_routes(config_.node),
              config_.list_interval),
      probes_(ports.prober, ports.executor),
      peers_(ports.peers, ports.executor),
      poller_(ports.source, ports.executor, config_.poll_interval, config_.node.str(),
              config_.source, config_.meters),
      reporter_(ports.outbox, ports.executor, config_.node.str()) {
  desired_.node = config_.node;
}

base::Result<> Loop::load() {
  MCP_TRY(reconciler::Store::Saved saved, journal_.load());
  memory_ = std::move(saved.memory);
  // Another name of this node makes the registry's containers somebody else's.
  if (saved.desired && saved.desired->node == config_.node) {
    desired_ = std::move(*saved.desired);
    complete_wishes(desired_);
    resolved_ = true;
  }
  desired_.heal_drift = config_.heal_drift;
  observer_.observed().busy_ports = ports_.host_ports.listening();
  return {};
}

void Loop::step(base::TimePoint now) {
  // A clock that steps back puts off everything that was to happen at a time.
  dirty_ |= now < std::exchange(last_step_, now);
  take_steps(now);
  take_news(now);
  dirty_ |= observer_.take(now);
  dirty_ |= routes_.step(now, observer_.observed());
  dirty_ |= probes_.step(now, observer_.observed().readiness);
  dirty_ |= peers_.step(now, observer_.observed().peers);
  dirty_ |= free_places_of_slow_steps(now);
  dirty_ |= plan_at_ && *plan_at_ <= now;
  dirty_ |= journal_.wake_at() && *journal_.wake_at() <= now;
  if (dirty_ && can_plan()) plan(now);
  if (const auto failed = reporter_.step(now)) note_report_failure(*failed, now);
  alert(now);
  // After the plan: between two steps of one service a list would only be in their way.
  observer_.start(now, in_flight());
}

void Loop::alert(base::TimePoint now) {
  if (ports_.alerts == nullptr) return;
  static const std::string kNone;
  const Situation situation{desired_,
                            observer_.observed(),
                            memory_,
                            poller_.state(),
                            reporter_.failing() ? report_failure_ : kNone,
                            planned_};
  for (reconciler::Event& event : ports_.alerts->step(situation, now)) record(std::move(event));
}

// Before podman and mc-proxy have answered for the first time, nothing is known that could be
// planned with.
bool Loop::can_plan() const {
  const bool listed = observer_.listed_once() || observer_.observed().runtime_error;
  return (listed && routes_.asked_once()) || !resolved_;
}

void Loop::take_steps(base::TimePoint now) {
  for (auto it = running_.begin(); it != running_.end();) {
    if (!it->second.applied) {
      ++it;
      continue;
    }
    const Step step = std::move(it->second.step);
    const Applied applied = std::move(*it->second.applied);
    it = running_.erase(it);
    if (concerns(step)) {
      reconciler::ComponentMemory& memory = memory_.components[step.key];
      memory = reconciler::absorb(memory, step, applied.result, now);
    }
    if (step.kind == StepKind::kRoute)
      routes_.note(step, applied, now, observer_.observed());
    else
      observer_.note(step, applied, now);
    journal_.note(step, applied, now);
    if (step.kind == StepKind::kStart) observer_.observed().readiness.erase(step.container);
    if (!applied.result && applied.result.error().code == base::Code::kConflict)
      observer_.observed().busy_ports = ports_.host_ports.listening();
    dirty_ = true;
  }
}

const Places& Loop::places_of(const Step& step) const {
  return step.kind == StepKind::kPullImage ? config_.pulls : config_.steps;
}

bool Loop::free_places_of_slow_steps(base::TimePoint now) {
  std::map<const Places*, size_t> slow;
  for (const auto& [id, running] : running_) slow[&places_of(running.step)] += running.slow;
  bool freed = false;
  for (auto& [id, running] : running_) {
    const Places& places = places_of(running.step);
    if (running.slow || slow[&places] == places.slow || now - running.since < places.patience)
      continue;
    running.slow = freed = true;
    ++slow[&places];
  }
  return freed;
}

// A pull that another definition has overtaken says nothing about the new one, and stale routes are
// nobody's.
bool Loop::concerns(const Step& step) const {
  if (step.key.service.empty()) return false;
  if (step.kind != StepKind::kPullImage) return true;
  const auto service = desired_.services.find(step.key.service);
  if (service == desired_.services.end()) return false;
  const auto component = service->second.components.find(step.key.component);
  return component != service->second.components.end() &&
         component->second.spec.image == step.image;
}

void Loop::take_news(base::TimePoint now) {
  auto news = poller_.step(now);
  if (!news) return;
  if (ports_.alerts != nullptr) ports_.alerts->look();
  reconciler::Observed& observed = observer_.observed();
  const auto warn = [&](const base::Error& error, const char* reason) {
    reconciler::Event event;
    event.time = now;
    event.warning = true;
    event.reason = reason;
    event.message = error.text();
    journal_.add(std::move(event));
  };
  if (observed.source_error != news->error) {
    if (news->error) warn(*news->error, reconciler::reason::kSourceUnavailable);
    observed.source_error = news->error;
    dirty_ = true;
  }
  if (observed.commit_held != news->held) {
    if (news->held) warn(news->held->why, reconciler::reason::kCommitNotVerified);
    observed.commit_held = news->held;
    dirty_ = true;
  }
  if (news->snapshot) {
    adopt(*news->snapshot, news->approve_removals);
  } else if (news->approve_removals && held_snapshot_) {
    adopt(Snapshot(*held_snapshot_), true);
  } else if (news->approve_removals) {
    desired_.approved_removals = std::numeric_limits<int>::max();
    desired_.doubtful = false;
    dirty_ = true;
  }
  if (!dirty_) poller_.planned();
}

void Loop::adopt(const Snapshot& snapshot, bool approve) {
  reconciler::Desired next = reconciler::resolve(
      snapshot, config_.node, resolved_ ? &desired_ : nullptr, approve, config_.policy);
  next.heal_drift = config_.heal_drift;
  const bool held = std::any_of(next.services.begin(), next.services.end(), [](const auto& entry) {
    return entry.second.hold && entry.second.hold->reason == reconciler::reason::kPruneHeld;
  });
  if (held || !next.handovers.empty())
    held_snapshot_ = snapshot;
  else
    held_snapshot_.reset();
  if (!resolved_ || !(next == desired_)) {
    desired_ = std::move(next);
    observer_.observed().busy_ports = ports_.host_ports.listening();
  }
  resolved_ = true;
  dirty_ = true;
}

void Loop::plan(base::TimePoint now) {
  const base::metrics::Stopwatch watch;
  dirty_ = false;
  reconciler::Observed& observed = observer_.observed();
  observed.in_flight = in_flight();
  observed.in_flight.insert(observer_.unsure().begin(), observer_.unsure().end());
  observed.pulling = pulling();
  observed.registry_error = journal_.error();
  observer_.adopt(reconciler::adopted_containers(desired_, memory_));
  reconciler::Outcome outcome = reconciler::reconcile(desired_, observed, std::move(memory_), now);
  memory_ = std::move(outcome.next);
  plan_at_ = outcome.wake_at;
  for (const reconciler::ServiceName& service : outcome.handed_over) {
    reconciler::let_go(desired_, service);
    dirty_ = true;
  }
  // Before any step: what a step relies on (its ports) must survive a kill.
  save(now);
  dirty_ |= journal_.error() != observed.registry_error;
  routes_.follow(outcome.follow_routes);
  probes_.want(outcome.probes, now);
  probes_.step(now, observed.readiness);
  peers_.want(outcome.questions, now, observed.peers);
  std::erase_if(observed.readiness, [&](const auto& entry) {
    const auto container = observed.containers.find(entry.first);
    return container == observed.containers.end() ||
           container->second.state != reconciler::ContainerState::kRunning;
  });
  waiting_ = 0;
  for (Step& step : outcome.plan.steps) {
    // What could not be written down must not be built upon.
    if (journal_.error() && step.kind == StepKind::kCreate) continue;
    waiting_ += submit(std::move(step)) ? 0 : 1;
  }
  if (reporter_.wanted() && (!desired_.revision.empty() || observed.commit_held))
    reporter_.tell(config_.describe(desired_, memory_, observed));
  poller_.planned();
  planned_ |= observer_.listed_once() || observed.runtime_error;
  if (ports_.alerts != nullptr) ports_.alerts->look();
  config_.meters->reconciles.observe(watch.elapsed());
  config_.meters->outcomes.with({outcome_word(memory_)}).add();
}

void Loop::save(base::TimePoint now) {
  journal_.save(desired_, memory_, now);
  if (ports_.alerts != nullptr && journal_.error() &&
      journal_.error()->code == base::Code::kCorrupt)
    ports_.alerts->store_is_new();
}

// What was adopted as that, and came into force, is not defined any more, and is still there.
bool Loop::is_leaving(const ComponentKey& key) const {
  const auto known = memory_.components.find(key);
  return known != memory_.components.end() && known->second.adopted &&
         !known->second.adopted->revision.empty() &&
         observer_.observed().containers.contains(known->second.adopted->container);
}

base::Result<> Loop::accept(const std::map<ComponentKey, reconciler::Adoption>& adoptions,
                            base::TimePoint now) {
  // What is defined has a container, or is about to have one: two would be ours.
  for (const auto& [key, adoption] : adoptions) {
    if (desired_.services.contains(key.service) || desired_.unusable.contains(key.service))
      return base::make_error(base::Code::kConflict, key.service.str() + " is managed already",
                              "mcp status " + key.service.str() + " shows how it stands");
    if (is_leaving(key))
      return base::make_error(base::Code::kConflict,
                              "the container of " + key.text() + " before is being removed",
                              "try again when it is gone");
  }
  reconciler::Memory before = memory_;
  for (const auto& [key, adoption] : adoptions) memory_.components[key].adopted = adoption;
  save(now);
  if (journal_.error()) {
    memory_ = std::move(before);
    return *journal_.error();
  }
  dirty_ = true;
  return {};
}

void Loop::note_report_failure(const base::Error& error, base::TimePoint now) {
  if (std::exchange(report_failure_, error.message) == error.message) return;
  reconciler::Event event;
  event.time = now;
  event.warning = true;
  event.reason = "ReportFailed";
  event.message = error.text();
  record(std::move(event));
}

bool Loop::submit(Step step) {
  const Places& places = places_of(step);
  const auto taken = std::count_if(running_.begin(), running_.end(), [&](const auto& entry) {
    return &places_of(entry.second.step) == &places && !entry.second.slow;
  });
  if (static_cast<size_t>(taken) >= places.most) return false;
  const std::string id = step.id;
  const auto result = std::make_shared<std::optional<Applied>>();
  const Hands hands{ports_.runtime, ports_.router, reconciler::owner_of_routes(config_.node)};
  ports_.executor.submit(
      [step, hands, result, meters = config_.meters] { *result = measured(step, hands, *meters); },
      [this, id, result] {
        const auto running = running_.find(id);
        if (running != running_.end()) running->second.applied = std::move(*result);
      });
  running_.emplace(id, Running{.step = std::move(step), .since = last_step_});
  return true;
}

std::set<ComponentKey> Loop::in_flight() const {
  std::set<ComponentKey> keys;
  for (const auto& [id, running] : running_)
    if (running.step.kind != StepKind::kPullImage) keys.insert(running.step.key);
  return keys;
}

std::set<std::string> Loop::pulling() const {
  std::set<std::string> images;
  for (const auto& [id, running] : running_)
    if (running.step.kind == StepKind::kPullImage) images.insert(running.step.image);
  return images;
}

std::optional<base::TimePoint> Loop::wake_at() const {
  std::optional<base::TimePoint> at;
  if (ports_.alerts != nullptr) at = ports_.alerts->wake_at();
  // A plan may have found out something (the registry failed) that is to be said at once.
  if (dirty_ && can_plan()) at = last_step_;
  // What could not be written is written with the next plan.
  const auto journal_at = can_plan() ? journal_.wake_at() : std::nullopt;
  for (const auto& candidate :
       {plan_at_, observer_.wake_at(), routes_.wake_at(), probes_.wake_at(), peers_.wake_at(),
        poller_.wake_at(), reporter_.wake_at(), journal_at})
    if (candidate && (!at || *candidate < *at)) at = candidate;
  return at;
}

View Loop::view(base::TimePoint now) const {
  View view;
  view.at = now;
  view.source = poller_.state();
  view.desired = desired_;
  view.observed = observer_.observed();
  view.memory = memory_;
  view.policy = config_.policy;
  for (const auto& [id, running] : running_) view.running.push_back(running.step);
  view.waiting = waiting_;
  if (ports_.alerts != nullptr) view.alerts = ports_.alerts->state();
  if (can_plan()) return view;
  // What the registry remembers is not how things stand.
  const base::Error unasked = base::unavailable("podman has not answered since the agent started");
  for (auto& [name, service] : view.memory.services)
    service.conditions = reconciler::conditions_of_unknown(unasked, service.conditions, now);
  view.memory.conditions = reconciler::conditions_of_unknown(unasked, view.memory.conditions, now);
  return view;
}

}  // namespace agent
