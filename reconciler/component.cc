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

class Machine {
 public:
  Machine(const ComponentInput& input, PortsInUse& in_use) : in_(input), in_use_(in_use) {
    d_.next = input.memory;
  }

  Decision decide() && {
    if (d_.next.wanted_hash != in_.desired.spec_hash) begin_anew();
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
    d_.next = std::move(fresh);
  }

  // The label of a container says which ports it was made with; that outlives a lost registry.
  void keep_leases_of_containers() {
    for (const ObservedContainer* container : in_.containers)
      for (const auto& [route, port] : container->owner->leases)
        if (!d_.next.refused_ports.contains(port))
          d_.next.leases[{container->owner->slot, route}] = port;
  }

  bool as_desired(const ObservedContainer& container) const {
    return container.owner->spec_hash == in_.desired.spec_hash &&
           container.owner->leases == leases_of(d_.next, container.owner->slot) &&
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
      const bool was_healthy = other->owner->spec_hash == d_.next.healthy_hash;
      if (runs(*other) || (was_healthy && other->started_at != TimePoint{}))
        if (fallback_ == nullptr || (runs(*other) && !runs(*fallback_))) fallback_ = other;
    }
  }

  // ------------------------------------------------------------ what to do

  void stop_all() {
    for (const ObservedContainer* container : in_.containers) {
      if (container->state != ContainerState::kRunning &&
          container->state != ContainerState::kPaused)
        continue;
      return emit(
          stop_step(in_.key, in_.service.revision, *container, stop_timeout(),
                    "active is false (commit " + short_revision() + ", " + in_.service.path + ")"),
          "stopping");
    }
    if (!others_.empty()) return remove(*others_.front(), "its definition has changed");
    settle(Phase::kStopped, reason::kStopped, "stopped: active is false");
  }

  void converge() {
    if (d_.next.rollout_failed && fallback_ == nullptr) d_.next.rollout_failed = false;
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
    if (!in_.dependency_gate.empty()) return wait(reason::kDependencyNotReady, in_.dependency_gate);
    const std::optional<Slot> slot = free_slot();
    if (!slot) {
      const ObservedContainer* victim =
          others_.front() == fallback_ ? others_.back() : others_.front();
      return runs(*victim) ? stop(*victim, "its slot is needed") : remove(*victim, replaced_by());
    }
    if (d_.next.image_missing)
      return emit(pull_step(in_.key, in_.service.revision, in_.desired.spec.image, create_cause()),
                  "pulling " + in_.desired.spec.image);
    if (!lease_ports(in_.key, in_.desired.spec, *slot, in_use_, d_.next))
      return settle(Phase::kFailing, reason::kHostPortTaken,
                    "no host port from 10000 to 60000 is free for a route");
    emit(create_step(in_.key, in_.node, in_.service, in_.desired, *slot, leases_of(d_.next, *slot),
                     create_cause()),
         "creating");
  }

  std::optional<Slot> free_slot() const {
    for (const Slot slot : {Slot::kFirst, Slot::kSecond})
      if (std::none_of(in_.containers.begin(), in_.containers.end(),
                       [&](const auto* container) { return container->owner->slot == slot; }))
        return slot;
    return std::nullopt;
  }

  void bring_up() {
    if (!in_.dependency_gate.empty()) return wait(reason::kDependencyNotReady, in_.dependency_gate);
    if (!in_.desired.rolls)
      for (const ObservedContainer* other : others_)
        if (runs(*other)) return stop(*other, replaced_by());
    if (!in_.port_gate.empty()) return wait(reason::kWaitingForPort, in_.port_gate);
    emit(start_step(in_.key, in_.service.revision, *candidate_, false, create_cause()), "starting");
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
        return wait(reason::kProbing, verdict.message);
      case Verdict::kFailed:
        break;
    }
    if (fallback_ != nullptr) return fail_rollout(verdict.message);
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
    d_.next.heal_pending = false;
    for (const ObservedContainer* other : others_)
      return runs(*other) ? stop(*other, replaced_by()) : remove(*other, replaced_by());
    d_.next.failure.reset();
    d_.next.step_back_off = {};
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
    if (fallback_ != nullptr) return fail_rollout(how + " before it was ready");
    if (!others_.empty()) return remove(*others_.front(), replaced_by());
    const crds::Restart& restart = *in_.desired.spec.restart;
    using Policy = crds::Restart::Policy;
    const bool clean = candidate_->exit_code == 0;
    const bool spent = restart.policy == Policy::kOnFailure && restart.max_retries &&
                       d_.next.restarts >= *restart.max_retries;
    if (!d_.next.heal_pending &&
        (restart.policy == Policy::kNo || (restart.policy == Policy::kOnFailure && clean))) {
      d_.available = clean;
      return settle(clean ? Phase::kReady : Phase::kFailing,
                    clean ? reason::kCompleted : reason::kExited, how);
    }
    if (spent)
      return settle(Phase::kFailing, reason::kExited,
                    how + ", and was restarted " + std::to_string(d_.next.restarts) +
                        " times (restart = \"on-failure:" + std::to_string(*restart.max_retries) +
                        "\")");
    heal(how);
  }

  // At once after a long run, then further and further apart.
  void heal(const std::string& how) {
    forget_old_heals();
    const bool settled = candidate_->exited_at - candidate_->started_at >= kSettledAfter;
    const int count = settled ? 0 : static_cast<int>(d_.next.heals.size());
    const TimePoint at = candidate_->exited_at + delay(kHealDelay, count, in_.key.text());
    if (!due(at, in_.now, kHealDelay)) {
      wake(at);
      return d_.next.heals.size() >= kFlappingHeals
                 ? settle(Phase::kFailing, reason::kFlapping, flapping_message())
                 : settle(Phase::kFailing, reason::kBackingOff, how);
    }
    emit(start_step(in_.key, in_.service.revision, *candidate_, true, how), "restarting: " + how);
  }

  void forget_old_heals() {
    // One that lies ahead was seen by a clock that has stepped back since.
    std::erase_if(d_.next.heals,
                  [&](TimePoint at) { return at > in_.now || in_.now - at > kHealWindow; });
  }

  std::string flapping_message() const {
    return "ended " + std::to_string(d_.next.heals.size()) + " times within 10 minutes, the last " +
           "time it " + exit_text(*candidate_) + " (mcp logs " + in_.key.text() + ")";
  }

  // ------------------------------------------------------------ failed rollouts

  void fail_rollout(const std::string& why) {
    BackOff& back_off = d_.next.rollout_back_off;
    ++back_off.attempts;
    back_off.next_at = in_.now + delay(kRolloutRetry, back_off.attempts, in_.key.text());
    d_.next.rollout_failed = true;
    d_.next.rollout_error = candidate_->name + " " + why;
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
    if (!runs(*fallback_))
      emit(start_step(in_.key, fallback_->owner->revision, *fallback_, false,
                      "automatic return: " + d_.next.rollout_error),
           "returning to the previous container");
    fail(reason::kRolloutFailed, rollout_message());
  }

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

  Millis stop_timeout() const { return *in_.desired.spec.stop_timeout; }
  std::string short_revision() const { return in_.service.revision.str().substr(0, 7); }
  std::string replaced_by() const { return "replaced: " + create_cause(); }

  // Why a new container is made: drift of the one that should do, else the definition.
  std::string create_cause() const {
    for (const ObservedContainer* other : others_) {
      if (other->owner->spec_hash != in_.desired.spec_hash) continue;
      const auto changes = drift(in_.desired, *other);
      if (!changes.empty()) return "drift of " + other->name + ": " + text(changes);
    }
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
};

}  // namespace

