#pragma once

#include <string>
#include <string_view>

#include "base/core/result.h"

struct sqlite3;

namespace base::sqlite {

// What SQLite's result code means for the file at `path`; `what` is what could not be done.
Error to_error(int code, sqlite3* handle, const std::string& path, std::string_view what);

}  // namespace base::sqlite
