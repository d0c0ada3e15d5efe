#pragma once

#include <vector>

#include "agent/alerts/ledger.h"

namespace agent {

// What was told of alerts, where it outlives the agent. Loop's thread only.
class AlertStore {
 public:
  virtual ~AlertStore() = default;
  virtual base::Result<std::vector<AlertRecord>> load_alerts() = 0;
  // Instead of all that was saved before, or nothing. When it returns success, a kill -9 cannot
  // lose it.
  virtual base::Result<> save_alerts(const std::vector<AlertRecord>& all) = 0;
};

}  // namespace agent
