#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/view/alerts.h"
#include "reconciler/model.h"
#include "reconciler/policy.h"

namespace agent {

// How the agent stands to its git remote.
struct SourceState {
  std::string url;
  std::string branch;
  std::optional<base::TimePoint> last_fetch;     // the last time that the remote answered
  std::optional<base::Error> last_error;         // of the last attempt
  std::optional<base::TimePoint> newest_commit;  // when the branch's head was committed
  int64_t syncs_done = 0;  // every sync request up to this number has fetched and been planned
};

// One consistent picture of the loop between two steps: what STATUS is made from.
struct View {
  base::TimePoint at;
  SourceState source;
  reconciler::Desired desired;
  reconciler::Observed observed;
  reconciler::Memory memory;
  reconciler::Policy policy;
  std::vector<reconciler::Step> running;  // steps that have not returned
  int64_t waiting = 0;                    // steps of the newest plan that found no place among them
  AlertsState alerts;
};

}  // namespace agent
