#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/view/meters.h"
#include "agent/view/view.h"
#include "reconciler/ports.h"

namespace agent {

// SOURCE, on its schedule: every interval with jitter, at once when somebody asks, and with
// back-off while the remote does not answer. Loop's thread only.
class Poller {
 public:
  Poller(reconciler::Source& source, reconciler::Executor& executor, base::Millis interval,
         std::string seed, SourceState state, SharedMeters meters = std::make_shared<Meters>());

  int64_t request(bool allow_prune);

  struct News {
    std::optional<reconciler::Snapshot> snapshot;
    bool approve_removals = false;  // somebody asked for it since the last answer
    std::optional<base::Error> error;
    std::optional<reconciler::HeldCommit> held;  // see reconciler::Source
  };
  // What the remote answered, once for each answer.
  std::optional<News> step(base::TimePoint now);

  // The last answer has been planned: requests that it covers are done.
  void planned() { state_.syncs_done = covered_; }

  std::optional<base::TimePoint> wake_at() const;
  const SourceState& state() const { return state_; }

 private:
  struct Answer {
    base::Result<std::optional<reconciler::Snapshot>> polled;
    std::optional<reconciler::HeldCommit> held;
    std::optional<base::TimePoint> newest_commit;
  };
  base::Millis pause() const;

  reconciler::Source& source_;
  reconciler::Executor& executor_;
  const base::Millis interval_;
  const std::string seed_;
  SourceState state_;
  const SharedMeters meters_;
  int64_t requested_ = 0;
  int64_t asked_ = 0;    // the requests that the running poll covers
  int64_t covered_ = 0;  // the requests that the last answer covers
  bool approve_requested_ = false;
  bool approve_asked_ = false;
  bool polling_ = false;
  int polls_ = 0;
  int failures_in_row_ = 0;
  std::optional<base::TimePoint> next_at_;
  std::optional<Answer> answer_;
};

}  // namespace agent
