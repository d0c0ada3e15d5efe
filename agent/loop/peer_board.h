#pragma once

#include <map>
#include <optional>
#include <vector>

#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// Puts the plan's questions about other nodes, again and again. Without anybody to ask it does
// nothing. Loop's thread only, but for the work that it submits.
class PeerBoard {
 public:
  using Answers = std::map<reconciler::ServiceName, reconciler::PeerAnswer>;

  // `peers` may be null.
  PeerBoard(reconciler::Peers* peers, reconciler::Executor& executor)
      : peers_(peers), executor_(executor) {}

  // The questions of the newest plan; answers to others are dropped.
  void want(const std::vector<reconciler::PeerQuestion>& questions, base::TimePoint now,
            Answers& answers);

  // Takes in answers and asks what is due. True: an answer is another one now.
  bool step(base::TimePoint now, Answers& answers);

  std::optional<base::TimePoint> wake_at() const;

 private:
  struct Entry {
    reconciler::PeerQuestion question;
    base::TimePoint next_at{};
    int asked = 0;
    uint64_t generation = 0;
    bool asking = false;
    std::optional<reconciler::PeerAnswer> answer;
  };
  void ask(const reconciler::ServiceName& service, Entry& entry);

  reconciler::Peers* peers_;
  reconciler::Executor& executor_;
  std::map<reconciler::ServiceName, Entry> entries_;
  uint64_t generations_ = 0;
};

}  // namespace agent
