#pragma once

#include <filesystem>
#include <string>

#include "base/core/result.h"

// Private to this folder.
namespace base::git {

// The first line of a file that holds a password or token. kInvalid: not readable, or empty.
Result<std::string> read_secret(const std::filesystem::path& path);

struct KeyFile {
  bool rsa = false;
  bool encrypted = false;
};
// What can be told of a private key before it is used.
Result<KeyFile> inspect_key(const std::filesystem::path& path);

}  // namespace base::git
