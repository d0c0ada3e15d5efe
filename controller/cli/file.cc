#include "controller/cli/file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace controller {
namespace {

base::Error failed(const char* what, const std::filesystem::path& path, int error) {
  const auto code = error == ENOENT   ? base::Code::kNotFound
                    : error == EACCES ? base::Code::kDenied
                                      : base::Code::kInternal;
  return base::make_error(
      code, std::string("cannot ") + what + " " + path.string() + ": " + std::strerror(error));
}

}  // namespace

base::Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return failed("read", path, EISDIR);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return failed("read", path, errno);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return failed("read", path, errno);
  return text;
}

base::Result<> write_file(const std::filesystem::path& path, std::string_view text,
                          std::filesystem::perms mode) {
  namespace fs = std::filesystem;
  fs::path draft = path;
  draft += ".new";
  errno = 0;
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return failed("write", draft, errno);
  std::error_code error;
  const auto old = fs::status(path, error);
  fs::permissions(draft, fs::exists(old) ? old.permissions() : mode, error);
  fs::rename(draft, path, error);
  if (error) return failed("write", path, error.value());
  return {};
}

}  // namespace controller
