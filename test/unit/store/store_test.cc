#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "agent/store/schema.h"
#include "agent/store/sqlite_store.h"
#include "base/sqlite/aside.h"
#include "samples.h"

namespace agent {
namespace {

using namespace reconciler;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "mcp-store-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/mcp.db"; }
  std::unique_ptr<SqliteStore> open(SqliteStore::Options options = {}) {
    auto store = SqliteStore::open(path(), options);
    EXPECT_TRUE(store) << store.error().text();
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<EventLog> log_of(const SqliteStore& store) {
    auto log = store.event_log();
    EXPECT_TRUE(log) << log.error().text();
    return log ? std::move(*log) : nullptr;
  }
  std::vector<std::string> corrupt_files() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (const auto name = entry.path().filename().string();
          name.find(".corrupt-") != std::string::npos)
        found.push_back(name);
    return found;
  }
  // With SQLite itself: what another program could do to the file.
  void sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
    sqlite3_close(database);
  }
  std::string folder_;
};

Event event(const std::string& service, const std::string& reason) {
  return {.time = TimePoint(base::Millis(1)),
          .service = ServiceName(service),
          .reason = reason,
          .message = reason};
}

void expect_everything(SqliteStore& store) {
  const auto saved = store.load();
  ASSERT_TRUE(saved) << saved.error().text();
  ASSERT_TRUE(saved->desired);
  EXPECT_EQ(*saved->desired, samples::desired());
  EXPECT_EQ(saved->memory, samples::memory());
}

TEST_F(StoreTest, AnEmptyRegistrySaysNothing) {
  const auto saved = open()->load();
  ASSERT_TRUE(saved);
  EXPECT_FALSE(saved->desired);
  EXPECT_EQ(saved->memory, Memory());
}

TEST_F(StoreTest, EverythingComesBackEqual) {
  ASSERT_TRUE(open()->commit(samples::everything()));
  expect_everything(*open());
}

TEST_F(StoreTest, EventsAndRolloutsComeBackEqual) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  auto expected = samples::everything();
  expected.events[0].id = 1;
  expected.events[1].id = 2;
  auto log = log_of(*store);
  EXPECT_EQ(*log->since(0, 10), expected.events);
  EXPECT_EQ(*log->history(ServiceName("web")), expected.rollouts);
}

TEST_F(StoreTest, ANewDesiredReplacesTheOldOne) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  Desired next = samples::desired();
  next.services.erase(ServiceName("plain"));
  next.services[ServiceName("new")].path = "services/new.toml";
  next.services[ServiceName("web")].hold.reset();
  ASSERT_TRUE(store->commit({.desired = next}));
  EXPECT_EQ(open()->load()->desired, next);
  // By a store that has not loaded what it replaces.
  Desired last;
  last.services[ServiceName("only")].path = "services/only.toml";
  ASSERT_TRUE(open()->commit({.desired = last}));
  EXPECT_EQ(open()->load()->desired, last);
}

TEST_F(StoreTest, MemoryIsReplacedAndForgotten) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  const ComponentKey api{ServiceName("web"), ComponentName("api")};
  const ComponentKey bare{ServiceName("web"), ComponentName("bare")};
  ASSERT_TRUE(store->commit({.components = {{bare, {.restarts = 2}}},
                             .forgotten_components = {api},
                             .forgotten_services = {ServiceName("web")},
                             .node = {{{}, Revision("r")}}}));
  const auto saved = open()->load();
  EXPECT_EQ(saved->memory.components, (decltype(Memory::components){{bare, {.restarts = 2}}}));
  EXPECT_TRUE(saved->memory.services.empty());
  EXPECT_TRUE(saved->memory.conditions.empty());
  EXPECT_EQ(saved->memory.ready_revision, Revision("r"));
}

TEST_F(StoreTest, AnEmptyTransactionWritesNothing) {
  auto store = open();
  const std::string wal = path() + "-wal";
  const auto before = std::filesystem::file_size(wal);
  ASSERT_TRUE(store->commit({}));
  EXPECT_EQ(std::filesystem::file_size(wal), before);
}

// ---------------------------------------------------------------- events

