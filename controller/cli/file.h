#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace controller {

// All bytes of a file. kNotFound when it is not there.
base::Result<std::string> read_file(const std::filesystem::path& path);

// Replaces the file as a whole: a reader sees the old text or the new one. New files get `mode`.
base::Result<> write_file(const std::filesystem::path& path, std::string_view text,
                          std::filesystem::perms mode = std::filesystem::perms(0644));

}  // namespace controller
