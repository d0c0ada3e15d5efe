#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "agent/loop/loop.h"
#include "test/sim/listeners.h"
#include "test/sim/rules.h"
#include "test/sim/world.h"
#include "test/support/fake_router.h"

namespace sim {

// A node: its podman, its mc-proxy, its disk, its clock, and the agent on it, which is the
// production loop. The rules are checked at every call that the agent makes.
class Station {
 public:
  struct Options {
    reconciler::NodeName name;
    bool proxied = true;                 // has a mc-proxy
    bool reports = false;                // tells its outcomes to an outbox
    bool alerts = false;                 // somebody is told of alerts
    reconciler::Peers* peers = nullptr;  // what it can learn of other nodes; null: nothing
    std::ostream* trace = nullptr;       // every step that the agent takes; may be null
  };
  // `random` and `branch` outlive it. Its agent runs after boot().
  Station(Options options, Random& random, const Branch& branch);

  void boot();
  void crash();          // the agent alone, and another one at once
  void lose_registry();  // and the agent with it
  void damage_registry();
  // What has become due on it.
  void work() { executor->run_due(); }
  // What its agent does about that.
  void step();
  // The next moment at which either could do something, at most `longest` from now.
  base::TimePoint next(base::Millis longest) const;
  void trace(const std::string& what) const;

  const Options options;
  base::TimePoint now;   // by its clock
  bool cut_off = false;  // it does not reach the git server
  test::FakeRuntime runtime;
  test::FakeRouter router;
  Store store;
  Prober prober;
  Outbox outbox;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Source> source;
  std::unique_ptr<agent::Loop> loop;
  Rules rules;
  std::optional<Listeners> listeners;

 private:
  void stop();
  agent::Report describe(const reconciler::Desired& desired, const reconciler::Memory& memory,
                         const reconciler::Observed& observed);

  Random& random_;
  const Branch& branch_;
};

}  // namespace sim
