#include "agent/store/sqlite_store.h"

#include <chrono>
#include <filesystem>

#include "agent/store/codec.h"
#include "agent/store/event_log_impl.h"
#include "agent/store/schema.h"
#include "base/log/log.h"
#include "base/sqlite/database.h"

namespace agent {
namespace {

using base::Result;
using base::TimePoint;
using base::sqlite::Database;
using reconciler::ComponentName;
using reconciler::Desired;
using reconciler::Event;
using reconciler::Memory;
using reconciler::Revision;
using reconciler::ServiceName;

// ---------------------------------------------------------------- reading

Result<> load_desired(Database& database, std::optional<Desired>& desired) {
  MCP_TRY(auto head, database.prepare("SELECT value FROM desired_node"));
  MCP_TRY(const bool any, head.step());
  if (!any) return {};
  MCP_TRY(desired, from_text<Desired>(head.text(0), "what the node should run"));
  MCP_TRY(auto query, database.prepare("SELECT service, value FROM desired"));
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return {};
    const std::string service = query.text(0);
    MCP_TRY(desired->services[ServiceName(service)],
            from_text<reconciler::ServiceDesired>(query.text(1), "definition of " + service));
  }
}

Result<> load_components(Database& database, Memory& memory) {
  MCP_TRY(auto query, database.prepare("SELECT service, component, value FROM components"));
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return {};
    const reconciler::ComponentKey key{ServiceName(query.text(0)), ComponentName(query.text(1))};
    MCP_TRY(memory.components[key],
            from_text<reconciler::ComponentMemory>(query.text(2), "memory of " + key.text()));
  }
}

Result<> load_services(Database& database, Memory& memory) {
  MCP_TRY(auto query, database.prepare("SELECT service, value FROM services"));
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return {};
    const std::string service = query.text(0);
    MCP_TRY(memory.services[ServiceName(service)],
            from_text<reconciler::ServiceMemory>(query.text(1), "conditions of " + service));
  }
}

Result<reconciler::Store::Saved> read_all(Database& database) {
  reconciler::Store::Saved saved;
  MCP_CHECK(load_desired(database, saved.desired));
  MCP_CHECK(load_components(database, saved.memory));
  MCP_CHECK(load_services(database, saved.memory));
  MCP_TRY(auto query, database.prepare("SELECT conditions, ready_revision FROM node"));
  MCP_TRY(const bool row, query.step());
  if (!row) return saved;
  MCP_TRY(saved.memory.conditions,
          from_text<std::vector<reconciler::Condition>>(query.text(0), "conditions of the node"));
  saved.memory.ready_revision = Revision(query.text(1));
  return saved;
}

// ---------------------------------------------------------------- writing

// Writes what differs from `before` (none: everything).
Result<> write_desired(Database& database, const Desired& after, const Desired* before) {
  MCP_CHECK(database.run("INSERT OR REPLACE INTO desired_node VALUES (1, ?1)", to_text(after)));
  if (!before) MCP_CHECK(database.run("DELETE FROM desired"));
  MCP_TRY(auto put, database.prepare("INSERT OR REPLACE INTO desired VALUES (?1, ?2)"));
  for (const auto& [name, service] : after.services) {
    if (before) {
      const auto old = before->services.find(name);
      if (old != before->services.end() && old->second == service) continue;
    }
    MCP_CHECK(put.bind(name.str(), to_text(service)).run());
  }
  if (!before) return {};
  for (const auto& [name, service] : before->services)
    if (!after.services.contains(name))
      MCP_CHECK(database.run("DELETE FROM desired WHERE service = ?1", name.str()));
  return {};
}

Result<> write_memory(Database& database, const reconciler::Transaction& transaction) {
  for (const auto& [key, memory] : transaction.components)
    MCP_CHECK(database.run("INSERT OR REPLACE INTO components VALUES (?1, ?2, ?3)",
                           key.service.str(), key.component.str(), to_text(memory)));
  for (const auto& key : transaction.forgotten_components)
    MCP_CHECK(database.run("DELETE FROM components WHERE service = ?1 AND component = ?2",
                           key.service.str(), key.component.str()));
  for (const auto& [name, memory] : transaction.services)
    MCP_CHECK(database.run("INSERT OR REPLACE INTO services VALUES (?1, ?2)", name.str(),
                           to_text(memory)));
  for (const auto& name : transaction.forgotten_services)
    MCP_CHECK(database.run("DELETE FROM services WHERE service = ?1", name.str()));
  if (!transaction.node) return {};
  const auto& [conditions, ready_revision] = *transaction.node;
  return database.run("INSERT OR REPLACE INTO node VALUES (1, ?1, ?2)", to_text(conditions),
                      ready_revision.str());
}

