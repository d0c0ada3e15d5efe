#pragma once

#include <map>
#include <optional>
#include <vector>

#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// Repeats the checks that the plan asks for, and turns attempts into readiness. Loop's thread only.
class ProbeBoard {
 public:
  ProbeBoard(reconciler::Prober& prober, reconciler::Executor& executor)
      : prober_(prober), executor_(executor) {}

  // The probes of the newest plan; those that are not in it end.
  void want(const std::vector<reconciler::Probe>& probes, base::TimePoint now);

  // Takes in results and starts what is due. True: a readiness changed in a way that matters.
  bool step(base::TimePoint now,
            std::map<reconciler::ContainerId, reconciler::Readiness>& readiness);

  std::optional<base::TimePoint> wake_at() const;

 private:
  struct Entry {
    reconciler::Probe probe;
    base::TimePoint next_at{};
    int attempts = 0;
    uint64_t generation = 0;
    bool asking = false;
    std::optional<base::Result<>> result;
  };
  bool take(const reconciler::ContainerId& id, Entry& entry,
            std::map<reconciler::ContainerId, reconciler::Readiness>& all, base::TimePoint now);
  void start(const reconciler::ContainerId& id, Entry& entry);
  int64_t asking() const;

  reconciler::Prober& prober_;
  reconciler::Executor& executor_;
  std::map<reconciler::ContainerId, Entry> entries_;
  uint64_t generations_ = 0;
};

}  // namespace agent
