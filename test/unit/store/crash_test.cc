// The registry after its program, or its machine, ended at any moment.
#include <gmock/gmock.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "agent/store/sqlite_store.h"
#include "base/sqlite/aside.h"
#include "recording_vfs.h"
#include "samples.h"

namespace agent {
namespace {

using namespace reconciler;
namespace fs = std::filesystem;

// Syncs cost nothing there: what they mean is decided here.
fs::path memory_folder() {
  const fs::path shared = "/dev/shm";
  return fs::is_directory(shared) ? shared : fs::path(testing::TempDir());
}

class CrashTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (memory_folder() / "mcp-crash-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The n-th of the transactions that the tests write: as a whole it can be told by its number.
  static Transaction transaction(int number) {
    Transaction out = samples::everything();
    out.desired->revision = Revision(std::to_string(number));
    for (auto& [key, component] : out.components) component.restarts = number;
    for (auto& [name, service] : out.services)
      service.ready_revision = Revision(std::to_string(number));
    out.node->second = Revision(std::to_string(number));
    for (Event& event : out.events) event.message = std::to_string(number);
    return out;
  }

  // The number of the transaction that the registry holds, 0 for none; a failure when it is not one
  // and nothing but one.
  int held(const std::string& path, const std::string& when) {
    auto store = SqliteStore::open(path);
    if (!store) {
      ADD_FAILURE() << when << ": " << store.error().text();
      return -1;
    }
    const auto saved = (*store)->load();
    const int number = saved && saved->desired ? std::stoi(saved->desired->revision.str()) : 0;
    const Transaction expected = transaction(number);
    auto log = (*store)->event_log();
    const auto events = (*log)->since(0, 1000);
    EXPECT_TRUE(saved && events) << when;
    EXPECT_EQ(events->size(), number * expected.events.size()) << when;
    for (const Event& event : *events)
      EXPECT_EQ(event.message, std::to_string((event.id + 1) / 2)) << when;
    EXPECT_EQ(base::sqlite::last_set_aside(path), "") << when;
    if (number == 0) {
      EXPECT_EQ(saved->memory, Memory()) << when;
      return 0;
    }
    EXPECT_EQ(*saved->desired, *expected.desired) << when;
    EXPECT_EQ(saved->memory.components, expected.components) << when;
    EXPECT_EQ(saved->memory.services, expected.services) << when;
    EXPECT_EQ(saved->memory.ready_revision, expected.node->second) << when;
    return number;
  }

  std::string folder_;
};

constexpr int kCommits = 6;

// What has been told when it ends after some operations.
struct Told {
  int committed = 0;  // commit() has returned
  int durable = 0;    // and it was worked into the file, which syncs
};

Told told_after(const std::vector<test::DiskOp>& ops, size_t count) {
  Told told;
  for (size_t i = 0; i < count; ++i) {
    if (ops[i].kind != test::DiskOp::Kind::kMark) continue;
    const int number = static_cast<int>(ops[i].offset);
    (number > 0 ? told.committed : told.durable) = std::abs(number);
  }
  return told;
}

// As SQLite does by itself at 1,000 pages of journal: works it into the file.
void checkpoint(const std::string& path) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, "PRAGMA wal_checkpoint(FULL)", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
}

TEST_F(CrashTest, HoldsTheOldOrTheNewTransactionWhereverItEnds) {
  std::vector<test::DiskOp> ops;
  {
    test::RecordingVfs disk;
    fs::create_directory(folder_ + "/written");
    const std::string path = folder_ + "/written/mcp.db";
    auto store = SqliteStore::open(path);
    ASSERT_TRUE(store);
    for (int number = 1; number <= kCommits; ++number) {
      ASSERT_TRUE((*store)->commit(transaction(number)));
      disk.mark(number);
      if (number % 2 != 0) continue;
      checkpoint(path);
      disk.mark(-number);
    }
    store->reset();
    ops = disk.ops();
  }
  std::mt19937 random(20261122);
  std::set<int> seen;
  const fs::path folder = folder_ + "/found";
  for (const test::End end :
       {test::End::kKilled, test::End::kPowerCutLosesAll, test::End::kPowerCutLosesSome})
    for (size_t count = 0; count <= ops.size(); ++count) {
      fs::remove_all(folder);
      fs::create_directory(folder);
      for (const auto& [name, bytes] : test::files_after(ops, count, end, random))
        if (!name.ends_with("-shm")) std::ofstream(folder / name, std::ios::binary) << bytes;
      const std::string when = "end " + std::to_string(static_cast<int>(end)) + " after " +
                               std::to_string(count) + " of " + std::to_string(ops.size());
      const int number = held(folder / "mcp.db", when);
      const Told told = told_after(ops, count);
      EXPECT_LE(number, told.committed + 1) << when;
      EXPECT_GE(number, end == test::End::kKilled ? told.committed : told.durable) << when;
      if (HasFailure()) return;
      seen.insert(number);
    }
  EXPECT_EQ(seen.size(), kCommits + 1u);
  std::cout << ops.size() << " operations, each with three ends\n";
}

// The same by the real thing: a process that commits without a pause, and kill -9.
TEST_F(CrashTest, AProcessThatIsKilledWhileItWritesLosesNothingThatWasCommitted) {
  std::mt19937 random(20261123);
  int last = 0;
  const std::string path = folder_ + "/mcp.db";
  for (int round = 0; round < 40; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = SqliteStore::open(path);
      if (!store || !(*store)->load()) ::_exit(1);
      for (int number = last + 1;; ++number)
        if (!(*store)->commit(transaction(number)) ||
            ::write(pipe[1], &number, sizeof(number)) != sizeof(number))
          ::_exit(1);
    }
    ::close(pipe[1]);
    int committed = last;
    const int most = static_cast<int>(random() % 6);
    for (int i = 0; i < most; ++i) ASSERT_EQ(::read(pipe[0], &committed, sizeof(int)), 4);
    pollfd next{pipe[0], POLLIN, 0};
    ::poll(&next, 1, static_cast<int>(random() % 4));  // anywhere in the next one
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    while (::read(pipe[0], &committed, sizeof(int)) == 4) continue;
    ::close(pipe[0]);
    last = held(path, "round " + std::to_string(round));
    ASSERT_GE(last, committed);
    ASSERT_LE(last, committed + 1);
  }
  EXPECT_GT(last, 40);
}

}  // namespace
}  // namespace agent