Decision decide(const ComponentInput& input, PortsInUse& in_use) {
  return Machine(input, in_use).decide();
}

Decision decide_removal(const ComponentKey& key, const Revision& revision,
                        const std::vector<const ObservedContainer*>& containers,
                        const ComponentMemory& memory, TimePoint now) {
  Decision decision;
  decision.next = memory;
  decision.reason = reason::kProgressing;
  decision.message = "being removed";
  if (memory.failure) {
    decision.phase = Phase::kFailing;
    decision.reason = failure_reason(*memory.failure);
    decision.message = memory.failure->error.text();
  }
  if (!due(memory.step_back_off.next_at, now, kStepRetry)) {
    decision.wake_at = memory.step_back_off.next_at;
    return decision;
  }
  const std::string cause = "not defined any more (commit " + revision.str().substr(0, 7) + ")";
  const ObservedContainer& first = *containers.front();
  const bool stopped =
      first.state == ContainerState::kExited || first.state == ContainerState::kCreated;
  decision.step = stopped ? remove_step(key, revision, first, cause)
                          : stop_step(key, revision, first, std::chrono::seconds(10), cause);
  return decision;
}

std::vector<FieldChange> drift(const ComponentDesired& desired,
                               const ObservedContainer& container) {
  std::vector<FieldChange> changes;
  if (!container.image.empty() && !same_image(container.image, desired.spec.image))
    changes.push_back({"image", desired.spec.image, container.image});
  const auto published = [](std::vector<crds::PortMapping> ports) {
    std::vector<std::string> out;
    for (const crds::PortMapping& port : ports)
      if (port.host_port != 0)
        out.push_back(
            (port.host_ip.empty() || port.host_ip == "0.0.0.0" ? "" : port.host_ip + ":") +
            std::to_string(port.host_port) + ":" + std::to_string(port.container_port) + "/" +
            port.protocol);
    std::sort(out.begin(), out.end());
    return base::join(out, " ");
  };
  // A port that podman chose is not drift.
  const bool podman_chooses =
      std::any_of(desired.spec.ports.begin(), desired.spec.ports.end(),
                  [](const crds::PortMapping& port) { return port.host_port == 0; });
  const std::string expected = published(published_ports(desired.spec, container.owner->leases));
  const std::string actual = published(container.ports);
  if (!podman_chooses && expected != actual) changes.push_back({"ports", expected, actual});
  return changes;
}

}  // namespace reconciler
