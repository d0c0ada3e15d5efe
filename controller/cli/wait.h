#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/cli/judge.h"
#include "controller/cli/session.h"

namespace controller {

struct WaitOutcome {
  enum class End { kDone, kFailed, kTimedOut, kInterrupted, kUnreachable };
  End end = End::kDone;
  Verdict last;
  base::Millis took{0};
  std::set<std::string> logged;  // containers whose last lines were shown when they had ended
};

// Goal::contains over a repository, which has to outlive it. What is not known there is fetched
// for, once for each revision in a row: an agent may as well follow another repository.
std::function<bool(const std::string&, const std::string&)> contained_in(Repository& repository);

// The newest event of each agent (by label), so that a wait can tell new from old.
std::map<std::string, int64_t> newest_events(const std::vector<const Agent*>& agents);

// Watches the agents until the goal has come true or cannot, with progress. A failure that the
// agent retries ends the wait once an event newer than `events` says that it belongs to this
// attempt, or when it has lasted for 15 seconds. `limit`: no answer for that long is kTimedOut;
// zero waits for ever.
WaitOutcome wait_for(const std::vector<const Agent*>& agents, const Goal& goal,
                     const std::map<std::string, int64_t>& events, base::Millis limit,
                     Progress& progress);

// Asks these agents to fetch now; fills goal.syncs. Those that could not be asked come back.
struct Unreached {
  std::string label;
  base::Error error;
};
std::vector<Unreached> request_syncs(const std::vector<const Agent*>& agents, bool allow_prune,
                                     Goal& goal);

inline constexpr int kLastLines = 10;

// The last lines that a component's container wrote; empty when there are none.
std::vector<std::string> last_log_lines(const Agent& agent, const std::string& service,
                                        const std::string& component, int lines);

}  // namespace controller
