#include "reconciler/component.h"

#include <algorithm>

#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/machine.h"
#include "reconciler/readiness.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

constexpr Millis kHealWindow = std::chrono::minutes(10);
constexpr Millis kSettledAfter = std::chrono::minutes(1);
constexpr size_t kFlappingHeals = 3;
constexpr Millis kPortCloses = std::chrono::seconds(5);

}  // namespace

void Machine::begin_anew() {
  ComponentMemory fresh;
  fresh.leases = std::move(d_.next.leases);
  fresh.healthy_hash = std::move(d_.next.healthy_hash);
  fresh.wanted_hash = in_.desired.spec_hash;
  fresh.resume = d_.next.resume;
  fresh.baseline = d_.next.baseline;
  d_.next = std::move(fresh);
}

void Machine::refuse_taken_ports() {
  if (!port_is_refused()) return;
  const auto& fixed = in_.desired.spec.ports;
  const bool leases_only =
      std::all_of(fixed.begin(), fixed.end(), [](const auto& port) { return port.host_port == 0; });
  for (const ObservedContainer* container : in_.containers) {
    if (has_process(*container) || container->owner->spec_hash != in_.desired.spec_hash) continue;
    if (closes_ports(*container)) continue;
    for (const auto& [route, port] : container->owner->leases)
      if (in_.observed.busy_ports.contains(port) ||
          (leases_only && keeps_failing(StepKind::kStart, 3)))
        d_.next.refused_ports.insert(port);
  }
}

void Machine::keep_leases_of_containers() {
  for (const ObservedContainer* container : in_.containers)
    if (has_process(*container))
      for (const auto& [route, port] : container->owner->leases) d_.next.refused_ports.erase(port);
  const auto lost = [&](uint16_t port) {
    return d_.next.refused_ports.contains(port) || in_use_.is_fixed(port);
  };
  std::erase_if(d_.next.leases, [&](const auto& lease) { return lost(lease.second); });
  for (const ObservedContainer* container : in_.containers)
    for (const auto& [route, port] : container->owner->leases)
      if (!lost(port)) d_.next.leases[{container->owner->slot, route}] = port;
}

bool Machine::is_wreck(const ObservedContainer& container) const {
  const auto& failure = d_.next.failure;
  return failure && failure->step == StepKind::kStart &&
         failure->error.code == base::Code::kCorrupt && !has_process(container) &&
         container.owner->spec_hash == in_.desired.spec_hash;
}

bool Machine::as_desired(const ObservedContainer& container) const {
  return !is_wreck(container) && container.owner->spec_hash == in_.desired.spec_hash &&
         has_leases(d_.next, container.owner->slot, container.owner->leases) &&
         drift(in_.desired, container).empty();
}

void Machine::classify() {
  for (const ObservedContainer* container : in_.containers) {
    const bool better =
        as_desired(*container) && (candidate_ == nullptr || serves_rather(*container, *candidate_));
    others_.push_back(better ? std::exchange(candidate_, container) : container);
  }
  std::erase(others_, nullptr);
  for (const ObservedContainer* other : others_) {
    if (other->owner->spec_hash != in_.desired.spec_hash) continue;
    const auto changes = drift(in_.desired, *other);
    if (!changes.empty()) drifted_ = "drift of " + other->name + ": " + text(changes);
  }
  for (const ObservedContainer* other : others_)
    if (runs(*other) || could_serve(*other))
      if (fallback_ == nullptr || serves_rather(*other, *fallback_)) fallback_ = other;
}

bool Machine::serves_rather(const ObservedContainer& one, const ObservedContainer& other) const {
  if (runs(one) != runs(other)) return runs(one);
  const bool routed = !leading_to(in_.routes, one).empty();
  if (routed != !leading_to(in_.routes, other).empty()) return routed;
  const auto answers = [&](const ObservedContainer& container) {
    const auto found = in_.observed.readiness.find(container.id);
    if (found == in_.observed.readiness.end()) return 1;  // not asked yet
    return found->second.ready ? 2 : 0;
  };
  if (answers(one) != answers(other)) return answers(one) > answers(other);
  const auto was_healthy = [&](const ObservedContainer& container) {
    return container.owner->spec_hash == d_.next.healthy_hash;
  };
  if (was_healthy(one) != was_healthy(other)) return was_healthy(one);
  // Nothing is remembered of either: one was there before the other came to take over.
  return runs(one) && one.started_at < other.started_at;
}

