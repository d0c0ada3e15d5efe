#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/core/result.h"

// One line a decision, on stderr, with fields that a machine can filter by. Any thread may write;
// configure() belongs to the start of the process.
namespace base::log {

// Where standard error is the journal ($JOURNAL_STREAM, systemd.exec(5)) each line begins with its
// priority, which the journal takes off again (sd-daemon(3)): journalctl -p warning.
enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format {
  kText,  // 2026-11-22T10:00:00.123Z info started web/api service=web revision=1a2b3c4
  kJson,  // {"time":"...","level":"info","message":"...","service":"web",...}
};

// "debug" | "info" | "warning" | "error"; "text" | "json".
Result<Level> parse_level(std::string_view text);
Result<Format> parse_format(std::string_view text);

void configure(Level level, Format format);

// Named as the API names them: service, component, revision, step, reason. Empty values are left
// out.
struct Field {
  std::string_view key;
  std::string_view value;
};
using Fields = std::initializer_list<Field>;

void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::kWarning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace base::log
