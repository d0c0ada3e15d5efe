#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "crds/decode.h"

// A whole desired-state tree, checked without an agent.
namespace controller {

struct CheckedTree {
  size_t files = 0;
  size_t services = 0;
  size_t nodes = 0;
  std::vector<crds::Diagnostic> problems;  // by file and line
};

using Files = std::map<std::string, std::string>;  // path inside the tree -> text

CheckedTree check_files(const Files& files, std::vector<crds::Diagnostic> problems = {});

// The definitions in a folder. What cannot be a definition where one is expected (a symbolic link,
// a file beyond the limit) becomes a problem. kNotFound: there is no such folder.
base::Result<CheckedTree> check_folder(const std::filesystem::path& folder);

// The definitions of a commit, read with the system's git in `git_dir` (empty: as git finds it by
// its environment), so that the objects of a push that is still in quarantine are seen.
base::Result<CheckedTree> check_commit(const std::string& git_dir, const std::string& revision);

}  // namespace controller
