#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "agent/apply/apply.h"
#include "agent/view/meters.h"
#include "reconciler/ports.h"

namespace agent {

// Writes down what changed, and only that: a pass that changes nothing writes nothing. What cannot
// be written is kept and written later. Loop's thread only.
class Journal {
 public:
  using Listener = std::function<void(const reconciler::Event&)>;
  // `listener` is told of every event once, before it is stored; may be null.
  Journal(reconciler::Store& store, Listener listener,
          SharedMeters meters = std::make_shared<Meters>())
      : store_(store), listener_(std::move(listener)), meters_(std::move(meters)) {}

  // What the store holds when the loop starts.
  base::Result<reconciler::Store::Saved> load();

  void add(reconciler::Event event);
  void note(const reconciler::Step& step, const Applied& applied, base::TimePoint now);

  // Brings the store to this state, with an event for each condition that changed. An error leaves
  // the store as it was; the next call tries again, after a pause.
  void save(const reconciler::Desired& desired, const reconciler::Memory& memory,
            base::TimePoint now);

  const std::optional<base::Error>& error() const { return error_; }
  std::optional<base::TimePoint> wake_at() const;

 private:
  void add(reconciler::RolloutRecord record);
  base::Result<> commit(const reconciler::Transaction& transaction);
  void describe_changes(const reconciler::Memory& memory, base::TimePoint now,
                        const reconciler::Desired& desired);
  // An event for each change by others, and one when all are undone.
  void describe_drift(const reconciler::ComponentKey& key,
                      const reconciler::ComponentMemory& before,
                      const reconciler::ComponentMemory& after, const reconciler::Desired& desired,
                      base::TimePoint now);
  void describe_suspension(const reconciler::ServiceName& service,
                           const reconciler::Revision& revision,
                           const std::optional<crds::Suspend>& before,
                           const std::optional<crds::Suspend>& after, base::TimePoint now);
  void describe_adoptions(const reconciler::Memory& memory, base::TimePoint now);

  reconciler::Store& store_;
  const Listener listener_;
  const SharedMeters meters_;
  std::optional<reconciler::Desired> stored_desired_;
  reconciler::Memory stored_;
  reconciler::Memory described_;  // the state that events have told of
  std::deque<reconciler::Event> events_;
  std::deque<reconciler::RolloutRecord> rollouts_;
  // The failed ones that are written down, so that each retry does not write another.
  std::map<reconciler::ServiceName, reconciler::Revision> failed_;
  std::optional<base::Error> error_;
  int failures_in_row_ = 0;
  base::TimePoint next_at_{};
};

}  // namespace agent
