#include "base/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/sqlite/error.h"

namespace base::sqlite {

struct Statement::Impl {
  sqlite3_stmt* handle = nullptr;
  sqlite3* database = nullptr;
  std::string path;
  int bind_code = SQLITE_OK;  // the first bind that failed; told by step()
  ~Impl() { sqlite3_finalize(handle); }
};

struct Database::Impl {
  sqlite3* handle = nullptr;
  std::string path;
  bool finishes = false;
  ~Impl() {
    if (finishes)
      sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_close(handle);
  }
  Error error(int code, std::string_view what) { return to_error(code, handle, path, what); }
};

namespace {

Error file_error(const std::string& what, const std::string& path, int number) {
  const Code code = number == EEXIST                        ? Code::kConflict
                    : number == ENOSPC || number == EDQUOT  ? Code::kExhausted
                    : number == EACCES || number == EPERM   ? Code::kDenied
                    : number == ENOENT || number == ENOTDIR ? Code::kNotFound
                                                            : Code::kInternal;
  return make_error(code, "cannot " + what + " " + path + ": " + std::strerror(number));
}

// Makes an empty private file. An existing one is not opened: closing any descriptor of a database
// drops the locks that this process holds on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
Result<> create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return file_error("create", path, errno);
  ::close(fd);
  return {};
}

// True: it was made.
Result<bool> prepare_file(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty() && !std::filesystem::exists(folder, failed)) {
    std::filesystem::create_directories(folder, failed);
    if (failed) return file_error("create", folder.string(), failed.value());
    ::chmod(folder.c_str(), 0700);
  }
  const auto made = create_private(path);
  if (made) return true;
  if (made.error().code != Code::kConflict) return made.error();
  if (::chmod(path.c_str(), 0600) != 0) return file_error("set mode 0600 of", path, errno);
  return false;
}

std::string folder_of(const std::string& path) {
  return std::filesystem::absolute(path).parent_path().string();
}

Result<> sync_to_disk(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return file_error("open", path, errno);
  const int code = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (code != 0) return file_error("write", path, code);
  return {};
}

}  // namespace

// ---------------------------------------------------------------- Statement

Statement::Statement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Statement::~Statement() = default;
Statement::Statement(Statement&&) noexcept = default;

void Statement::rewind() {
  sqlite3_reset(impl_->handle);
  sqlite3_clear_bindings(impl_->handle);
  impl_->bind_code = SQLITE_OK;
}

void Statement::bind_value(int index, int64_t value) {
  const int code = sqlite3_bind_int64(impl_->handle, index, value);
  if (impl_->bind_code == SQLITE_OK) impl_->bind_code = code;
}