TEST_F(StoreTest, EventsCanBeFollowed) {
  auto store = open();
  auto log = log_of(*store);
  EXPECT_FALSE(log->wait_after(0, base::Millis(0)));
  // The waiter stands first or not: it must see the event either way.
  std::jthread writer([&] { EXPECT_TRUE(store->commit({.events = {event("web", "Created")}})); });
  EXPECT_TRUE(log->wait_after(0, std::chrono::seconds(30)));
  writer.join();
  ASSERT_TRUE(store->commit({.events = {event("db", "Created"), event("web", "Started")}}));
  const auto reasons = [](const auto& events) {
    std::string out;
    for (const Event& one : *events)
      out += std::to_string(one.id) + one.service.str() + one.reason + " ";
    return out;
  };
  EXPECT_EQ(reasons(log->since(1, 10)), "2dbCreated 3webStarted ");
  EXPECT_EQ(reasons(log->since(0, 2)), "1webCreated 2dbCreated ");
  EXPECT_EQ(reasons(log->since(0, 10, ServiceName("web"))), "1webCreated 3webStarted ");
  EXPECT_EQ(reasons(log->latest(2)), "2dbCreated 3webStarted ");
  EXPECT_EQ(reasons(log->latest(1, ServiceName("db"))), "2dbCreated ");
  EXPECT_EQ(log->totals(),
            (decltype(log->totals()){{{"Created", false}, 2}, {{"Started", false}, 1}}));
}

TEST_F(StoreTest, AStopEndsTheWait) {
  auto store = open();
  auto log = log_of(*store);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(log->wait_after(0, std::chrono::hours(1), stop.get_token()));
}

TEST_F(StoreTest, EventIdsGoOnAfterARestart) {
  ASSERT_TRUE(open()->commit({.events = {event("web", "Created")}}));
  auto store = open();
  auto log = log_of(*store);
  EXPECT_TRUE(log->wait_after(0, base::Millis(0)));
  ASSERT_TRUE(store->commit({.events = {event("web", "Started")}}));
  EXPECT_THAT(*log->since(1, 10), ElementsAre(Field(&Event::id, 2)));
}

TEST_F(StoreTest, OldEventsAndRolloutsAreDropped) {
  auto store = open({.keep_events = 3, .keep_rollouts = 2});
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(store->commit(
        {.events = {event("web", "Created")},
         .rollouts = {{ServiceName("web"), Revision(std::to_string(i)), {}, true, ""},
                      {ServiceName("db"), Revision(std::to_string(i)), {}, true, ""}}}));
  auto log = log_of(*store);
  EXPECT_THAT(*log->since(0, 10),
              ElementsAre(Field(&Event::id, 3), Field(&Event::id, 4), Field(&Event::id, 5)));
  for (const char* service : {"web", "db"})
    EXPECT_THAT(*log->history(ServiceName(service)),
                ElementsAre(Field(&RolloutRecord::revision, Revision("4")),
                            Field(&RolloutRecord::revision, Revision("3"))));
  EXPECT_EQ(log->history(ServiceName("web"), 1)->size(), 1u);
}

// ---------------------------------------------------------------- faults

TEST_F(StoreTest, ADamagedFileIsSetAside) {
  ASSERT_TRUE(open()->commit(samples::everything()));
  std::ofstream(path(), std::ios::in | std::ios::out) << "this is no database, it is a poem";
  std::filesystem::remove(path() + "-wal");
  testing::internal::CaptureStderr();
  auto store = open();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("an empty one is begun"));
  ASSERT_TRUE(store);
  EXPECT_FALSE(store->load()->desired);
  EXPECT_THAT(corrupt_files(), Contains(testing::StartsWith("mcp.db.corrupt-")));
  const auto events = log_of(*store)->latest(10);
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ(events->at(0).reason, "RegistryCorrupt");
  EXPECT_TRUE(events->at(0).warning);
  EXPECT_THAT(events->at(0).message, HasSubstr(path() + ".corrupt-"));
  // Beyond every id that the lost log can have had.
  EXPECT_GT(events->at(0).id, 1'000'000'000);
}

TEST_F(StoreTest, WhatIsSetAsideIsKeptAsItWasFound) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  // As a program leaves them that was killed: with a journal.
  const std::string kept = folder_ + "/kept";
  for (const char* part : {"", "-wal"}) std::filesystem::copy_file(path() + part, kept + part);
  store.reset();
  std::filesystem::remove(path());
  for (const char* part : {"", "-wal"}) std::filesystem::rename(kept + part, path() + part);
  {
    std::fstream bytes(path() + "-wal", std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(0);
    bytes << "this is no journal";
    std::fstream page(path(), std::ios::in | std::ios::out | std::ios::binary);
    page << "this is no database";
  }
  const auto bytes_of = [](const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  };
  const std::string file = bytes_of(path());
  const std::string journal = bytes_of(path() + "-wal");
  ASSERT_TRUE(open());
  const std::string aside = base::sqlite::last_set_aside(path());
  EXPECT_EQ(bytes_of(aside), file);
  EXPECT_EQ(bytes_of(aside + "-wal"), journal);
}