bool Machine::could_serve(const ObservedContainer& other) const {
  return other.owner->spec_hash == d_.next.healthy_hash &&
         other.owner->spec_hash != in_.desired.spec_hash && other.started_at != TimePoint{} &&
         !is_over(*in_.desired.spec.restart, other);
}

void Machine::stop_all() {
  // What kept it from running is no reason to wait.
  if (d_.next.failure && d_.next.failure->step < StepKind::kRoute) forget_failures();
  d_.next.trial.reset();
  if (rollout_under_way() != nullptr) d_.next.rollout.reset();
  if (!take_routes_away(in_.containers, "active is false (commit " + short_revision() + ")"))
    return;
  for (const ObservedContainer* container : in_.containers) {
    if (!has_process(*container)) continue;
    d_.next.resume = true;
    return emit(
        stop_step(in_.key, in_.service.revision, *container, stop_timeout(),
                  "active is false (commit " + short_revision() + ", " + in_.service.path + ")"),
        "stopping");
  }
  if (!others_.empty()) return remove(*others_.front(), "its definition has changed");
  forget_failures();
  settled_at({});
  d_.next.settled->stopped = true;
  settle(Phase::kStopped, reason::kStopped, "stopped: active is false");
}

void Machine::stay_without_port() {
  d_.available = std::any_of(in_.containers.begin(), in_.containers.end(),
                             [](const ObservedContainer* container) { return runs(*container); });
  if (!restore_routes()) heal_fallback();
  fail(reason::kHostPortConflict, in_.port_conflict);
}

void Machine::converge() {
  for (const ObservedContainer* other : others_)
    if (is_wreck(*other)) return remove(*other, "podman has lost its files");
  if (d_.next.rollout_failed && fallback_ == nullptr)
    d_.next.rollout_failed = d_.next.rollout_over = false;
  if (d_.next.rollout_failed && d_.next.rollout_wish != wish()) {
    // Other checks may find it ready.
    d_.next.rollout_failed = d_.next.rollout_over = false;
    d_.next.rollout_back_off = {};
  }
  if (d_.next.rollout_failed) {
    if (d_.next.rollout_over || !due(d_.next.rollout_back_off.next_at, in_.now, kRolloutRetry))
      return hold_fallback();
    d_.next.rollout_failed = false;
    begin_rollout();
  }
  d_.available = fallback_ != nullptr && runs(*fallback_);
  if (restore_routes()) return;
  if (candidate_ == nullptr) return make();
  switch (candidate_->state) {
    case ContainerState::kRunning:
      return watch();
    case ContainerState::kExited:
      return ended();
    case ContainerState::kCreated:
      return bring_up();
    case ContainerState::kPaused:
      return emit(start_step(in_.key, in_.service.revision, *candidate_, false,
                             "it was paused behind our back"),
                  "resuming");
    case ContainerState::kUnknown:
      break;
  }
  wait(reason::kProgressing, "podman does not say what state " + candidate_->name + " is in");
}

void Machine::make() {
  if (heal_fallback()) return;
  if (!in_.dependency_gate.empty()) return wait(reason::kDependencyNotReady, in_.dependency_gate);
  const std::optional<Slot> slot = free_slot();
  if (!slot) {
    const ObservedContainer* victim =
        others_.front() == fallback_ ? others_.back() : others_.front();
    return runs(*victim) ? stop(*victim, "its slot is needed") : remove(*victim, replaced_by());
  }
  if (d_.next.image_missing) return pull();
  const bool drifted = !drifted_.empty();
  if (drifted && wait_before_another(drifted_)) return;
  if (!lease_ports(in_.key, in_.desired.spec, *slot, in_use_, d_.next))
    return settle(Phase::kFailing, reason::kHostPortTaken,
                  "no host port from 10000 to 60000 is free for a route");
  Step create = create_step(in_.key, in_.node, in_.service, in_.desired, *slot,
                            leases_of(d_.next, *slot), create_cause());
  create.heals = drifted;
  emit(std::move(create), "creating");
}

void Machine::pull() {
  const std::string& image = in_.desired.spec.image;
  emit(pull_step(in_.key, in_.service.revision, image, create_cause()), "pulling " + image);
  if (in_.observed.pulling.contains(image)) d_.step.reset();
}

