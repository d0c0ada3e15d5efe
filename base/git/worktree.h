#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/git/repository.h"

// What a change needs to know of a working tree, and to do to it. All for repositories that have
// one; paths are inside the repository.
namespace base::git {

// The branch that is checked out. kInvalid: HEAD is detached, or a merge, rebase or the like is
// under way. kNotFound: the branch has no commit yet.
Result<std::string> current_branch(const Repository& repository);

struct FileState {
  bool worktree_differs = false;  // the file on disk is not what the index holds, or not tracked
  bool index_differs = false;     // the index does not hold what HEAD holds
  bool clean() const { return !worktree_differs && !index_differs; }
};
// A path that is nowhere is clean.
Result<FileState> file_state(const Repository& repository, const std::string& path);

// What the index holds; none: the path is not in it.
Result<std::optional<std::string>> staged_text(const Repository& repository,
                                               const std::string& path);

// Makes the index hold `text` (none: nothing) at this path and nothing else. The file on disk is
// not touched.
Result<> stage_text(const Repository& repository, const std::string& path,
                    const std::optional<std::string>& text);

// Brings `paths` on disk and in the index from what `from` holds to what `to` holds. kConflict, and
// nothing was done: one of them is not as `from` has it.
Result<> check_out(const Repository& repository, const Oid& from, const Oid& to,
                   std::span<const std::string> paths);

}  // namespace base::git
