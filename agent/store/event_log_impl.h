#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "agent/store/event_log.h"
#include "base/sqlite/database.h"

namespace agent {

// Between the loop's thread, which commits, and the API's threads, which wait.
struct EventLog::Shared {
  std::mutex mutex;
  std::condition_variable_any committed;
  int64_t last_id = 0;
  std::map<std::pair<std::string, bool>, int64_t> totals;
};

struct EventLog::Impl {
  std::shared_ptr<Shared> shared;
  base::sqlite::Database database;
  std::mutex mutex;  // guards the database
};

}  // namespace agent