bool Machine::heal_fallback() {
  if (fallback_ == nullptr || d_.next.resume) return false;
  if (!is_down(*fallback_)) return false;
  // What it needs may be another's now: the new one has its turn, if it can have one.
  if (d_.next.failure && d_.next.failure->step == StepKind::kStart && in_.port_conflict.empty())
    return false;
  forget_old_heals();
  const bool paused = fallback_->state == ContainerState::kPaused;
  return restart_fallback(paused ? in_.now : heal_time(*fallback_), !paused,
                          paused ? "it was paused behind our back" : exit_text(*fallback_));
}

bool Machine::restart_fallback(TimePoint at, bool heals, const std::string& cause) {
  const bool failed = d_.next.failure && d_.next.failure->step == StepKind::kStart;
  if (!due(at, in_.now, kHealDelay)) return wake(at), false;
  if (failed && !due(d_.next.step_back_off.next_at, in_.now, kStepRetry))
    return wake(d_.next.step_back_off.next_at), false;
  settle(Phase::kFailing, reason::kProgressing, "restarting the previous container: " + cause);
  d_.step = start_step(in_.key, fallback_->owner->revision, *fallback_, heals, cause);
  return true;
}

bool Machine::wait_before_another(const std::string& why) {
  forget_old_heals();
  if (d_.next.heals.empty()) return false;
  const TimePoint at = d_.next.heals.back() +
                       delay(kHealDelay, static_cast<int>(d_.next.heals.size()), in_.key.text());
  if (due(at, in_.now, kHealDelay)) return false;
  wake(at);
  const bool flaps = d_.next.heals.size() >= kFlappingHeals;
  settle(Phase::kFailing, flaps ? reason::kFlapping : reason::kBackingOff, why);
  return true;
}

std::optional<Slot> Machine::free_slot() const {
  for (const Slot slot : {Slot::kFirst, Slot::kSecond})
    if (std::none_of(in_.containers.begin(), in_.containers.end(),
                     [&](const auto* container) { return container->owner->slot == slot; }))
      return slot;
  return std::nullopt;
}

void Machine::bring_up() {
  if (!in_.dependency_gate.empty())
    return in_.desired.rolls && heal_fallback()
               ? void()
               : wait(reason::kDependencyNotReady, in_.dependency_gate);
  if (!in_.desired.rolls)
    for (const ObservedContainer* other : others_)
      if (has_process(*other)) return hold_traffic(*other) ? stop(*other, replaced_by()) : void();
  if (fallback_ != nullptr && !runs(*fallback_) && keeps_failing(StepKind::kStart, 1) &&
      !port_is_closing())
    return fail_rollout(std::string(d_.next.failure->error.message));
  if (!in_.port_gate.empty()) return wait(reason::kWaitingForPort, in_.port_gate);
  mark(&Rollout::started, in_.now);
  emit(start_step(in_.key, in_.service.revision, *candidate_, false, create_cause()), "starting");
}

bool Machine::closes_ports(const ObservedContainer& container) const {
  const Millis ended = in_.now - container.exited_at;
  return is_down(container) && ended >= Millis(0) && ended < kPortCloses;
}

bool Machine::port_is_refused() const {
  const auto& failure = d_.next.failure;
  return failure && failure->step == StepKind::kStart &&
         failure->error.code == base::Code::kConflict;
}

bool Machine::port_is_closing() const {
  if (!port_is_refused()) return false;
  for (const ObservedContainer* container : in_.containers) {
    if (!closes_ports(*container)) continue;
    if (container == candidate_) return true;
    for (const auto& had : container->ports)
      for (const auto& wanted : in_.desired.spec.ports)
        if (had.host_port == wanted.host_port && had.protocol == wanted.protocol) return true;
  }
  return false;
}

bool Machine::keeps_failing(StepKind step, int tries) const {
  const auto& failure = d_.next.failure;
  return failure && failure->step == step && d_.next.step_back_off.attempts > tries &&
         failure->error.code != base::Code::kUnavailable &&
         failure->error.code != base::Code::kTimeout;
}

void Machine::watch() {
  mark(&Rollout::started, candidate_->started_at);
  d_.follow_routes |= fallback_ != nullptr && in_.routes.managed();
  Verdict verdict =
      judge(in_.desired.spec, *candidate_, in_.observed, fallback_ != nullptr, in_.now);
  if (verdict.probe) d_.probes.push_back(std::move(*verdict.probe));
  if (verdict.again_at) wake(*verdict.again_at);
  switch (verdict.state) {
    case Verdict::kReady:
      return ready();
    case Verdict::kNotYet:
      // A new agent has not asked yet; it was ready when the last one did.
      d_.available |=
          !verdict.asked && !verdict.again_at && d_.next.healthy_hash == in_.desired.spec_hash;
      return wait(reason::kProbing, verdict.message);
    case Verdict::kFailed:
      break;
  }
  if (fallback_ != nullptr) return fail_rollout(candidate_->name + " is " + verdict.message);
  const bool heals =
      in_.desired.spec.health && in_.desired.spec.restart->policy != crds::Restart::Policy::kNo;
  if (!heals) return settle(Phase::kFailing, reason::kUnhealthy, verdict.message);
  d_.next.heal_pending = true;
  emit(stop_step(in_.key, in_.service.revision, *candidate_, stop_timeout(), verdict.message),
       verdict.message);
  fail(reason::kUnhealthy, verdict.message);
}

