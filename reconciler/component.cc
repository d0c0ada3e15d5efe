#include "reconciler/component.h"

#include <algorithm>

#include "base/core/text.h"
#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/normalise.h"
#include "reconciler/readiness.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

constexpr Millis kHealWindow = std::chrono::minutes(10);
constexpr Millis kSettledAfter = std::chrono::minutes(1);
constexpr size_t kFlappingHeals = 3;

bool runs(const ObservedContainer& container) {
  return container.state == ContainerState::kRunning;
}

// Holds its ports, whether or not it does its work.
bool has_process(const ObservedContainer& container) {
  return runs(container) || container.state == ContainerState::kPaused;
}

// Does not run, and could.
bool is_down(const ObservedContainer& container) {
  return container.state == ContainerState::kExited || container.state == ContainerState::kPaused;
}

// Whether a process that ended so is over, as its restart policy has it.
bool is_over(const crds::Restart& restart, const ObservedContainer& container) {
  using Policy = crds::Restart::Policy;
  return restart.policy == Policy::kNo ||
         (restart.policy == Policy::kOnFailure && container.exit_code == 0);
}

class Machine {
 public:
  Machine(const ComponentInput& input, PortsInUse& in_use) : in_(input), in_use_(in_use) {
    d_.next = input.memory;
  }

  Decision decide() && {
    if (d_.next.wanted_hash != in_.desired.spec_hash) begin_anew();
    refuse_taken_ports();
    keep_leases_of_containers();
    classify();
    if (in_.service.definition.active)
      converge();
    else
      stop_all();
    return std::move(d_);
  }

 private:
  // ------------------------------------------------------------ what there is

  void begin_anew() {
    ComponentMemory fresh;
    fresh.leases = std::move(d_.next.leases);
    fresh.healthy_hash = std::move(d_.next.healthy_hash);
    fresh.wanted_hash = in_.desired.spec_hash;
    fresh.resume = d_.next.resume;
    d_.next = std::move(fresh);
  }

  // A leased port that the host would not give is ours to change: the container is made anew on
  // another one. A fixed port may be to blame as well, so a lease goes only when it is seen taken.
  void refuse_taken_ports() {
    const auto& failure = d_.next.failure;
    if (!failure || failure->step != StepKind::kStart ||
        failure->error.code != base::Code::kConflict)
      return;
    const auto& fixed = in_.desired.spec.ports;
    const bool leases_only = std::all_of(fixed.begin(), fixed.end(),
                                         [](const auto& port) { return port.host_port == 0; });
    for (const ObservedContainer* container : in_.containers) {
      if (has_process(*container) || container->owner->spec_hash != in_.desired.spec_hash) continue;
      for (const auto& [route, port] : container->owner->leases)
        if (leases_only || in_.observed.busy_ports.contains(port))
          d_.next.refused_ports.insert(port);
    }
  }

  // The label of a container says which ports it was made with; that outlives a lost registry.
  void keep_leases_of_containers() {
    const auto lost = [&](uint16_t port) {
      return d_.next.refused_ports.contains(port) || in_use_.is_fixed(port);
    };
    std::erase_if(d_.next.leases, [&](const auto& lease) { return lost(lease.second); });
    for (const ObservedContainer* container : in_.containers)
      for (const auto& [route, port] : container->owner->leases)
        if (!lost(port)) d_.next.leases[{container->owner->slot, route}] = port;
  }

  bool as_desired(const ObservedContainer& container) const {
    return container.owner->spec_hash == in_.desired.spec_hash &&
           has_leases(d_.next, container.owner->slot, container.owner->leases) &&
           drift(in_.desired, container).empty();
  }

