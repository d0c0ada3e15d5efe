#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "agent/apply/apply.h"
#include "reconciler/adoption.h"
#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// OBSERVED: what the node runs, kept from one list to the next by the results of our own steps, so
// that a pass needs no call. Loop's thread only, but for the work that it submits.
class Observer {
 public:
  Observer(reconciler::Runtime& runtime, reconciler::Executor& executor,
           base::Millis list_interval);

  // Something changed behind our back; list soon (at once when no step runs).
  void hint() { hinted_ = true; }
  // This container may have changed: ask about it alone, which costs the same on any node. When it
  // is one of many, list.
  void hint(const reconciler::ContainerId& id);
  // The first process of a container is gone: ask about this one now.
  void process_ended(const reconciler::ContainerId& id);

  // Takes in what came back. True: what is observed has changed.
  bool take(base::TimePoint now);
  // Starts what is due.
  void start(base::TimePoint now, const std::set<reconciler::ComponentKey>& in_flight);

  // The result of a step of ours.
  void note(const reconciler::Step& step, const Applied& applied, base::TimePoint now);

  // The containers that are ours though they have no labels of ours, from now on.
  void adopt(std::map<reconciler::ContainerId, reconciler::AdoptedContainer> adopted);

  // Components of which nothing can be said before the next list: a step of theirs failed, and may
  // have worked all the same.
  const std::set<reconciler::ComponentKey>& unsure() const { return unsure_; }

  bool listed_once() const { return listed_once_; }
  std::optional<base::TimePoint> wake_at() const;

  reconciler::Observed& observed() { return observed_; }
  const reconciler::Observed& observed() const { return observed_; }

 private:
  using Listing = base::Result<std::vector<reconciler::ObservedContainer>>;
  using Inspection = base::Result<reconciler::ObservedContainer>;

  void start_list(const std::set<reconciler::ComponentKey>& in_flight);
  // On a thread of the executor. `known`: the ends of which the last lines have been read.
  Listing list(const std::map<reconciler::ContainerId, base::TimePoint>& known) const;
  std::map<reconciler::ContainerId, base::TimePoint> known_ends() const;
  void keep_last_lines(reconciler::ObservedContainer& container) const;
  void start_inspections(base::TimePoint now, const std::set<reconciler::ComponentKey>& in_flight);
  void start_inspect(const reconciler::ContainerId& id);
  int64_t inspecting() const;
  bool take_listing(base::TimePoint now);
  bool take_inspections(base::TimePoint now);
  bool take_inspected(const reconciler::ContainerId& id, Inspection inspection);
  void make_stale(const reconciler::ContainerId& id);
  void forget_other_run(const reconciler::ObservedContainer& now);

  reconciler::Runtime& runtime_;
  reconciler::Executor& executor_;
  const base::Millis list_interval_;
  reconciler::Observed observed_;
  std::map<reconciler::ContainerId, reconciler::AdoptedContainer> adopted_;

  bool hinted_ = true;
  bool listing_ = false;
  bool listed_once_ = false;
  int failures_in_row_ = 0;
  std::optional<base::TimePoint> next_list_;
  std::optional<base::TimePoint> hint_since_;
  std::optional<Listing> listing_result_;
  // Components that our own steps changed since the list was asked: it may not know yet.
  std::set<reconciler::ComponentKey> touched_;
  std::set<reconciler::ComponentKey> unsure_;

  // Containers that are asked about one by one.
  struct Question {
    bool ended = false;  // its process was seen to end: until podman says so too
    bool held = false;   // until a step, or the list, is done
    bool asking = false;
    bool stale = false;  // more has happened since it was asked
    int asked = 0;
    std::optional<base::TimePoint> again_at;
    std::optional<Inspection> result;
  };
  std::map<reconciler::ContainerId, Question> questions_;
};

}  // namespace agent
