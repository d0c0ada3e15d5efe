#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "agent/loop/loop.h"
#include "test/sim/world.h"
#include "test/support/fake_router.h"

namespace sim {

// The rules that always hold (docs/architecture.md), checked at every call that the agent makes
// and after every step. A violation is told once, with the rule's words.
class Rules {
 public:
  Rules(const test::FakeRuntime& runtime, const test::FakeRouter& router, const Branch& branch,
        std::function<const agent::Loop*()> loop)
      : runtime_(runtime), router_(router), branch_(branch), loop_(std::move(loop)) {}

  // Told before a call has its effect.
  void before(const test::FakeRuntime::Call& call, base::TimePoint now);
  // Told after each step of the loop.
  void after_step(base::TimePoint now);
  // What is, and what should be, when nothing goes wrong any more.
  void converged(const reconciler::Desired& desired);

  const std::string& violation() const { return violation_; }
  void violated(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  // Somebody else did something to a container of this component: the agent may not know yet.
  void disturbed(const reconciler::ComponentKey& key, base::TimePoint until) {
    unaware_until_[key] = until;
  }
  // The wall clock went ahead; nobody has learned anything by it.
  void stepped_ahead(base::Millis by) {
    for (auto& [key, until] : unaware_until_) until += by;
    for (auto& [service, since] : suspended_since_) since += by;
    routes_unaware_until_ += by;
    approved_until_ += by;
  }
  // Another agent process: what the last one could not write down is not known any more.
  void restarted() {
    last_good_.clear();
    looked_at_ = {};
    untold_.clear();
    told_.clear();
    in_force_.clear();
    guarded_at_ = {};
  }
  // The registry is begun anew; these, the last ones told, are all that can be written down yet.
  void registry_lost(size_t events_in_hand) {
    told_.erase(told_.begin(), told_.end() - static_cast<long>(events_in_hand));
  }
  // Somebody has said that removals are meant; what the agent has made of it by then is right.
  void removals_approved(base::TimePoint until) { approved_until_ = until; }
  // Only removals take a service off this node; with others, placement does.
  bool alone = false;
  // Removals that somebody approved.
  std::set<reconciler::ServiceName> may_go;
  // What definitions may ask of this node.
  reconciler::Policy policy = reconciler::Policy::anything();

  // The agent has told of something.
  void told(const reconciler::Event& event);
  // Whether everything that was told is written down, and everything that was done was told. When
  // nothing goes wrong any more.
  void recorded(const Store& store);
  // Host ports that containers of ours have by their leases; those that do not run, if asked for.
  std::map<std::pair<reconciler::ComponentKey, std::string>, uint16_t> leases_in_use(
      const reconciler::Memory& memory, bool of_stopped) const;
  // Another agent process knows them too; or, where the registry took no writes, learns them from
  // the labels before it does anything.
  void leases_kept(
      const std::map<std::pair<reconciler::ComponentKey, std::string>, uint16_t>& before,
      bool unwritten, base::TimePoint now);

  void before(const test::FakeRouter::Call& call, base::TimePoint now);
  // Somebody has changed routes: until then the agent may not know.
  void routes_disturbed(base::TimePoint until) { routes_unaware_until_ = until; }
  // The container of ours that a route leads to; null: none.
  const reconciler::ObservedContainer* backend_of(const reconciler::RouteSpec& route) const;

  // By its labels, or because it is adopted.
  std::optional<reconciler::Owner> owner(const reconciler::ObservedContainer& container) const;

 private:
  void each_of_ours(const std::function<void(const reconciler::Owner&)>& look) const;
  bool serves(const reconciler::ObservedContainer& container) const;
  void stopping(const reconciler::ObservedContainer& container, base::TimePoint now);
  void suspension_is_kept(const reconciler::ObservedContainer& container, base::TimePoint now);
  void note_suspensions(base::TimePoint now);
  void bounded(const test::FakeRuntime::Call& call, base::TimePoint now);
  void status_is_true();
  void held_is_last_good();
  void removals_are_held(base::TimePoint now);
  void policy_is_kept();
  void still_routed(const reconciler::ObservedContainer& container, base::TimePoint now);
  bool unreachable(const reconciler::ObservedContainer& container) const;
  bool another_serves(const reconciler::ObservedContainer& container) const;
  bool unaware_of(const reconciler::RouteSpec& route) const;
  bool unaware(const reconciler::ComponentKey& key, base::TimePoint now) const;
  void routes_converged(const reconciler::Desired& desired);
  void removing(const reconciler::ObservedContainer& container);
  // What the agent knew, and has let go of by a revision that says something.
  void note_let_go();
  // The revision that asked for the step on the container: a later one may have been seen since.
  reconciler::Revision decided_by(const reconciler::ObservedContainer& container) const;

  const test::FakeRuntime& runtime_;
  const test::FakeRouter& router_;
  base::TimePoint routes_unaware_until_{};
  const Branch& branch_;
  std::function<const agent::Loop*()> loop_;
  std::string violation_;
  std::map<reconciler::ComponentKey, base::TimePoint> unaware_until_;
  std::map<std::string, std::deque<base::TimePoint>> calls_;  // by container name or image
  std::map<reconciler::ServiceName, reconciler::ServiceDesired> last_good_;
  std::map<reconciler::ServiceName, base::TimePoint> suspended_since_;  // by the agent's knowledge
  std::set<reconciler::ServiceName> let_go_;
  reconciler::Revision looked_at_;  // the last that these are of
  // Services that no revision could take away, as of the last one.
  std::set<reconciler::ServiceName> in_force_;
  reconciler::Revision guarded_at_;
  base::TimePoint approved_until_{};
  std::set<reconciler::Revision> approved_;
  // By this agent process:
  std::deque<std::string> untold_;  // containers that it has called podman for, and not said so
  std::vector<reconciler::Event> told_;
};

}  // namespace sim
