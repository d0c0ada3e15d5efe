#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/alerts/alerter.h"
#include "agent/loop/journal.h"
#include "agent/loop/observer.h"
#include "agent/loop/peer_board.h"
#include "agent/loop/poller.h"
#include "agent/loop/probe_board.h"
#include "agent/loop/reporter.h"
#include "agent/loop/route_observer.h"
#include "agent/view/meters.h"
#include "agent/view/view.h"
#include "reconciler/policy.h"
#include "reconciler/ports.h"

namespace agent {

struct LoopPorts {
  reconciler::Runtime& runtime;
  reconciler::Prober& prober;
  reconciler::Source& source;
  reconciler::Store& store;
  reconciler::Executor& executor;
  reconciler::HostPorts& host_ports;
  reconciler::ProxyRouter* router = nullptr;  // null: routes are not managed
  reconciler::Outbox* outbox = nullptr;       // null: outcomes are not reported
  reconciler::Peers* peers = nullptr;         // null: nothing is known of other nodes
  Alerter* alerts = nullptr;                  // null: nobody is told of anything
};

// How many may be under way at once. Those that take longer than `patience` (podman hangs, a
// process takes its time to stop) give up their places, and `slow` of them go on beside the others.
struct Places {
  size_t most;
  base::Millis patience;
  size_t slow;
};

struct LoopConfig {
  reconciler::NodeName node;
  SourceState source;  // url and branch, for status
  reconciler::Policy policy = {};
  bool heal_drift = true;  // where neither service nor fleet says anything
  base::Millis poll_interval = std::chrono::seconds(30);
  base::Millis list_interval = std::chrono::seconds(60);
  // In flight. Podman saturates two cores at four; pulls wait for a network, not for a core, and
  // have places of their own.
  Places steps{4, std::chrono::seconds(20), 4};
  Places pulls{3, std::chrono::minutes(1), 3};
  // Told of every event once, before it is stored; may be null.
  std::function<void(const reconciler::Event&)> on_event;
  // What is said to the outbox; needed with one.
  std::function<Report(const reconciler::Desired&, const reconciler::Memory&,
                       const reconciler::Observed&)>
      describe;
  // Counted into; how long something took decides nothing.
  SharedMeters meters = std::make_shared<Meters>();
};

// Drives source -> spec -> plan -> apply -> status. It does no I/O of its own but for the store,
// never waits, and reads no clock: whoever drives it calls step(now) after every completion, hint
// and wake_at(). The simulator drives this very class. One thread, from construction to the end.
class Loop {
 public:
  Loop(const LoopPorts& ports, LoopConfig config);

  // Takes up where the registry left off. Call once, first.
  base::Result<> load();

  // Bounded work: at most one plan.
  void step(base::TimePoint now);

  // When to call step() although nothing happened; none: never.
  std::optional<base::TimePoint> wake_at() const;

  // podman told of a change, or may have.
  void hint() { observer_.hint(); }
  void hint(const reconciler::ContainerId& id) { observer_.hint(id); }
  // mc-proxy told of a change, went away, or is back.
  void route_hint() { routes_.hint(); }
  void process_ended(const reconciler::ContainerId& id) { observer_.process_ended(id); }
  // Into the registry with the next step.
  void record(reconciler::Event event) {
    journal_.add(std::move(event));
    dirty_ = true;
  }
  // Remembers containers that an operator has given into our care; see adoption.h. On success a
  // kill -9 cannot lose it. kConflict: the service is defined already.
  base::Result<> accept(const std::map<reconciler::ComponentKey, reconciler::Adoption>& adoptions,
                        base::TimePoint now);
  int64_t request_sync(bool allow_prune) { return poller_.request(allow_prune); }

  View view(base::TimePoint now) const;
  const reconciler::Observed& observed() const { return observer_.observed(); }
  const reconciler::Memory& memory() const { return memory_; }
  const reconciler::Desired& desired() const { return desired_; }

 private:
  struct Running {
    reconciler::Step step;
    std::optional<Applied> applied;
    base::TimePoint since{};
    bool slow = false;  // it has given up its place
  };

  void take_steps(base::TimePoint now);
  // One that hangs must not keep other services from their turn. True: places have become free.
  bool free_places_of_slow_steps(base::TimePoint now);
  const Places& places_of(const reconciler::Step& step) const;
  void take_news(base::TimePoint now);
  void adopt(const reconciler::Snapshot& snapshot, bool approve);
  bool can_plan() const;
  void plan(base::TimePoint now);
  // What is in force, and what is remembered, into the registry.
  void save(base::TimePoint now);
  void alert(base::TimePoint now);
  // A failure that goes on is said once.
  void note_report_failure(const base::Error& error, base::TimePoint now);
  // False: the steps in flight leave no place for it now.
  bool submit(reconciler::Step step);
  // Without pulls: those take long, and change no container.
  std::set<reconciler::ComponentKey> in_flight() const;
  std::set<std::string> pulling() const;
  bool concerns(const reconciler::Step& step) const;
  bool is_leaving(const reconciler::ComponentKey& key) const;

  LoopPorts ports_;
  LoopConfig config_;
  Journal journal_;
  Observer observer_;
  RouteObserver routes_;
  ProbeBoard probes_;
  PeerBoard peers_;
  Poller poller_;
  Reporter reporter_;

  reconciler::Desired desired_;
  bool resolved_ = false;  // desired_ says something: from the registry or from the source
  // Kept while removals are held or services handed over, so that an operator can have it at once
  // without a new commit.
  std::optional<reconciler::Snapshot> held_snapshot_;
  reconciler::Memory memory_;
  std::map<std::string, Running> running_;  // by step id
  std::string report_failure_;
  int64_t waiting_ = 0;   // steps of the last plan that found no place
  bool planned_ = false;  // with what podman said in this run
  bool dirty_ = true;
  std::optional<base::TimePoint> plan_at_;
  base::TimePoint last_step_{};
};

}  // namespace agent
