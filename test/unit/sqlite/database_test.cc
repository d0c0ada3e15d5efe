#include "base/sqlite/database.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace base::sqlite {
namespace {

using namespace std::literals;
using testing::HasSubstr;

class DatabaseTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "mcp-sqlite-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name = "a.db") { return folder_ + "/" + name; }
  Database open(Database::Options options = {}) {
    auto database = Database::open(file(), options);
    EXPECT_TRUE(database) << database.error().text();
    return std::move(*database);
  }
  int64_t count(Database& database, const std::string& sql) {
    const auto number = database.integer(sql);
    EXPECT_TRUE(number) << number.error().text();
    return number.value_or(-1);
  }
  std::string folder_;
};

mode_t mode_of(const std::string& path) {
  struct stat found{};
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_mode & 0777;
}

TEST_F(DatabaseTest, OpensPrivateAndDurable) {
  auto database = Database::open(file("new/folder/a.db"));
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->script("CREATE TABLE t (a)"));
  EXPECT_EQ(mode_of(file("new/folder/a.db")), 0600u);
  EXPECT_EQ(mode_of(file("new/folder/a.db-wal")), 0600u);
  EXPECT_EQ(mode_of(file("new/folder")), 0700u);
  auto query = database->prepare("PRAGMA journal_mode");
  ASSERT_TRUE(query && query->step());
  EXPECT_EQ(query->text(0), "wal");
  EXPECT_EQ(count(*database, "PRAGMA foreign_keys"), 1);
  EXPECT_EQ(count(*database, "PRAGMA synchronous"), 1);
  EXPECT_EQ(count(*database, "PRAGMA busy_timeout"), 5000);
}

TEST_F(DatabaseTest, ClosedItIsWholeAndTheFilesOfItsJournalStay) {
  ASSERT_TRUE(open().script("CREATE TABLE t (a); INSERT INTO t VALUES (1)"));
  EXPECT_EQ(std::filesystem::file_size(file() + "-wal"), 0u);
  EXPECT_GT(std::filesystem::file_size(file() + "-shm"), 0u);
  std::filesystem::copy_file(file(), file("copy.db"));
  auto copy = Database::open(file("copy.db"));
  ASSERT_TRUE(copy);
  EXPECT_EQ(count(*copy, "SELECT a FROM t"), 1);
}

TEST_F(DatabaseTest, TightensTheModeOfAnExistingFile) {
  std::ofstream(file()).close();
  ::chmod(file().c_str(), 0644);
  open();
  EXPECT_EQ(mode_of(file()), 0600u);
}

TEST_F(DatabaseTest, ValuesComeBackAsTheyWereBound) {
  auto database = open();
  ASSERT_TRUE(database.script("CREATE TABLE t (a, b, c, d)"));
  const std::string with_zero = "a\0b"s;
  ASSERT_TRUE(database.run("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", int64_t(1) << 60, with_zero,
                           std::string_view(), nullptr));
  auto query = database.prepare("SELECT a, b, c, d FROM t");
  ASSERT_TRUE(query && *query->step());
  EXPECT_EQ(query->integer(0), int64_t(1) << 60);
  EXPECT_EQ(query->text(1), with_zero);
  EXPECT_FALSE(query->is_null(2));
  EXPECT_TRUE(query->is_null(3));
  EXPECT_FALSE(*query->step());
}

TEST_F(DatabaseTest, TransactionsAreAllOrNothing) {
  auto database = open();
  ASSERT_TRUE(database.script("CREATE TABLE t (a)"));
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(transaction && database.run("INSERT INTO t VALUES (1)"));
  }
  EXPECT_EQ(count(database, "SELECT count(*) FROM t"), 0);
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(transaction && database.run("INSERT INTO t VALUES (1)"));
    ASSERT_TRUE(transaction->commit());
  }
  EXPECT_EQ(count(database, "SELECT count(*) FROM t"), 1);
}

TEST_F(DatabaseTest, MigratesFromEveryVersion) {
  const std::string_view steps[] = {"CREATE TABLE t (a); INSERT INTO t VALUES (7)",
                                    "ALTER TABLE t ADD COLUMN b DEFAULT 8"};
  for (size_t from = 0; from <= 2; ++from) {
    std::filesystem::remove(file());
    auto database = open();
    ASSERT_TRUE(database.migrate(std::span(steps, from)));
    ASSERT_TRUE(database.migrate(steps)) << from;
    EXPECT_EQ(count(database, "SELECT a + b FROM t"), 15);
    EXPECT_EQ(count(database, "PRAGMA user_version"), 2);
  }
}