void Statement::bind_value(int index, std::string_view value) {
  // A null pointer would bind NULL.
  const char* bytes = value.data() ? value.data() : "";
  const int code =
      sqlite3_bind_text64(impl_->handle, index, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (impl_->bind_code == SQLITE_OK) impl_->bind_code = code;
}

void Statement::bind_value(int index, std::nullptr_t) {
  const int code = sqlite3_bind_null(impl_->handle, index);
  if (impl_->bind_code == SQLITE_OK) impl_->bind_code = code;
}

Result<bool> Statement::step() {
  const int code = impl_->bind_code == SQLITE_OK ? sqlite3_step(impl_->handle) : impl_->bind_code;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const char* doing = sqlite3_stmt_readonly(impl_->handle) ? "read" : "write";
  return to_error(code, impl_->database, impl_->path, doing);
}

Result<> Statement::run() {
  for (;;) {
    MCP_TRY(const bool row, step());
    if (!row) return {};
  }
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(impl_->handle, column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(impl_->handle, column));
  const int size = sqlite3_column_bytes(impl_->handle, column);
  return bytes ? std::string(bytes, static_cast<size_t>(size)) : std::string();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(impl_->handle, column) == SQLITE_NULL;
}

// ---------------------------------------------------------------- Database

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

const std::string& Database::path() const {
  return impl_->path;
}

Result<Database> Database::open(const std::string& path, const Options& options) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  bool made = false;
  if (options.mode == Mode::kReadOnly) {
    flags |= SQLITE_OPEN_READONLY;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return file_error("open", path, ENOENT);
  } else {
    flags |= SQLITE_OPEN_READWRITE;
    MCP_TRY(made, prepare_file(path));
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  const int code = sqlite3_open_v2(path.c_str(), &impl->handle, flags, nullptr);
  if (code != SQLITE_OK) return impl->error(code, "open");
  Database database(std::move(impl));
  MCP_CHECK(database.configure(options));
  // The journal of its first write must not come back after a power cut: it would undo all others.
  if (made) MCP_CHECK(sync_to_disk(folder_of(path), O_RDONLY | O_DIRECTORY));
  database.finish_at_close(options.mode == Mode::kReadWrite);  // it has turned out to be one
  return database;
}

Result<> Database::configure(const Options& options) {
  sqlite3_busy_timeout(impl_->handle, static_cast<int>(options.busy_timeout.count()));
  // KiB for each connection, where SQLite's own default is 2,000: what is read often is in memory.
  MCP_CHECK(script("PRAGMA cache_size=-512"));
  MCP_CHECK(script("PRAGMA foreign_keys=ON"));
  if (options.mode == Mode::kReadOnly) return {};
  MCP_CHECK(script("PRAGMA journal_mode=WAL"));
  return script("PRAGMA synchronous=NORMAL");
}

Result<Statement> Database::prepare(std::string_view sql) {
  auto impl = std::make_unique<Statement::Impl>();
  impl->database = impl_->handle;
  impl->path = impl_->path;
  const int code = sqlite3_prepare_v2(impl_->handle, sql.data(), static_cast<int>(sql.size()),
                                      &impl->handle, nullptr);
  if (code != SQLITE_OK) return impl_->error(code, "use");
  return Statement(std::move(impl));
}

Result<> Database::script(const std::string& sql) {
  const int code = sqlite3_exec(impl_->handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return impl_->error(code, "use");
  return {};
}

Result<int64_t> Database::integer(std::string_view sql) {
  MCP_TRY(auto query, prepare(sql));
  MCP_TRY(const bool row, query.step());
  return row ? query.integer(0) : 0;
}

Result<> Database::migrate(std::span<const std::string_view> steps) {
  for (;;) {
    // Read under the write lock: two programs may start at once.
    MCP_TRY(auto transaction, Transaction::begin(*this));
    MCP_TRY(const int64_t found, integer("PRAGMA user_version"));
    const auto version = static_cast<size_t>(found);
    if (version > steps.size())
      return invalid(impl_->path + " has schema " + std::to_string(version) +
                         ", and this program knows schemas up to " + std::to_string(steps.size()),
                     "run the version that wrote it or a newer one, or restore a snapshot");
    if (version == steps.size()) return {};
    MCP_CHECK(script(std::string(steps[version])));
    MCP_CHECK(script("PRAGMA user_version=" + std::to_string(version + 1)));
    MCP_CHECK(transaction.commit());
  }
}

Result<> Database::check() {
  MCP_TRY(auto query, prepare("PRAGMA quick_check(1)"));
  MCP_TRY(const bool row, query.step());
  const std::string found = row ? query.text(0) : "no answer";
  if (found == "ok") return {};
  return make_error(Code::kCorrupt, impl_->path + " is damaged: " + found,
                    "restore a snapshot, or move the file away to start empty");
}

void Database::finish_at_close(bool on) {
  impl_->finishes = on;
}

Result<> Database::snapshot(const std::string& to) {
  // VACUUM INTO accepts an empty file: made here, it is private from its first byte.
  auto made = create_private(to);
  if (!made) {
    Error error = made.error();
    if (error.code == Code::kConflict) error.hint = "give a name that does not exist";
    return error;
  }
  auto done = run("VACUUM INTO ?1", to);
  if (done) done = sync_to_disk(to, O_RDWR);
  if (done) done = sync_to_disk(folder_of(to), O_RDONLY | O_DIRECTORY);
  if (done) return {};
  ::unlink(to.c_str());
  return done.error().within("cannot write a snapshot to " + to);
}

// ---------------------------------------------------------------- Transaction

Result<Transaction> Transaction::begin(Database& database) {
  MCP_CHECK(database.script("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // Some failures have rolled it back already; then this one has nothing to do and says so.
  if (database_) (void)database_->script("ROLLBACK");
}

Result<> Transaction::commit() {
  MCP_CHECK(database_->script("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace base::sqlite
