#include "agent/store/sqlite_store.h"

#include <sys/stat.h>

#include <chrono>

#include "agent/store/codec.h"
#include "agent/store/event_log_impl.h"
#include "agent/store/schema.h"
#include "base/log/log.h"
#include "base/sqlite/aside.h"
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

constexpr char kRegistryCorrupt[] = "RegistryCorrupt";

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

Result<std::vector<AlertRecord>> read_alerts(Database& database) {
  MCP_TRY(auto query, database.prepare("SELECT key, value FROM alerts"));
  std::vector<AlertRecord> records;
  for (;;) {
    MCP_TRY(const bool row, query.step());
    if (!row) return records;
    MCP_TRY(records.emplace_back(),
            from_text<AlertRecord>(query.text(1), "alert " + query.text(0)));
  }
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

Result<> check_sound(Database& database) {
  MCP_CHECK(database.check());
  MCP_CHECK(database.migrate(kSchema));
  MCP_CHECK(read_all(database));
  MCP_CHECK(read_alerts(database));
  return {};
}

Result<Database> open_sound(const std::string& path, base::Millis busy_timeout) {
  MCP_CHECK(base::sqlite::check_not_truncated(path));
  MCP_TRY(auto database, Database::open(path, {.busy_timeout = busy_timeout}));
  if (auto sound = check_sound(database); !sound) {
    database.finish_at_close(false);
    return std::move(sound).error();
  }
  return database;
}

// Of the file at a path; {0, 0} when there is none.
std::pair<dev_t, ino_t> identity(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

TimePoint wall_clock() {
  return std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
}

}  // namespace

struct SqliteStore::Impl {
  std::string path;
  Options options;
  std::optional<Database> database = {};  // none: it was set aside, and no other could be made yet
  std::pair<dev_t, ino_t> file = {};
  std::optional<Desired> desired = {};  // as it is in the database, once it was loaded or committed
  std::shared_ptr<EventLog::Shared> shared = std::make_shared<EventLog::Shared>();

  Result<> open();
  Result<> use(Database opened);
  Result<> start_over(const std::string& why);
  // Why what was stored cannot be relied upon any more, or nothing.
  std::optional<std::string> problem() const;
  Result<> note_loss(const std::string& why);
  void told(const std::vector<Event>& events, int64_t last) const;
};

Result<> SqliteStore::Impl::open() {
  auto opened = open_sound(path, options.busy_timeout);
  if (!opened && opened.error().code == base::Code::kCorrupt)
    return start_over(opened.error().message);
  if (!opened) return std::move(opened).error();
  return use(std::move(*opened));
}

Result<> SqliteStore::Impl::use(Database opened) {
  database = std::move(opened);
  file = identity(path);
  desired.reset();
  MCP_TRY(const int64_t last, database->integer("SELECT max(id) FROM events"));
  const std::lock_guard lock(shared->mutex);
  shared->last_id = last;
  ++shared->generation;
  shared->damaged.clear();
  return {};
}

Result<> SqliteStore::Impl::start_over(const std::string& why) {
  if (database) database->finish_at_close(false);
  database.reset();
  MCP_TRY(const std::string aside, base::sqlite::set_aside(path, wall_clock()));
  base::log::error("the registry is set aside as " + aside + ", and an empty one is begun",
                   {{"reason", kRegistryCorrupt}, {"cause", why}});
  MCP_TRY(auto fresh, open_sound(path, options.busy_timeout));
  MCP_CHECK(use(std::move(fresh)));
  return note_loss(why);
}

// Goes by what is there, not by what was just done: whoever set it aside may have been killed
// before it could say so.
Result<> SqliteStore::Impl::note_loss(const std::string& why) {
  MCP_TRY(const int64_t ever, database->integer("SELECT count(*) FROM sqlite_sequence"));
  const std::string aside = base::sqlite::last_set_aside(path);
  if (ever > 0 || aside.empty()) return {};
  Event loss;
  loss.time = wall_clock();
  loss.warning = true;
  loss.reason = kRegistryCorrupt;
  loss.message = "began with an empty registry; the damaged one is " + aside;
  loss.cause = why;
  MCP_TRY(auto sql, base::sqlite::Transaction::begin(*database));
  // Clients that resume by id must not meet an id twice: no registry has had as many events as
  // seconds have passed since 1970.
  MCP_CHECK(database->run("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)",
                          loss.time.time_since_epoch().count() / 1000));
  MCP_TRY(const int64_t last, write_events(*database, {loss}, options.keep_events));
  MCP_CHECK(sql.commit());
  told({loss}, last);
  return {};
}

std::optional<std::string> SqliteStore::Impl::problem() const {
  if (!database) return "no registry could be made yet";
  if (identity(path) != file) return path + " was removed or replaced while it was in use";
  const std::lock_guard lock(shared->mutex);
  if (!shared->damaged.empty()) return shared->damaged;
  return std::nullopt;
}

void SqliteStore::Impl::told(const std::vector<Event>& events, int64_t last) const {
  if (events.empty()) return;
  {
    const std::lock_guard lock(shared->mutex);
    shared->last_id = last;
    for (const Event& event : events) ++shared->totals[{event.reason, event.warning}];
  }
  shared->committed.notify_all();
}

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       const Options& options) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::make_unique<Impl>(Impl{path, options})));
  MCP_CHECK(store->impl_->open());
  MCP_CHECK(store->impl_->note_loss("whoever set it aside had no time to say why"));
  return store;
}

