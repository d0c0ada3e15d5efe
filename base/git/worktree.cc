#include "base/git/worktree.h"

#include <vector>

#include "base/git/library.h"

namespace base::git {
namespace {

const char* under_way(int state) {
  switch (state) {
    case GIT_REPOSITORY_STATE_NONE:
      return nullptr;
    case GIT_REPOSITORY_STATE_MERGE:
      return "merge";
    case GIT_REPOSITORY_STATE_REVERT:
    case GIT_REPOSITORY_STATE_REVERT_SEQUENCE:
      return "revert";
    case GIT_REPOSITORY_STATE_CHERRYPICK:
    case GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE:
      return "cherry-pick";
    case GIT_REPOSITORY_STATE_BISECT:
      return "bisect";
    case GIT_REPOSITORY_STATE_APPLY_MAILBOX:
      return "am";
    default:
      return "rebase";
  }
}

Result<IndexHandle> open_index(const Repository& repository) {
  IndexHandle index;
  GIT_CHECK("read the index", open_into(index, [&](auto** out) {
              return git_repository_index(out, repository.handle());
            }));
  // Another process may have written it since.
  GIT_CHECK("read the index", git_index_read(index.get(), 0));
  return index;
}

}  // namespace

Result<std::string> current_branch(const Repository& repository) {
  const std::string where = repository.worktree().string();
  if (const char* what = under_way(git_repository_state(repository.handle())))
    return invalid("a " + std::string(what) + " is under way in " + where,
                   "finish it, or: git " + std::string(what) +
                       (std::string_view(what) == "bisect" ? " reset" : " --abort"));
  if (git_repository_head_unborn(repository.handle()) == 1)
    return not_found("there is no commit yet in " + where, "commit something first");
  if (git_repository_head_detached(repository.handle()) == 1)
    return invalid("HEAD is detached in " + where + ": there is no branch to commit on",
                   "git switch BRANCH");
  ReferenceHandle head;
  GIT_CHECK("read HEAD of " + where, open_into(head, [&](auto** out) {
              return git_repository_head(out, repository.handle());
            }));
  return std::string(git_reference_shorthand(head.get()));
}

Result<FileState> file_state(const Repository& repository, const std::string& path) {
  unsigned flags = 0;
  const int code = git_status_file(&flags, repository.handle(), path.c_str());
  if (code == GIT_ENOTFOUND) return FileState{};
  GIT_CHECK("look at '" + path + "'", code);
  constexpr unsigned kIndex = GIT_STATUS_INDEX_NEW | GIT_STATUS_INDEX_MODIFIED |
                              GIT_STATUS_INDEX_DELETED | GIT_STATUS_INDEX_RENAMED |
                              GIT_STATUS_INDEX_TYPECHANGE | GIT_STATUS_CONFLICTED;
  return FileState{(flags & ~kIndex) != 0, (flags & kIndex) != 0};
}

Result<std::optional<std::string>> staged_text(const Repository& repository,
                                               const std::string& path) {
  MCP_TRY(const IndexHandle index, open_index(repository));
  const git_index_entry* entry = git_index_get_bypath(index.get(), path.c_str(), 0);
  if (entry == nullptr) return std::optional<std::string>();
  MCP_TRY(std::string text, repository.read(to_oid(entry->id), SIZE_MAX));
  return std::optional(std::move(text));
}

Result<> stage_text(const Repository& repository, const std::string& path,
                    const std::optional<std::string>& text) {
  const std::string what = "put '" + path + "' into the index";
  MCP_TRY(const IndexHandle index, open_index(repository));
  if (!text) {
    if (git_index_get_bypath(index.get(), path.c_str(), 0) == nullptr) return {};
    GIT_CHECK(what, git_index_remove(index.get(), path.c_str(), 0));
  } else {
    git_index_entry entry = {};
    entry.mode = GIT_FILEMODE_BLOB;
    if (const auto* old = git_index_get_bypath(index.get(), path.c_str(), 0))
      entry.mode = old->mode;
    // Without size and times it counts as unknown, and git compares the content.
    entry.path = path.c_str();
    GIT_CHECK(what, git_blob_create_from_buffer(&entry.id, repository.handle(), text->data(),
                                                text->size()));
    GIT_CHECK(what, git_index_add(index.get(), &entry));
  }
  GIT_CHECK("write the index", git_index_write(index.get()));
  return {};
}

Result<> check_out(const Repository& repository, const Oid& from, const Oid& to,
                   std::span<const std::string> paths) {
  if (paths.empty()) return {};
  MCP_TRY(const TreeHandle baseline, lookup_tree(repository.handle(), from));
  MCP_TRY(const TreeHandle target, lookup_tree(repository.handle(), to));
  std::vector<char*> names;
  for (const std::string& path : paths) names.push_back(const_cast<char*>(path.c_str()));
  git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
  options.checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH;
  options.baseline = baseline.get();
  options.paths = {names.data(), names.size()};
  GIT_CHECK("update the working tree",
            git_checkout_tree(repository.handle(),
                              reinterpret_cast<const git_object*>(target.get()), &options));
  return {};
}

}  // namespace base::git
