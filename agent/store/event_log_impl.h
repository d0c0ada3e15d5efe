#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
  uint64_t generation = 0;  // counts the files that have been the registry
  std::string damaged;      // what a reader has found; the next commit acts upon it
};

struct EventLog::Impl {
  std::string path;
  base::Millis busy_timeout;
  std::shared_ptr<Shared> shared;
  std::mutex mutex = {};  // guards what follows
  std::optional<base::sqlite::Database> opened = {};
  uint64_t generation = 0;  // of `opened`

  // The registry as it is now: another file may have taken the place of a damaged one.
  base::Result<base::sqlite::Database*> database();
  // Tells the store when a result says that the file is damaged.
  template <class T>
  base::Result<T> checked(base::Result<T> result) {
    if (!result && result.error().code == base::Code::kCorrupt) {
      const std::lock_guard lock(shared->mutex);
      if (generation == shared->generation) shared->damaged = result.error().message;
    }
    return result;
  }
};

}  // namespace agent