TEST_F(DatabaseTest, AFailedMigrationLeavesTheVersionBefore) {
  auto database = open();
  const std::string_view steps[] = {"CREATE TABLE t (a)", "CREATE TABLE u (a); CREATE TABLE t (a)"};
  EXPECT_FALSE(database.migrate(steps));
  EXPECT_EQ(count(database, "PRAGMA user_version"), 1);
  EXPECT_EQ(count(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"), 0);
}

TEST_F(DatabaseTest, ANewerSchemaIsRefused) {
  auto database = open();
  ASSERT_TRUE(database.script("PRAGMA user_version=9"));
  const std::string_view steps[] = {"CREATE TABLE t (a)"};
  const auto refused = database.migrate(steps);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_EQ(refused.error().retry, Retry::kAfterChange);
  EXPECT_THAT(refused.error().text(), HasSubstr("has schema 9, and this program knows schemas"));
}

TEST_F(DatabaseTest, AFullDatabaseSaysWhereToMakeSpace) {
  auto database = open();
  ASSERT_TRUE(database.script("CREATE TABLE t (a); PRAGMA max_page_count=4"));
  const auto full = database.run("INSERT INTO t VALUES (?1)", std::string(100'000, 'x'));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kExhausted);
  EXPECT_THAT(full.error().text(), HasSubstr("free space on the file system of " + file()));
}

TEST_F(DatabaseTest, AHeldLockIsUnavailable) {
  auto holder = open();
  auto waiter = open({.busy_timeout = Millis(1)});
  auto held = Transaction::begin(holder);
  ASSERT_TRUE(held);
  const auto busy = Transaction::begin(waiter);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::kUnavailable);
  EXPECT_THAT(busy.error().text(), HasSubstr("another process is writing to it"));
  ASSERT_TRUE(held->commit());
  EXPECT_TRUE(Transaction::begin(waiter));
}

TEST_F(DatabaseTest, WhatIsNoDatabaseIsCorrupt) {
  std::ofstream(file()) << std::string(8192, 'z');
  const auto opened = Database::open(file());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
}

TEST_F(DatabaseTest, CheckFindsDamage) {
  {
    auto database = open();
    ASSERT_TRUE(database.script("CREATE TABLE t (a); CREATE INDEX i ON t (a)"));
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (?1)", std::string(1000, 'a')));
    EXPECT_TRUE(database.check());
  }
  std::fstream bytes(file(), std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(4096);
  bytes << std::string(8192, '\xff');
  bytes.close();
  auto database = open();
  const auto damaged = database.check();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kCorrupt);
}

TEST_F(DatabaseTest, SnapshotOfADatabaseInUse) {
  auto writer = open();
  ASSERT_TRUE(writer.script("CREATE TABLE t (a); INSERT INTO t VALUES (5)"));
  auto transaction = Transaction::begin(writer);
  ASSERT_TRUE(transaction && writer.run("INSERT INTO t VALUES (6)"));

  auto reader = open({.mode = Database::Mode::kReadOnly});
  ASSERT_TRUE(reader.snapshot(file("copy.db")));
  EXPECT_EQ(mode_of(file("copy.db")), 0600u);
  auto copy = Database::open(file("copy.db"));
  ASSERT_TRUE(copy && copy->check());
  EXPECT_EQ(count(*copy, "SELECT sum(a) FROM t"), 5);
}

TEST_F(DatabaseTest, SnapshotNeverOverwritesAndLeavesNothingBehind) {
  auto database = open();
  std::ofstream(file("there")) << "precious";
  const auto refused = database.snapshot(file("there"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(std::filesystem::file_size(file("there")), 8u);
  EXPECT_FALSE(database.snapshot(file("no/such/folder/copy")));
}

TEST_F(DatabaseTest, AReadOnlyDatabaseMustExistAndStaysAsItIs) {
  const auto missing = Database::open(file(), {.mode = Database::Mode::kReadOnly});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  ASSERT_TRUE(open().script("CREATE TABLE t (a)"));
  auto database = open({.mode = Database::Mode::kReadOnly});
  const auto refused = database.run("INSERT INTO t VALUES (1)");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDenied);
}

}  // namespace
}  // namespace base::sqlite
