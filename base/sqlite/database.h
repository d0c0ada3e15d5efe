#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/core/result.h"
#include "base/core/time.h"

// SQLite (https://www.sqlite.org/c3ref/intro.html) with errors as values. Every object belongs to
// one thread at a time; statements and transactions must end before their database does.
//
// Errors: kExhausted: no space, or the disk fails; kUnavailable: another process held the lock for
// the whole busy timeout; kCorrupt: not a database, or a damaged one; kDenied: file permissions;
// kConflict: a constraint; kInvalid: written by a newer program.
namespace base::sqlite {

class Database;

// One prepared statement. Text is copied when it is bound.
class Statement {
 public:
  ~Statement();
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) = delete;

  // Starts over with these values for ?1, ?2, ...: integers, bool, text; nullptr is NULL.
  template <class... Values>
  Statement& bind(const Values&... values) {
    rewind();
    int index = 0;
    (bind_any(++index, values), ...);
    return *this;
  }

  // True: a row stands ready. False: there is no further row.
  Result<bool> step();
  // Runs to the end; rows are ignored.
  Result<> run();

  // Columns of the row, from 0; valid after a step() that gave true.
  int64_t integer(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Impl;
  explicit Statement(std::unique_ptr<Impl> impl);
  void rewind();
  void bind_value(int index, int64_t value);
  void bind_value(int index, std::string_view value);
  void bind_value(int index, std::nullptr_t);
  template <class Value>
  void bind_any(int index, const Value& value) {
    if constexpr (std::is_integral_v<Value>)
      bind_value(index, static_cast<int64_t>(value));
    else
      bind_value(index, value);
  }
  std::unique_ptr<Impl> impl_;
};

class Database {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  struct Options {
    Mode mode = Mode::kReadWrite;
    Millis busy_timeout{5000};
  };

  // kReadWrite creates the file when it is missing, its folders too (the last one 0700), and makes
  // its mode 0600. WAL, foreign keys on, synchronous=NORMAL: a killed process loses nothing that
  // was committed; a power cut may lose the last commits, and never damages the file
  // (https://www.sqlite.org/pragma.html#pragma_synchronous).
  static Result<Database> open(const std::string& path, const Options& options);
  static Result<Database> open(const std::string& path) { return open(path, Options()); }

  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  const std::string& path() const;

  Result<Statement> prepare(std::string_view sql);
  // One statement with its values, to the end.
  template <class... Values>
  Result<> run(std::string_view sql, const Values&... values) {
    MCP_TRY(auto statement, prepare(sql));
    return statement.bind(values...).run();
  }
  // The first column of the first row; 0 when there is no row.
  Result<int64_t> integer(std::string_view sql);
  // Any number of statements without values.
  Result<> script(const std::string& sql);

  // The schema is at version n when the first n of `steps` have run (PRAGMA user_version). Runs
  // the missing ones, each whole or not at all. A newer version than steps.size() is kInvalid.
  Result<> migrate(std::span<const std::string_view> steps);

  // kCorrupt when the file's structure is damaged.
  Result<> check();

  // Whether its journal is worked into the file when it is closed; on at the beginning, unless it
  // is read alone. Off for a damaged file: what it has in its journal is evidence. The journal's
  // files stay, empty: where the disk is full, the next one to open the database has their room.
  void finish_at_close(bool on);

  // Writes a consistent copy of a database in use to a new file, mode 0600, and syncs it. An
  // existing file is never overwritten: kConflict.
  Result<> snapshot(const std::string& to);

 private:
  friend class Statement;
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  Result<> configure(const Options& options);
  std::unique_ptr<Impl> impl_;
};

// All statements between begin() and commit(), or none: without commit() they are rolled back.
// Takes the write lock at once, so that a busy database says so before anything was done.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Result<> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace base::sqlite
