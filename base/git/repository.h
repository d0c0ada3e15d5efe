#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "base/git/types.h"

struct git_repository;

// Small RAII over libgit2 1.5 and newer (https://libgit2.org/libgit2/). Opening the first
// repository sets up the library for the whole process: who owns a repository on disk is not
// checked (libgit2 runs no hook and no command out of a repository's configuration, and a
// configured source may well belong to another user), and SIGPIPE is ignored unless the program
// handles it.
namespace base::git {

// Errors of every call: kNotFound (a path or revision is not there), kCorrupt (an object is missing
// or cannot be read back), kExhausted (no space), kInternal. Use one Repository from one thread at
// a time; several may be open on one folder.
class Repository {
 public:
  // The folder itself: bare, or one with a .git. kNotFound.
  static Result<Repository> open(const std::filesystem::path& path);
  // The repository that the folder lies in.
  static Result<Repository> discover(const std::filesystem::path& path);
  static Result<Repository> create_bare(const std::filesystem::path& path);

  bool is_bare() const;
  std::filesystem::path git_dir() const;
  std::filesystem::path worktree() const;  // empty when bare

  // Anything of gitrevisions(7) that names a commit.
  Result<Oid> resolve(std::string_view revision) const;
  Result<> set_ref(const std::string& name, const Oid& target, const std::string& reflog) const;

  // Every entry below `folder` (empty: the root), in order of path; submodules are not entered.
  // kNotFound: the commit has no such folder.
  Result<std::vector<Entry>> list(const Oid& commit, std::string_view folder = {}) const;
  // Whether the commit has something there. kNotFound: the repository lacks an object.
  Result<bool> has(const Oid& commit, std::string_view path) const;
  // kNotFound: the commit has no such file.
  Result<Entry> find(const Oid& commit, std::string_view path) const;
  // A blob's size, without reading it.
  Result<uint64_t> size(const Oid& blob) const;
  // kInvalid, unread, when it is larger.
  Result<std::string> read(const Oid& blob, size_t max_bytes) const;

  Result<CommitInfo> commit(const Oid& commit) const;
  // As it is written; nothing says yet that it is good.
  Result<SignedCommit> signature(const Oid& commit) const;
  // Commits that `to` has and `from` has not, newest first, at most `limit`. An empty or unknown
  // `from` excludes nothing.
  Result<std::vector<CommitInfo>> commits(const Oid& from, const Oid& to, size_t limit) const;
  // Walks back from `head`, newest first, and shows each commit with those of `paths` that it
  // changed against its first parent, as long as `visit` says true.
  using Visit = std::function<bool(const CommitInfo&, const std::vector<std::string>& touched)>;
  Result<> log(const Oid& head, std::span<const std::string> paths, const Visit& visit) const;
  // Whether `descendant` is `ancestor` or comes after it.
  Result<bool> contains(const Oid& descendant, const Oid& ancestor) const;
  // Paths that differ between two commits.
  Result<std::vector<std::string>> changed_paths(const Oid& from, const Oid& to) const;

  // Writes the tree of `commit` with `changes` made, and returns its name. Touches no ref, index or
  // working tree. A file keeps its mode; a new one is an ordinary file.
  Result<Oid> write_tree(const Oid& commit, std::span<const Change> changes) const;
  // Writes the tree of `onto` with what `commit` changed against its one parent. kConflict names
  // the files that both changed.
  Result<Oid> replay_tree(const Oid& commit, const Oid& onto) const;
  Result<Oid> tree_of(const Oid& commit) const;
  // Writes a commit without parents that has this one file. Touches no ref.
  Result<Oid> write_root(const std::string& file, const std::string& text,
                         const std::string& message, const Signature& author) const;

  // Packs on disk; every fetch adds one.
  size_t pack_count() const;
  // Puts all that the ref reaches into one pack and drops every other one. Nobody else may use the
  // folder meanwhile, and this object must not be used afterwards: open the repository again.
  Result<> repack(const std::string& ref);

  git_repository* handle() const { return handle_.get(); }  // for this folder's own code

 private:
  struct Free {
    void operator()(git_repository* repository) const;
  };
  explicit Repository(git_repository* handle) : handle_(handle) {}
  std::unique_ptr<git_repository, Free> handle_;
};

// Merges line by line what two sides made of `ancestor`. kConflict when they touch the same lines.
Result<std::string> merge_text(std::string_view ancestor, std::string_view ours,
                               std::string_view theirs);

}  // namespace base::git