  void classify() {
    for (const ObservedContainer* container : in_.containers) {
      if (!as_desired(*container))
        others_.push_back(container);
      else if (candidate_ == nullptr || (runs(*container) && !runs(*candidate_)))
        others_.push_back(std::exchange(candidate_, container));
      else
        others_.push_back(container);
    }
    std::erase(others_, nullptr);
    for (const ObservedContainer* other : others_) {
      if (other->owner->spec_hash != in_.desired.spec_hash) continue;
      const auto changes = drift(in_.desired, *other);
      if (!changes.empty()) drifted_ = "drift of " + other->name + ": " + text(changes);
    }
    for (const ObservedContainer* other : others_)
      if (runs(*other) || could_serve(*other))
        if (fallback_ == nullptr || (runs(*other) && !runs(*fallback_))) fallback_ = other;
  }

  // An earlier definition's, that was healthy and would be running but for a mishap or for us. A
  // job that is over is not run again.
  bool could_serve(const ObservedContainer& other) const {
    return other.owner->spec_hash == d_.next.healthy_hash &&
           other.owner->spec_hash != in_.desired.spec_hash && other.started_at != TimePoint{} &&
           !is_over(*in_.desired.spec.restart, other);
  }

  // ------------------------------------------------------------ what to do

  void stop_all() {
    // What kept it from running is no reason to wait.
    if (d_.next.failure && d_.next.failure->step != StepKind::kStop &&
        d_.next.failure->step != StepKind::kRemove)
      forget_failures();
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
    settle(Phase::kStopped, reason::kStopped, "stopped: active is false");
  }

