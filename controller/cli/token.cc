#include "controller/cli/token.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "controller/cli/file.h"

namespace controller {
namespace fs = std::filesystem;
namespace {

// What can stand in a header (RFC 6750 section 2.1), without the space around it.
std::string cleaned(const std::string& text) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  const auto begin = std::find_if_not(text.begin(), text.end(), blank);
  const auto end = std::find_if_not(text.rbegin(), std::make_reverse_iterator(begin), blank).base();
  if (std::any_of(begin, end, [](char c) { return c <= 0x20 || c > 0x7E; })) return {};
  return {begin, end};
}

base::Error failed(const fs::path& path, int error) {
  return base::make_error(error == EACCES ? base::Code::kDenied : base::Code::kInternal,
                          "cannot keep the token in " + path.string() + ": " + std::strerror(error),
                          "[auth] token_path in mcp.toml names another place");
}

void make_private_folders(const fs::path& folder) {
  std::error_code ignored;
  if (folder.empty() || fs::exists(folder, ignored)) return;
  make_private_folders(folder.parent_path());
  ::mkdir(folder.c_str(), 0700);
}

}  // namespace

fs::path token_path(const Environment& environment, const Config& config) {
  if (!config.auth.token_path.empty()) return environment.directory / config.auth.token_path;
  return fs::path(environment.config_home) / "mcp/token";
}

std::string current_token(const Environment& environment, const Config& config) {
  if (!environment.token.empty()) return cleaned(environment.token);
  const auto text = read_file(token_path(environment, config));
  return text ? cleaned(*text) : std::string();
}

base::Result<> store_token(const fs::path& path, const std::string& token) {
  make_private_folders(path.parent_path());
  // mkostemp(3) makes the file with mode 0600 and never follows a link that waits there.
  std::string draft = path.string() + ".XXXXXX";
  const int file = ::mkostemp(draft.data(), O_CLOEXEC);
  if (file < 0) return failed(path, errno);
  const std::string text = token + "\n";
  const ssize_t written = ::write(file, text.data(), text.size());
  // A part of so few bytes is written only where there is no space for the rest.
  int error = written < 0 ? errno : written == static_cast<ssize_t>(text.size()) ? 0 : ENOSPC;
  if (error == 0 && ::fsync(file) != 0) error = errno;
  if (::close(file) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(draft.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(draft.c_str());
  return failed(path, error);
}

}  // namespace controller
