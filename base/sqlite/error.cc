#include "base/sqlite/error.h"

#include <sqlite3.h>

namespace base::sqlite {
namespace {

struct Meaning {
  Code code;
  std::string hint;
};

// https://www.sqlite.org/rescode.html
Meaning meaning(int code, const std::string& path) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Code::kExhausted, "free space on the file system of " + path};
    case SQLITE_IOERR:
      return {Code::kExhausted,
              "check space, quota and health of the file system of " + path + " (df, dmesg)"};
    case SQLITE_NOMEM:
      return {Code::kExhausted, "free memory"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable, "another process is writing to it: fuser " + path};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::kCorrupt, "restore a snapshot, or move the file away to start empty"};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return {Code::kDenied, "check owner and mode of " + path + " and its folder"};
    case SQLITE_CONSTRAINT:
      return {Code::kConflict, ""};
    default:
      return {Code::kInternal, ""};
  }
}

}  // namespace

Error to_error(int code, sqlite3* handle, const std::string& path, std::string_view what) {
  auto [kind, hint] = meaning(code, path);
  // The handle speaks of its last call; it is the same one only when the codes agree.
  const bool own = handle && (sqlite3_errcode(handle) & 0xff) == (code & 0xff);
  const std::string why = own ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  return make_error(kind, "cannot " + std::string(what) + " " + path + ": " + why, hint);
}

}  // namespace base::sqlite
