#include "base/sqlite/aside.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>

namespace base::sqlite {

namespace fs = std::filesystem;

namespace {

constexpr const char* kParts[] = {"", "-wal", "-shm"};
constexpr char kMark[] = ".corrupt-";
constexpr uintmax_t kSmallest = 512;  // one page (https://www.sqlite.org/fileformat.html#pages)

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::any_of(std::begin(kParts), std::end(kParts),
                     [&](const char* part) { return fs::exists(path + part, ignored); });
}

uintmax_t size_of(const std::string& path) {
  std::error_code failed;
  const uintmax_t size = fs::file_size(path, failed);
  return failed ? 0 : size;
}

}  // namespace

Result<std::string> set_aside(const std::string& path, TimePoint now) {
  std::string name = path + kMark;
  for (const char c : to_rfc3339(now))
    if (c != '-' && c != ':') name += c;
  std::string to = name;
  for (int number = 2; is_there(to); ++number) to = name + "-" + std::to_string(number);
  // The database first: without its journal it could pass for a sound one that is older.
  for (const char* part : kParts) {
    std::error_code failed;
    fs::rename(path + part, to + part, failed);
    if (failed && failed != std::errc::no_such_file_or_directory)
      return make_error(Code::kDenied, "cannot move the damaged database " + path + " to " + to +
                                           ": " + failed.message());
  }
  return to;
}

std::string last_set_aside(const std::string& path) {
  const fs::path file(path);
  const std::string begin = file.filename().string() + kMark;
  std::string last;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(file.parent_path(), ignored)) {
    std::string name = entry.path().filename().string();
    for (const char* part : {"-wal", "-shm"})
      if (name.ends_with(part)) name.resize(name.size() - 4);
    if (name.starts_with(begin)) last = std::max(last, name);
  }
  return last.empty() ? "" : (file.parent_path() / last).string();
}

Result<> check_not_truncated(const std::string& path) {
  const uintmax_t size = size_of(path);
  const bool cut = size == 0 ? size_of(path + "-wal") > 0 : size < kSmallest;
  if (!cut) return {};
  return make_error(Code::kCorrupt,
                    path + " was cut off: it has " + std::to_string(size) + " bytes",
                    "restore a snapshot, or move it away, with its -wal, to start empty");
}

}  // namespace base::sqlite