Result<reconciler::Store::Saved> SqliteStore::load() {
  MCP_TRY(auto saved, read_all(*impl_->database));
  impl_->desired = saved.desired;
  return saved;
}

Result<> SqliteStore::commit(const reconciler::Transaction& transaction) {
  if (transaction.empty()) return {};
  auto problem = impl_->problem();
  if (!problem) {
    auto written = write(transaction);
    if (written || written.error().code != base::Code::kCorrupt) return written;
    problem = written.error().message;
  }
  if (impl_->database) {
    MCP_CHECK(impl_->start_over(*problem));
  } else {
    // It is set aside already; what lies there now is what could not be begun then (a full disk).
    MCP_CHECK(impl_->open());
    MCP_CHECK(impl_->note_loss(*problem));
  }
  return base::make_error(base::Code::kCorrupt,
                          "the registry was lost (" + *problem + "); it is being written anew");
}

Result<> SqliteStore::write(const reconciler::Transaction& transaction) {
  Database& database = *impl_->database;
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
  impl_->told(transaction.events, last);
  return {};
}

Result<std::vector<AlertRecord>> SqliteStore::load_alerts() {
  return read_alerts(*impl_->database);
}

Result<> SqliteStore::save_alerts(const std::vector<AlertRecord>& all) {
  // Whoever commits next mends it.
  if (const auto problem = impl_->problem()) return base::unavailable(*problem);
  Database& database = *impl_->database;
  MCP_TRY(auto sql, base::sqlite::Transaction::begin(database));
  MCP_CHECK(database.run("DELETE FROM alerts"));
  for (const AlertRecord& record : all)
    MCP_CHECK(
        database.run("INSERT INTO alerts VALUES (?1, ?2)", record.alert.key(), to_text(record)));
  return sql.commit();
}

Result<std::unique_ptr<EventLog>> SqliteStore::event_log() const {
  std::unique_ptr<EventLog> log(new EventLog(std::unique_ptr<EventLog::Impl>(
      new EventLog::Impl{impl_->path, impl_->options.busy_timeout, impl_->shared})));
  MCP_CHECK(log->impl_->database());
  return log;
}

Result<> snapshot_registry(const std::string& registry, const std::string& to) {
  MCP_TRY(auto database, Database::open(registry, {.mode = Database::Mode::kReadOnly}));
  return database.snapshot(to);
}

}  // namespace agent