TEST_F(StoreTest, ATruncatedRegistryIsSetAside) {
  const std::string wal = path() + "-wal";
  const std::string kept = folder_ + "-wal";
  for (const uintmax_t size : {0, 1, 4096, 9000}) {
    SCOPED_TRACE(size);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    auto writer = open();
    ASSERT_TRUE(writer->commit(samples::everything()));
    std::filesystem::copy_file(wal, kept);
    writer.reset();
    // Empty and without a journal it would be a new one.
    if (size == 0) std::filesystem::rename(kept, wal);
    std::filesystem::remove(kept);
    std::filesystem::resize_file(path(), size);
    auto store = open();
    ASSERT_TRUE(store);
    EXPECT_FALSE(store->load()->desired);
    EXPECT_FALSE(corrupt_files().empty());
    EXPECT_EQ(log_of(*store)->latest(1)->at(0).reason, "RegistryCorrupt");
  }
}

// Whoever set it aside was killed before it could say so.
TEST_F(StoreTest, ALossIsSaidByTheNextOne) {
  ASSERT_TRUE(open()->commit(samples::everything()));
  std::filesystem::rename(path(), path() + ".corrupt-20261122T100000Z");
  auto store = open();
  auto events = log_of(*store)->latest(10);
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ(events->at(0).reason, "RegistryCorrupt");
  EXPECT_THAT(events->at(0).message, HasSubstr("mcp.db.corrupt-20261122T100000Z"));
  store.reset();
  EXPECT_EQ(log_of(*open())->latest(10)->size(), 1u) << "and once";
}

TEST_F(StoreTest, DamageThatComesWhileItIsInUseIsSetAsideToo) {
  const auto damage_page = [&] {
    std::filesystem::resize_file(path(), 3 * 4096);
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
  };
  const auto remove = [&] { std::filesystem::remove(path()); };
  const auto replace = [&] {
    std::filesystem::rename(path(), folder_ + "/other");
    std::filesystem::copy_file(folder_ + "/other", path());
  };
  for (const std::function<void()>& harm :
       {std::function<void()>(damage_page), std::function<void()>(remove),
        std::function<void()>(replace)}) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    auto store = open();
    ASSERT_TRUE(store->commit(samples::everything()));
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
    auto log = log_of(*store);
    ASSERT_EQ(log->latest(10)->size(), 2u);
    harm();
    (void)log->latest(10);  // who reads may find it first
    const auto lost = store->commit(samples::everything());
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, base::Code::kCorrupt);
    EXPECT_FALSE(corrupt_files().empty());
    // The next one brings everything, and those who read see the new file.
    ASSERT_TRUE(store->commit(samples::everything()));
    expect_everything(*store);
    const auto events = log->latest(10);
    ASSERT_TRUE(events) << events.error().text();
    ASSERT_EQ(events->size(), 3u);
    EXPECT_EQ(events->at(0).reason, "RegistryCorrupt");
    expect_everything(*open());
  }
}

// A disk without room must not fill with what could not be begun.
TEST_F(StoreTest, AFullDiskIsNoReasonToSetAsideAgain) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  std::filesystem::remove(path());
  size_t set_aside_once = 0;
  {
    const auto former = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit nothing{0, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
    std::vector<bool> written;
    for (int i = 0; i < 5; ++i) {
      written.push_back(bool(store->commit(samples::everything())));
      if (i == 0) set_aside_once = corrupt_files().size();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    std::signal(SIGXFSZ, former);
    EXPECT_THAT(written, testing::Each(false));
  }
  EXPECT_EQ(corrupt_files().size(), set_aside_once);
  const auto lost = store->commit(samples::everything());
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, base::Code::kCorrupt) << lost.error().text();
  ASSERT_TRUE(store->commit(samples::everything()));
  expect_everything(*store);
}

TEST_F(StoreTest, UnreadableContentIsSetAsideToo) {
  for (const char* damage :
       {"UPDATE desired SET value = '{\"components\": 7}'", "UPDATE components SET value = 'x'",
        "UPDATE node SET conditions = ''"}) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    ASSERT_TRUE(open()->commit(samples::everything()));
    sql(damage);
    auto store = open();
    ASSERT_TRUE(store) << damage;
    EXPECT_FALSE(store->load()->desired);
    EXPECT_FALSE(corrupt_files().empty()) << damage;
  }
}

TEST_F(StoreTest, ANewerSchemaIsRefusedAndKept) {
  ASSERT_TRUE(open()->commit(samples::everything()));
  sql("PRAGMA user_version=1000");
  const auto refused = SqliteStore::open(path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kInvalid);
  EXPECT_THAT(refused.error().text(), HasSubstr("has schema 1000"));
  EXPECT_TRUE(corrupt_files().empty());
}

TEST_F(StoreTest, ALockHeldElsewhereLosesNothing) {
  auto store = open({.busy_timeout = base::Millis(1)});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto refused = store->commit(samples::everything());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr(path()));
  // Readers go on meanwhile.
  EXPECT_TRUE(log_of(*store)->latest(1));
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  ASSERT_TRUE(store->commit(samples::everything()));
  expect_everything(*store);
}