  void converge() {
    if (d_.next.rollout_failed && fallback_ == nullptr) d_.next.rollout_failed = false;
    if (d_.next.rollout_failed && d_.next.rollout_wish != wish()) {
      // Other checks may find it ready.
      d_.next.rollout_failed = false;
      d_.next.rollout_back_off = {};
    }
    if (d_.next.rollout_failed) {
      if (!due(d_.next.rollout_back_off.next_at, in_.now, kRolloutRetry)) return hold_fallback();
      d_.next.rollout_failed = false;
    }
    d_.available = fallback_ != nullptr && runs(*fallback_);
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

  void make() {
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

  void pull() {
    const std::string& image = in_.desired.spec.image;
    emit(pull_step(in_.key, in_.service.revision, image, create_cause()), "pulling " + image);
    if (in_.observed.pulling.contains(image)) d_.step.reset();
  }

  // While there is nothing of the new definition yet, the old container does the work: it is kept
  // alive, whatever keeps the new one from being made.
  bool heal_fallback() {
    if (fallback_ == nullptr || d_.next.resume) return false;
    if (!is_down(*fallback_)) return false;
    // What it needs may be another's now: the new one has its turn.
    if (d_.next.failure && d_.next.failure->step == StepKind::kStart) return false;
    forget_old_heals();
    const bool paused = fallback_->state == ContainerState::kPaused;
    return restart_fallback(paused ? in_.now : heal_time(*fallback_), !paused,
                            paused ? "it was paused behind our back" : exit_text(*fallback_));
  }

  // False: its time has not come.
  bool restart_fallback(TimePoint at, bool heals, const std::string& cause) {
    const bool failed = d_.next.failure && d_.next.failure->step == StepKind::kStart;
    if (!due(at, in_.now, kHealDelay)) return wake(at), false;
    if (failed && !due(d_.next.step_back_off.next_at, in_.now, kStepRetry))
      return wake(d_.next.step_back_off.next_at), false;
    settle(Phase::kFailing, reason::kProgressing, "restarting the previous container: " + cause);
    d_.step = start_step(in_.key, fallback_->owner->revision, *fallback_, heals, cause);
    return true;
  }

  // A container that is not as it was asked for is replaced, and perhaps the next one is not either
  // (podman may write things in another way): further and further apart.
  bool wait_before_another(const std::string& why) {
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

  std::optional<Slot> free_slot() const {
    for (const Slot slot : {Slot::kFirst, Slot::kSecond})
      if (std::none_of(in_.containers.begin(), in_.containers.end(),
                       [&](const auto* container) { return container->owner->slot == slot; }))
        return slot;
    return std::nullopt;
  }

  void bring_up() {
    if (!in_.dependency_gate.empty())
      return in_.desired.rolls && heal_fallback()
                 ? void()
                 : wait(reason::kDependencyNotReady, in_.dependency_gate);
    if (!in_.desired.rolls)
      for (const ObservedContainer* other : others_)
        if (has_process(*other)) return stop(*other, replaced_by());
    if (fallback_ != nullptr && !runs(*fallback_) && cannot_start())
      return fail_rollout(std::string(d_.next.failure->error.message));
    if (!in_.port_gate.empty()) return wait(reason::kWaitingForPort, in_.port_gate);
    emit(start_step(in_.key, in_.service.revision, *candidate_, false, create_cause()), "starting");
  }

  // More than once, and podman was there to say so.
  bool cannot_start() const {
    const auto& failure = d_.next.failure;
    return failure && failure->step == StepKind::kStart && d_.next.step_back_off.attempts > 1 &&
           failure->error.code != base::Code::kUnavailable &&
           failure->error.code != base::Code::kTimeout;
  }

  void watch() {
    const Verdict verdict =
        judge(in_.desired.spec, *candidate_, in_.observed, fallback_ != nullptr, in_.now);
    if (verdict.probe) d_.probes.push_back(*verdict.probe);
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

  void ready() {
    d_.available = true;
    d_.next.healthy_hash = in_.desired.spec_hash;
    d_.next.rollout_back_off = {};
    d_.next.rollout_error.clear();
    d_.next.heal_pending = d_.next.resume = false;
    for (const ObservedContainer* other : others_)
      return runs(*other) ? stop(*other, replaced_by()) : remove(*other, replaced_by());
    forget_failures();
    forget_old_heals();
    const TimePoint settled = candidate_->started_at + kSettledAfter;
    const bool settling = settled > in_.now && settled - in_.now <= kSettledAfter;
    if (d_.next.heals.size() >= kFlappingHeals && settling) {
      wake(settled);
      return settle(Phase::kFailing, reason::kFlapping, flapping_message());
    }
    settle(Phase::kReady, reason::kSucceeded, "running");
  }

  void ended() {
    const std::string how = exit_text(*candidate_);
    const bool restarts = d_.next.heal_pending || d_.next.resume;
    const crds::Restart& restart = *in_.desired.spec.restart;
    const bool clean = candidate_->exit_code == 0;
    const bool over = !restarts && is_over(restart, *candidate_);
    if (fallback_ != nullptr && !restarts && !(over && clean))
      return fail_rollout(candidate_->name + " " + how + " before it was ready");
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

  void heal(const std::string& how) {
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

  // At once after a long run, then further and further apart.
  TimePoint heal_time(const ObservedContainer& container) const {
    const bool settled = container.exited_at - container.started_at >= kSettledAfter;
    const int count = settled ? 0 : static_cast<int>(d_.next.heals.size());
    return container.exited_at + delay(kHealDelay, count, in_.key.text());
  }

  void forget_old_heals() {
    // One that lies ahead was seen by a clock that has stepped back since.
    std::erase_if(d_.next.heals,
                  [&](TimePoint at) { return at > in_.now || in_.now - at > kHealWindow; });
  }

  std::string flapping_message() const {
    return "ended " + std::to_string(d_.next.heals.size()) + " times within 10 minutes, " +
           (runs(*candidate_) ? "and runs again" : "the last time it " + exit_text(*candidate_)) +
           " (mcp logs " + in_.key.text() + ")";
  }

  // ------------------------------------------------------------ failed rollouts

  void fail_rollout(const std::string& why) {
    // It has a back-off of its own; what goes now must not wait for the one of steps.
    forget_failures();
    d_.next.rollout_wish = wish();
    BackOff& back_off = d_.next.rollout_back_off;
    ++back_off.attempts;
    back_off.next_at = in_.now + delay(kRolloutRetry, back_off.attempts, in_.key.text());
    d_.next.rollout_failed = true;
    d_.next.rollout_error = why;
    hold_fallback();
  }

  // The new container goes, the old one serves on, until the next try or another definition.
  void hold_fallback() {
    d_.available = runs(*fallback_);
    wake(d_.next.rollout_back_off.next_at);
    for (const ObservedContainer* container : in_.containers) {
      if (container == fallback_) continue;
      if (runs(*container))
        stop(*container, d_.next.rollout_error);
      else
        remove(*container, d_.next.rollout_error);
      return fail(reason::kRolloutFailed, rollout_message());
    }
    if (is_down(*fallback_)) return_to_fallback();
    fail(reason::kRolloutFailed, rollout_message());
  }

  // Once at once; if it ends again after that, as any other that ends.
  void return_to_fallback() {
    const BackOff& back_off = d_.next.rollout_back_off;
    const TimePoint failed_at =
        back_off.next_at - delay(kRolloutRetry, back_off.attempts, in_.key.text());
    const bool again =
        fallback_->state == ContainerState::kExited && fallback_->started_at >= failed_at;
    forget_old_heals();
    restart_fallback(again ? heal_time(*fallback_) : in_.now, again,
                     again ? exit_text(*fallback_) : "automatic return: " + d_.next.rollout_error);
  }

  // What the agent alone acts on, as one value.
  std::string wish() const { return spec_hash(agent_fields(in_.desired.spec)); }

  std::string rollout_message() const {
    return d_.next.rollout_error + "; " + fallback_->name + " of commit " +
           fallback_->owner->revision.str().substr(0, 7) + " stays in service (attempt " +
           std::to_string(d_.next.rollout_back_off.attempts) +
           ", tried again later; mcp rollback " + in_.key.service.str() + " ends it)";
  }

  // ------------------------------------------------------------ results

  void stop(const ObservedContainer& container, const std::string& cause) {
    emit(stop_step(in_.key, in_.service.revision, container, stop_timeout(), cause),
         "stopping " + container.name);
  }

  void remove(const ObservedContainer& container, const std::string& cause) {
    emit(remove_step(in_.key, in_.service.revision, container, cause),
         "removing " + container.name);
  }

  // The step, unless the last one failed and its time has not come.
  void emit(Step step, std::string message) {
    if (d_.next.failure) {
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

  void wait(const char* why, std::string message) {
    settle(Phase::kProgressing, why, std::move(message));
  }

  void fail(const char* why, std::string message) {
    settle(Phase::kFailing, why, std::move(message));
  }

  void settle(Phase phase, const char* why, std::string message) {
    d_.phase = phase;
    d_.reason = why;
    d_.message = std::move(message);
  }

  void wake(TimePoint at) {
    if (!d_.wake_at || at < *d_.wake_at) d_.wake_at = at;
  }

  void forget_failures() {
    d_.next.failure.reset();
    d_.next.step_back_off = {};
  }

  Millis stop_timeout() const { return *in_.desired.spec.stop_timeout; }
  std::string short_revision() const { return in_.service.revision.str().substr(0, 7); }
  std::string replaced_by() const { return "replaced: " + create_cause(); }

  // Why a new container is made: drift of the one that should do, else the definition.
  std::string create_cause() const {
    if (!drifted_.empty()) return drifted_;
    for (const ObservedContainer* other : others_)
      if (other->owner->spec_hash == in_.desired.spec_hash &&
          !has_leases(d_.next, other->owner->slot, other->owner->leases))
        return "a route's host port of " + other->name + " is another's now";
    if (in_.containers.empty() && d_.next.healthy_hash == in_.desired.spec_hash)
      return "its container is gone; " + in_.desired.cause;
    return in_.desired.cause;
  }

  const ComponentInput& in_;
  PortsInUse& in_use_;
  Decision d_;
  const ObservedContainer* candidate_ = nullptr;
  const ObservedContainer* fallback_ = nullptr;  // serves, or did, and could again
  std::vector<const ObservedContainer*> others_;
  std::string drifted_;  // how one of this very definition differs from it
};

}  // namespace

Decision decide(const ComponentInput& input, PortsInUse& in_use) {
  return Machine(input, in_use).decide();
}

}  // namespace reconciler