void Machine::ready() {
  d_.available = true;
  d_.next.heal_pending = d_.next.resume = false;
  mark(&Rollout::ready, in_.now);
  const bool rolling_out = rollout_under_way() != nullptr;
  if (!routes_lead_to(*candidate_, Millis(0),
                      rolling_out ? in_.desired.cause : "mc-proxy does not have it so"))
    return fallback_had_traffic() && keeps_failing(StepKind::kRoute, 2)
               ? fail_rollout(std::string(d_.next.failure->error.message))
               : void();
  if (in_.routes.managed()) mark(&Rollout::switched, in_.now);
  d_.next.held_since = {};
  if (!trusted()) return;
  d_.next.healthy_hash = in_.desired.spec_hash;
  d_.next.rollout_back_off = {};
  d_.next.rollout_error.clear();
  for (const ObservedContainer* other : others_) {
    if (!runs(*other)) return remove(*other, replaced_by());
    return take_routes_away({other}, replaced_by()) ? stop(*other, replaced_by()) : void();
  }
  if (d_.next.trial)
    d_.next.baseline = d_.next.trial->before;
  else if (rolling_out)
    d_.next.baseline = d_.next.rollout->before;
  d_.next.trial.reset();
  forget_failures();
  forget_old_heals();
  const TimePoint settled = candidate_->started_at + kSettledAfter;
  const bool settling = settled > in_.now && settled - in_.now <= kSettledAfter;
  if (d_.next.heals.size() >= kFlappingHeals && settling) {
    wake(settled);
    return settle(Phase::kFailing, reason::kFlapping, flapping_message());
  }
  finish_rollout("");
  settled_at(candidate_->id);
  d_.next.drift.clear();
  if (!in_.routes.refused.empty())
    return settle(Phase::kFailing, reason::kRouteConflict, in_.routes.refused);
  if (const std::string problem = unserved(in_.routes); !problem.empty())
    return settle(Phase::kFailing, reason::kRouteFailed, problem);
  settle(Phase::kReady, reason::kSucceeded, "running");
}

void Machine::ended() {
  const std::string how = exit_text(*candidate_);
  const bool restarts = d_.next.heal_pending || d_.next.resume;
  const crds::Restart& restart = *in_.desired.spec.restart;
  const bool clean = candidate_->exit_code == 0;
  const bool over = !restarts && is_over(restart, *candidate_);
  if (fallback_ != nullptr && !restarts && !(over && clean)) {
    // It ended for another version, and has not been tried in this rollout.
    const Rollout* rollout = rollout_under_way();
    if (rollout != nullptr && rollout->started == TimePoint{}) return bring_up();
    remember_exit();
    return fail_rollout(candidate_->name + " " + how +
                        (d_.next.trial ? " while it was watched" : " before it was ready") +
                        said(d_.next.last_exit->lines));
  }
  for (const ObservedContainer* other : others_)
    return runs(*other) ? stop(*other, replaced_by()) : remove(*other, replaced_by());
  if (over) {
    forget_failures();
    d_.available = clean;
    return settle(clean ? Phase::kReady : Phase::kFailing,
                  clean ? reason::kCompleted : reason::kExited, how);
  }
  if (d_.next.resume)
    return emit(
        start_step(in_.key, in_.service.revision, *candidate_, false,
                   "active is true (commit " + short_revision() + ", " + in_.service.path + ")"),
        "starting");
  const bool spent = restart.policy == crds::Restart::Policy::kOnFailure && restart.max_retries &&
                     d_.next.restarts >= *restart.max_retries;
  if (spent)
    return settle(Phase::kFailing, reason::kExited,
                  how + ", and was restarted " + std::to_string(d_.next.restarts) +
                      " times (restart = \"on-failure:" + std::to_string(*restart.max_retries) +
                      "\")");
  heal(how);
}

