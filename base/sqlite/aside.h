#pragma once

#include <string>

#include "base/core/result.h"
#include "base/core/time.h"

namespace base::sqlite {

// Renames a database, with its -wal and -shm, to "<path>.corrupt-<time>": nothing is deleted, and
// nothing that was set aside before is overwritten. Files that are not there are left out. Returns
// the new name. No connection that can write to it may be open in this process: its close would
// delete the -wal of the database that comes to lie at `path`.
Result<std::string> set_aside(const std::string& path, TimePoint now);

// The last one of this database that was set aside; empty when there is none.
std::string last_set_aside(const std::string& path);

// kCorrupt: the file is smaller than any database; or it is empty or gone, and the journal beside
// it is not. (To SQLite that is a new database: it would write over it, and delete the journal.)
Result<> check_not_truncated(const std::string& path);

}  // namespace base::sqlite