// Lowers what a file of this process may grow to: the write fails in the kernel, as it does on a
// full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit lower{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST_F(StoreTest, ADiskThatTakesNoMoreIsExhaustedAndHeals) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  Transaction large{.events = {event("web", "Large")}};
  large.events[0].message = std::string(1 << 20, 'x');
  {
    const FileSizeLimit limit(256 << 10);
    const auto full = store->commit(large);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, base::Code::kExhausted);
    EXPECT_THAT(full.error().text(), HasSubstr("space"));
    EXPECT_THAT(full.error().text(), HasSubstr(path()));
    expect_everything(*store);
  }
  ASSERT_TRUE(store->commit(large));
  expect_everything(*store);
  EXPECT_EQ(log_of(*store)->latest(1)->at(0).reason, "Large");
}

TEST_F(StoreTest, AKilledProcessLosesNothingThatWasCommitted) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = SqliteStore::open(path());
    if (store && (*store)->commit(samples::everything())) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  expect_everything(*open());
}

// ---------------------------------------------------------------- schemas and snapshots

// schemas/<n>.sql is `sqlite3 mcp.db .dump` of samples::everything() as the program of schema n
// wrote it. Fields that came later have their defaults, so this looks at some of each table.
TEST_F(StoreTest, EveryEarlierSchemaIsUpgraded) {
  const std::filesystem::path schemas(MCP_SOURCE_DIR "/test/unit/store/schemas");
  for (size_t version = 1; version <= std::size(kSchema); ++version) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    std::ostringstream text;
    text << std::ifstream(schemas / (std::to_string(version) + ".sql")).rdbuf();
    ASSERT_FALSE(text.str().empty()) << "no registry of schema " << version;
    sql(text.str() + "PRAGMA user_version=" + std::to_string(version));
    SCOPED_TRACE(version);

    auto store = open();
    ASSERT_TRUE(store);
    EXPECT_TRUE(corrupt_files().empty());
    const auto saved = store->load();
    ASSERT_TRUE(saved && saved->desired);
    const ServiceName web("web");
    const ComponentName api("api");
    EXPECT_EQ(saved->desired->services.at(web).components.at(api).spec.image,
              samples::desired().services.at(web).components.at(api).spec.image);
    EXPECT_EQ(saved->memory.components.at({web, api}).leases,
              samples::memory().components.at({web, api}).leases);
    EXPECT_EQ(saved->memory.services.at(web).conditions,
              samples::memory().services.at(web).conditions);
    EXPECT_EQ(saved->memory.conditions, samples::memory().conditions);
    EXPECT_EQ(log_of(*store)->since(0, 10)->size(), 2u);
    EXPECT_EQ(log_of(*store)->history(web)->size(), 1u);
    ASSERT_TRUE(store->commit(samples::everything()));
    expect_everything(*store);
  }
}

// Which knew of TLS alone.
TEST_F(StoreTest, WhatABackendSpeaksIsReadFromAnEarlierRelease) {
  using Protocol = crds::Route::Protocol;
  for (const Protocol protocol : {Protocol::kH1, Protocol::kH2c, Protocol::kTls}) {
    Desired desired = samples::desired();
    desired.edges[0].spec.protocol = protocol;
    ASSERT_TRUE(open()->commit({.desired = desired}));
    EXPECT_EQ(open()->load()->desired->edges[0].spec.protocol, protocol);
    sql("UPDATE desired_node SET value = json_remove(value, '$.edges[0].spec.backendProtocol')");
    EXPECT_EQ(open()->load()->desired->edges[0].spec.protocol,
              protocol == Protocol::kTls ? Protocol::kTls : Protocol::kH1);
  }
}

TEST_F(StoreTest, ASnapshotOfALiveRegistryIsARegistry) {
  auto store = open();
  ASSERT_TRUE(store->commit(samples::everything()));
  const std::string copy = folder_ + "/copy.db";
  ASSERT_TRUE(snapshot_registry(path(), copy));
  const auto again = snapshot_registry(path(), copy);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, base::Code::kConflict);
  auto copied = SqliteStore::open(copy);
  ASSERT_TRUE(copied);
  expect_everything(**copied);
  const auto missing = snapshot_registry(folder_ + "/no.db", folder_ + "/x.db");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::Code::kNotFound);
}

TEST_F(StoreTest, LeasesCanBeReadWithAShell) {
  ASSERT_TRUE(open()->commit(samples::everything()));
  sql("CREATE TABLE seen AS SELECT * FROM leases");
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  std::string rows;
  sqlite3_exec(
      database, "SELECT * FROM seen ORDER BY port",
      [](void* out, int count, char** values, char**) {
        for (int i = 0; i < count; ++i) static_cast<std::string*>(out)->append(values[i]) += ' ';
        return 0;
      },
      &rows, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(rows, "web api first  10000 web api second rest 60000 ");
}

}  // namespace
}  // namespace agent