void Machine::heal(const std::string& how) {
  remember_exit();
  forget_old_heals();
  const TimePoint at = heal_time(*candidate_);
  if (!due(at, in_.now, kHealDelay)) {
    wake(at);
    return d_.next.heals.size() >= kFlappingHeals
               ? settle(Phase::kFailing, reason::kFlapping, flapping_message())
               : settle(Phase::kFailing, reason::kBackingOff, how);
  }
  emit(start_step(in_.key, in_.service.revision, *candidate_, true, how), "restarting: " + how);
}

void Machine::remember_exit() {
  d_.next.last_exit = Exit{candidate_->exit_code, candidate_->exited_at,
                           candidate_->last_lines.value_or(std::vector<std::string>())};
}

TimePoint Machine::heal_time(const ObservedContainer& container) const {
  const bool settled = container.exited_at - container.started_at >= kSettledAfter;
  const int count = settled ? 0 : static_cast<int>(d_.next.heals.size());
  return container.exited_at + delay(kHealDelay, count, in_.key.text());
}

void Machine::forget_old_heals() {
  // One that lies ahead was seen by a clock that has stepped back since.
  std::erase_if(d_.next.heals,
                [&](TimePoint at) { return at > in_.now || in_.now - at > kHealWindow; });
}

std::string Machine::flapping_message() const {
  return "ended " + std::to_string(d_.next.heals.size()) + " times within 10 minutes, " +
         (d_.next.last_exit ? "the last time it " + exit_text(d_.next.last_exit->code) +
                                  said(d_.next.last_exit->lines) + ", "
                            : "") +
         (runs(*candidate_) ? "and runs again" : "and does not run") + " (mcp logs " +
         in_.key.text() + ")";
}

void Machine::stop(const ObservedContainer& container, const std::string& cause) {
  emit(stop_step(in_.key, in_.service.revision, container, stop_timeout(), cause),
       "stopping " + container.name);
}

void Machine::remove(const ObservedContainer& container, const std::string& cause, bool failed) {
  Step step = remove_step(in_.key, in_.service.revision, container, cause);
  step.failed = failed && container.started_at != TimePoint{};
  emit(std::move(step), "removing " + container.name);
}

void Machine::emit(Step step, std::string message) {
  if (port_is_closing()) {
    settle(Phase::kProgressing, reason::kWaitingForPort,
           "a port is not given back yet: " + d_.next.failure->error.text());
  } else if (d_.next.failure) {
    const Failure& failure = *d_.next.failure;
    settle(Phase::kFailing, failure_reason(failure), failure.error.text());
  } else {
    settle(Phase::kProgressing, reason::kProgressing, std::move(message));
  }
  if (!due(d_.next.step_back_off.next_at, in_.now, kStepRetry))
    wake(d_.next.step_back_off.next_at);
  else
    d_.step = std::move(step);
}

void Machine::wait(const char* why, std::string message) {
  settle(Phase::kProgressing, why, std::move(message));
}

void Machine::fail(const char* why, std::string message) {
  settle(Phase::kFailing, why, std::move(message));
}

void Machine::settle(Phase phase, const char* why, std::string message) {
  d_.phase = phase;
  d_.reason = why;
  d_.message = std::move(message);
}

void Machine::settled_at(const ContainerId& container) {
  // Mostly what it was: then nothing is allocated.
  Settled& settled = d_.next.settled ? *d_.next.settled : d_.next.settled.emplace();
  settled.container = container;
  settled.spec_hash = in_.desired.spec_hash;
  settled.wish = wish();
  settled.stopped = settled.left = false;
}

void Machine::wake(TimePoint at) {
  if (!d_.wake_at || at < *d_.wake_at) d_.wake_at = at;
}

void Machine::forget_failures() {
  d_.next.failure.reset();
  d_.next.step_back_off = {};
}

std::string Machine::create_cause() const {
  if (!drifted_.empty()) return drifted_;
  for (const ObservedContainer* other : others_)
    if (other->owner->spec_hash == in_.desired.spec_hash &&
        !has_leases(d_.next, other->owner->slot, other->owner->leases))
      return "a route's host port of " + other->name + " is another's now";
  if (in_.containers.empty() && d_.next.healthy_hash == in_.desired.spec_hash)
    return "its container is gone; " + in_.desired.cause;
  return in_.desired.cause;
}

Decision decide(ComponentInput input, PortsInUse& in_use) {
  return Machine(std::move(input), in_use).decide();
}

}  // namespace reconciler