// Returns the id of the last one; 0 for none.
Result<int64_t> write_events(Database& database, const std::vector<Event>& events, int keep) {
  if (events.empty()) return 0;
  MCP_TRY(auto insert,
          database.prepare("INSERT INTO events (time, warning, service, component, reason, "
                           "message, cause, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                           "RETURNING id"));
  int64_t last = 0;
  for (const Event& event : events) {
    insert.bind(event.time.time_since_epoch().count(), event.warning, event.service.str(),
                event.component.str(), event.reason, event.message, event.cause,
                event.revision.str());
    MCP_CHECK(insert.step());
    last = insert.integer(0);
    MCP_CHECK(insert.run());
  }
  // Ids have no gaps, so this is a range at the start of the table: nothing is scanned.
  MCP_CHECK(database.run("DELETE FROM events WHERE id <= ?1", last - keep));
  return last;
}

Result<> write_rollouts(Database& database, const std::vector<reconciler::RolloutRecord>& records,
                        int keep) {
  for (const auto& record : records) {
    MCP_CHECK(
        database.run("INSERT INTO rollouts (service, revision, time, ready, message) "
                     "VALUES (?1, ?2, ?3, ?4, ?5)",
                     record.service.str(), record.revision.str(),
                     record.time.time_since_epoch().count(), record.ready, record.message));
    MCP_CHECK(
        database.run("DELETE FROM rollouts WHERE service = ?1 AND id <= (SELECT id FROM rollouts "
                     "WHERE service = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                     record.service.str(), keep));
  }
  return {};
}

// ---------------------------------------------------------------- opening

Result<Database> open_sound(const std::string& path, base::Millis busy_timeout) {
  MCP_TRY(auto database, Database::open(path, {.busy_timeout = busy_timeout}));
  MCP_CHECK(database.check());
  MCP_CHECK(database.migrate(kSchema));
  MCP_CHECK(read_all(database));
  return database;
}

// Moves the database with its journal out of the way; returns its new name.
Result<std::string> set_aside(const std::string& path, TimePoint now) {
  std::string stamp;
  for (const char c : base::to_rfc3339(now))
    if (c != '-' && c != ':') stamp += c;
  const std::string to = path + ".corrupt-" + stamp;
  for (const char* part : {"", "-wal", "-shm"}) {
    std::error_code failed;
    std::filesystem::rename(path + part, to + part, failed);
    if (failed && failed != std::errc::no_such_file_or_directory)
      return base::make_error(base::Code::kDenied, "cannot move the damaged registry " + path +
                                                       " to " + to + ": " + failed.message());
  }
  return to;
}

}  // namespace

struct SqliteStore::Impl {
  Database database;
  Options options;
  std::optional<Desired> desired;  // as it is in the database, once it was loaded or committed
  std::shared_ptr<EventLog::Shared> shared = std::make_shared<EventLog::Shared>();
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       const Options& options) {
  const auto now = std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
  auto database = open_sound(path, options.busy_timeout);
  std::optional<Event> loss;
  if (!database && database.error().code == base::Code::kCorrupt) {
    const std::string why = database.error().message;
    MCP_TRY(const std::string aside, set_aside(path, now));
    database = open_sound(path, options.busy_timeout);
    loss = Event{.time = now,
                 .warning = true,
                 .reason = "RegistryCorrupt",
                 .message = "started with an empty registry; the damaged one is " + aside,
                 .cause = why};
    base::log::error(loss->message, {{"reason", loss->reason}, {"cause", loss->cause}});
    // Clients that resume by id must not meet an id twice: no registry has had as many events as
    // seconds have passed since 1970.
    if (database)
      MCP_CHECK(database->run("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)",
                              now.time_since_epoch().count() / 1000));
  }
  if (!database) return std::move(database).error();
  std::unique_ptr<SqliteStore> store(
      new SqliteStore(std::make_unique<Impl>(Impl{std::move(*database), options, {}})));
  MCP_TRY(store->impl_->shared->last_id,
          store->impl_->database.integer("SELECT max(id) FROM events"));
  if (loss) MCP_CHECK(store->commit({.events = {*loss}}));
  return store;
}

Result<reconciler::Store::Saved> SqliteStore::load() {
  MCP_TRY(auto saved, read_all(impl_->database));
  impl_->desired = saved.desired;
  return saved;
}

Result<> SqliteStore::commit(const reconciler::Transaction& transaction) {
  if (transaction.empty()) return {};
  Database& database = impl_->database;
  MCP_TRY(auto sql, base::sqlite::Transaction::begin(database));
  if (transaction.desired)
    MCP_CHECK(
        write_desired(database, *transaction.desired, impl_->desired ? &*impl_->desired : nullptr));
  MCP_CHECK(write_memory(database, transaction));
  MCP_TRY(const int64_t last,
          write_events(database, transaction.events, impl_->options.keep_events));
  MCP_CHECK(write_rollouts(database, transaction.rollouts, impl_->options.keep_rollouts));
  MCP_CHECK(sql.commit());

  if (transaction.desired) impl_->desired = transaction.desired;
  if (transaction.events.empty()) return {};
  EventLog::Shared& shared = *impl_->shared;
  {
    const std::lock_guard lock(shared.mutex);
    shared.last_id = last;
    for (const Event& event : transaction.events) ++shared.totals[{event.reason, event.warning}];
  }
  shared.committed.notify_all();
  return {};
}

Result<std::unique_ptr<EventLog>> SqliteStore::event_log() const {
  MCP_TRY(auto database,
          Database::open(impl_->database.path(), {.mode = Database::Mode::kReadOnly,
                                                  .busy_timeout = impl_->options.busy_timeout}));
  return std::unique_ptr<EventLog>(new EventLog(
      std::unique_ptr<EventLog::Impl>(new EventLog::Impl{impl_->shared, std::move(database), {}})));
}

Result<> snapshot_registry(const std::string& registry, const std::string& to) {
  MCP_TRY(auto database, Database::open(registry, {.mode = Database::Mode::kReadOnly}));
  return database.snapshot(to);
}

}  // namespace agent
