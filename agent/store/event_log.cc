#include "agent/store/event_log.h"

#include "agent/store/event_log_impl.h"

namespace agent {
namespace {

using base::Millis;
using base::Result;
using base::TimePoint;
using base::sqlite::Database;
using reconciler::ComponentName;
using reconciler::Event;
using reconciler::Revision;
using reconciler::RolloutRecord;
using reconciler::ServiceName;

constexpr std::string_view kColumns =
    "id, time, warning, service, component, reason, message, cause, revision";

TimePoint time_of(const base::sqlite::Statement& row, int column) {
  return TimePoint(Millis(row.integer(column)));
}

Result<std::vector<Event>> read_events(base::sqlite::Statement& query) {
  std::vector<Event> events;
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return events;
    events.push_back({.id = query.integer(0),
                      .time = time_of(query, 1),
                      .warning = query.integer(2) != 0,
                      .service = ServiceName(query.text(3)),
                      .component = ComponentName(query.text(4)),
                      .reason = query.text(5),
                      .message = query.text(6),
                      .cause = query.text(7),
                      .revision = Revision(query.text(8))});
  }
}

Result<std::vector<RolloutRecord>> read_rollouts(base::sqlite::Statement& query) {
  std::vector<RolloutRecord> records;
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return records;
    records.push_back({.service = ServiceName(query.text(0)),
                       .revision = Revision(query.text(1)),
                       .time = time_of(query, 2),
                       .ready = query.integer(3) != 0,
                       .message = query.text(4)});
  }
}

// "?3" is the service where one is asked for.
std::string select(std::string_view where, const ServiceName& service, std::string_view order) {
  return "SELECT " + std::string(kColumns) + " FROM events WHERE " + std::string(where) +
         (service.empty() ? "" : " AND service = ?3") + " ORDER BY id " + std::string(order) +
         " LIMIT ?2";
}

}  // namespace

EventLog::EventLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLog::~EventLog() = default;

Result<base::sqlite::Database*> EventLog::Impl::database() {
  uint64_t current = 0;
  {
    const std::lock_guard lock(shared->mutex);
    current = shared->generation;
  }
  if (!opened || generation != current) {
    opened.reset();
    MCP_TRY(opened, Database::open(
                        path, {.mode = Database::Mode::kReadOnly, .busy_timeout = busy_timeout}));
    generation = current;
  }
  return &*opened;
}

Result<std::vector<Event>> EventLog::since(int64_t id, int limit, const ServiceName& service) {
  const std::lock_guard lock(impl_->mutex);
  MCP_TRY(auto* database, impl_->database());
  MCP_TRY(auto query, impl_->checked(database->prepare(select("id > ?1", service, "ASC"))));
  query.bind(id, limit);
  if (!service.empty()) query.bind(id, limit, service.str());
  return impl_->checked(read_events(query));
}

Result<std::vector<Event>> EventLog::latest(int count, const ServiceName& service, int64_t after) {
  const std::lock_guard lock(impl_->mutex);
  MCP_TRY(auto* database, impl_->database());
  MCP_TRY(auto query, impl_->checked(database->prepare(select("id > ?1", service, "DESC"))));
  query.bind(after, count);
  if (!service.empty()) query.bind(after, count, service.str());
  MCP_TRY(auto events, impl_->checked(read_events(query)));
  return std::vector<Event>(events.rbegin(), events.rend());
}

Result<std::vector<RolloutRecord>> EventLog::history(const ServiceName& service, int limit) {
  const std::lock_guard lock(impl_->mutex);
  MCP_TRY(auto* database, impl_->database());
  MCP_TRY(auto query, impl_->checked(database->prepare(
                          "SELECT service, revision, time, ready, message FROM rollouts "
                          "WHERE service = ?1 ORDER BY id DESC LIMIT ?2")));
  query.bind(service.str(), limit);
  return impl_->checked(read_rollouts(query));
}

bool EventLog::wait_after(int64_t id, Millis timeout, std::stop_token stop) {
  Shared& shared = *impl_->shared;
  std::unique_lock lock(shared.mutex);
  return shared.committed.wait_for(lock, stop, timeout, [&] { return shared.last_id > id; });
}

std::map<std::pair<std::string, bool>, int64_t> EventLog::totals() const {
  const std::lock_guard lock(impl_->shared->mutex);
  return impl_->shared->totals;
}

}  // namespace agent
