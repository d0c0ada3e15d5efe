#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/component.h"
#include "reconciler/normalise.h"

// The inside of decide(): component.cc says what is done next, rollout.cc what becomes of a new
// container that fails, traffic.cc where routes lead. Nothing else includes this.
namespace reconciler {

// Does not run, and could.
inline bool is_down(const ObservedContainer& container) {
  return container.state == ContainerState::kExited || container.state == ContainerState::kPaused;
}

// Whether a process that ended so is over, as its restart policy has it.
inline bool is_over(const crds::Restart& restart, const ObservedContainer& container) {
  using Policy = crds::Restart::Policy;
  return restart.policy == Policy::kNo ||
         (restart.policy == Policy::kOnFailure && container.exit_code == 0);
}

class Machine {
 public:
  Machine(ComponentInput input, PortsInUse& in_use) : in_(std::move(input)), in_use_(in_use) {
    d_.next = std::move(in_.memory);
  }

  Decision decide() && {
    const bool anew = d_.next.wanted_hash != in_.desired.spec_hash;
    if (anew) begin_anew();
    d_.next.stop_timeout = stop_timeout();
    refuse_taken_ports();
    keep_leases_of_containers();
    classify();
    // What runs already needs no rollout: the registry was lost.
    if (anew && (candidate_ == nullptr || !runs(*candidate_))) begin_rollout();
    count_rollout();
    look_for_drift();
    if (!in_.heals && needs_a_hand())
      tell_drift();
    else if (!in_.service.definition.active)
      stop_all();
    else if (!in_.port_conflict.empty())
      stay_without_port();
    else
      converge();
    return std::move(d_);
  }

 private:
  // ------------------------------------------------------------ what there is

  void begin_anew();
  // A leased port that the host would not give is ours to change: the container is made anew on
  // another one, unless its own last process may still have it. A fixed port may be to blame, and
  // the refusal may be of long ago, so a lease goes only when it is seen taken; not everybody who
  // has a port listens, so without fixed ports also when it is refused again and again.
  void refuse_taken_ports();
  // The label of a container says which ports it was made with; that outlives a lost registry, and
  // one that a process has was not refused, whatever a registry that took no writes remembers.
  void keep_leases_of_containers();
  // Podman has lost what it was made of: it can only be made anew.
  bool is_wreck(const ObservedContainer& container) const;
  bool as_desired(const ObservedContainer& container) const;
  void classify();
  bool serves_rather(const ObservedContainer& one, const ObservedContainer& other) const;
  // An earlier definition's, that was healthy and would be running but for a mishap or for us. A
  // job that is over is not run again.
  bool could_serve(const ObservedContainer& other) const;

  // ------------------------------------------------------------ what others have changed

  // Compares what was as desired with what there is. Our own doing is none: a rollout, a restart
  // that a check asked for, and what mends an earlier change.
  void look_for_drift();
  std::vector<FieldChange> changes_of(const ObservedContainer& container) const;
  // More than that a process ended: what becomes of that is said by `restart`.
  bool needs_a_hand() const;
  // Changes nothing.
  void tell_drift();

  // ------------------------------------------------------------ what to do

  void stop_all();
  // What is asked for cannot be had: what served before serves on.
  void stay_without_port();
  void converge();
  void make();
  void pull();
  // While there is nothing of the new definition yet, the old container does the work: it is kept
  // alive, whatever keeps the new one from being made.
  bool heal_fallback();
  // False: its time has not come.
  bool restart_fallback(TimePoint at, bool heals, const std::string& cause);
  // A container that is not as it was asked for is replaced, and perhaps the next one is not either
  // (podman may write things in another way): further and further apart.
  bool wait_before_another(const std::string& why);
  std::optional<Slot> free_slot() const;
  void bring_up();
  // Ended just now: conmon, or its pod, gives its ports back a moment later.
  bool closes_ports(const ObservedContainer& container) const;
  // The last start was, by the host.
  bool port_is_refused() const;
  // It was refused for a port that a container had which ended just now.
  bool port_is_closing() const;
  // More often than `tries`, and whoever was asked was there to say so.
  bool keeps_failing(StepKind step, int tries) const;
  void watch();
  void ready();
  void ended();
  void heal(const std::string& how);
  // At once after a long run, then further and further apart.
  TimePoint heal_time(const ObservedContainer& container) const;
  void forget_old_heals();
  std::string flapping_message() const;
  void remember_exit();

  // ------------------------------------------------------------ failed rollouts

  // `for_good`: it is not tried again before something else is asked for.
  void fail_rollout(const std::string& why, bool for_good = false);
  // The new container goes, the old one serves on, until the next try or another definition.
  void hold_fallback();
  // Once at once; if it ends again after that, as any other that ends.
  void return_to_fallback();
  const std::string& wish() const { return in_.desired.wish; }
  std::string rollout_message() const;

  // ------------------------------------------------------------ traffic

  // True: every route leads to the container. Else that is the next step.
  bool routes_lead_to(const ObservedContainer& container, Millis hold, const std::string& cause);
  // While something new is made, what serves keeps its routes: one that is gone, or leads to
  // nothing that runs, is set again. True: that is the next step.
  bool restore_routes();
  bool leads_to_us(const RouteKey& key) const;
  // Of an older definition, whose health check is not known any more.
  bool answers(const ObservedContainer& container);
  // False: the new container has to wait until the old one has its routes back.
  bool fallback_serves();
  // False: first its routes hold new connections, and those that it has come to their end.
  bool hold_traffic(const ObservedContainer& container);
  // False: the new container has the routes, but not yet our trust.
  bool trusted();
  // True: none is left, or mc-proxy cannot be asked, which keeps nothing from stopping.
  bool take_routes_away(const std::vector<const ObservedContainer*>& containers,
                        const std::string& cause);

  // ------------------------------------------------------------ the receipt

  Rollout* rollout_under_way();  // null: none is
  bool fallback_had_traffic() const;
  void begin_rollout();
  void count_rollout();
  void mark(TimePoint Rollout::* phase, TimePoint at);
  void finish_rollout(const std::string& error);

  // ------------------------------------------------------------ results

  void stop(const ObservedContainer& container, const std::string& cause);
  void remove(const ObservedContainer& container, const std::string& cause, bool failed = false);
  // The step, unless the last one failed and its time has not come.
  void emit(Step step, std::string message);
  void wait(const char* why, std::string message);
  void fail(const char* why, std::string message);
  void settle(Phase phase, const char* why, std::string message);
  // As desired, with this container.
  void settled_at(const ContainerId& container);
  void wake(TimePoint at);
  void forget_failures();
  Millis stop_timeout() const { return *in_.desired.spec.stop_timeout; }
  std::string short_revision() const { return in_.service.revision.str().substr(0, 7); }
  std::string replaced_by() const { return "replaced: " + create_cause(); }

  // Why a new container is made: drift of the one that should do, else the definition.
  std::string create_cause() const;

  ComponentInput in_;
  PortsInUse& in_use_;
  Decision d_;
  const ObservedContainer* candidate_ = nullptr;
  const ObservedContainer* fallback_ = nullptr;  // serves, or did, and could again
  std::vector<const ObservedContainer*> others_;
  std::string drifted_;  // how one of this very definition differs from it
};

}  // namespace reconciler
