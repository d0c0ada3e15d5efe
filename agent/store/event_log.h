#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/ports.h"

namespace agent {

// The registry's log as the API's threads read it, on a database connection of its own. Every call
// is safe from any thread. Made by SqliteStore::event_log(), which it may outlive.
class EventLog {
 public:
  struct Shared;  // what the store tells it: that something was committed
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // Oldest first, at most `limit`, ids greater than `id`. An empty service means all.
  base::Result<std::vector<reconciler::Event>> since(int64_t id, int limit,
                                                     const reconciler::ServiceName& service = {});
  // The last `count` of those with ids greater than `after`, oldest first.
  base::Result<std::vector<reconciler::Event>> latest(int count,
                                                      const reconciler::ServiceName& service = {},
                                                      int64_t after = 0);
  // Newest first.
  base::Result<std::vector<reconciler::RolloutRecord>> history(
      const reconciler::ServiceName& service, int limit = 100);

  // Waits until an event with an id greater than `id` is stored; false when `timeout` passed or
  // `stop` was requested first.
  bool wait_after(int64_t id, base::Millis timeout, std::stop_token stop = {});

  // Events stored since this process started, by (reason, warning).
  std::map<std::pair<std::string, bool>, int64_t> totals() const;

 private:
  friend class SqliteStore;
  struct Impl;
  explicit EventLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent
