#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "agent/loop/loop.h"
#include "test/sim/world.h"

namespace sim {

// The rules that always hold (docs/architecture.md), checked at every call that the agent makes
// and after every step. A violation is told once, with the rule's words.
class Rules {
 public:
  Rules(const test::FakeRuntime& runtime, const Branch& branch,
        std::function<const agent::Loop*()> loop)
      : runtime_(runtime), branch_(branch), loop_(std::move(loop)) {}

  // Told before a call has its effect.
  void before(const test::FakeRuntime::Call& call, base::TimePoint now);
  // Told after each step of the loop.
  void after_step();
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
  // Removals that somebody approved.
  std::set<reconciler::ServiceName> may_go;

 private:
  bool serves(const reconciler::ObservedContainer& container) const;
  void stopping(const reconciler::ObservedContainer& container, base::TimePoint now);
  void removing(const reconciler::ObservedContainer& container);

  const test::FakeRuntime& runtime_;
  const Branch& branch_;
  std::function<const agent::Loop*()> loop_;
  std::string violation_;
  std::map<reconciler::ComponentKey, base::TimePoint> unaware_until_;
};

}  // namespace sim
