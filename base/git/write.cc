#include <map>

#include "base/git/library.h"
#include "base/git/repository.h"

namespace base::git {
namespace {

Result<> apply(git_repository* repository, git_index* index, const Change& change) {
  const std::string what = "write '" + change.path + "'";
  if (!change.text) {
    GIT_CHECK("remove '" + change.path + "'",
              git_index_remove(index, change.path.c_str(), GIT_INDEX_STAGE_ANY));
    return {};
  }
  git_index_entry entry = {};
  entry.path = change.path.c_str();
  entry.mode = GIT_FILEMODE_BLOB;
  if (const git_index_entry* old = git_index_get_bypath(index, entry.path, 0);
      old != nullptr && old->mode == GIT_FILEMODE_BLOB_EXECUTABLE)
    entry.mode = old->mode;
  GIT_CHECK(what, git_blob_create_from_buffer(&entry.id, repository, change.text->data(),
                                              change.text->size()));
  GIT_CHECK(what, git_index_add(index, &entry));
  return {};
}

std::string conflicts_of(git_index* index) {
  std::string names;
  Handle<git_index_conflict_iterator, git_index_conflict_iterator_free> iterator;
  if (open_into(iterator, [&](auto** out) { return git_index_conflict_iterator_new(out, index); }) <
      0)
    return names;
  const git_index_entry *base = nullptr, *ours = nullptr, *theirs = nullptr;
  while (git_index_conflict_next(&base, &ours, &theirs, iterator.get()) == 0) {
    const git_index_entry* some = ours != nullptr ? ours : theirs != nullptr ? theirs : base;
    names += (names.empty() ? "'" : ", '") + std::string(some->path) + "'";
  }
  return names;
}

}  // namespace

Result<Oid> Repository::tree_of(const Oid& commit) const {
  MCP_TRY(const TreeHandle tree, lookup_tree(handle(), commit));
  return to_oid(*git_tree_id(tree.get()));
}

Result<Oid> Repository::write_tree(const Oid& commit, std::span<const Change> changes) const {
  MCP_TRY(const TreeHandle tree, lookup_tree(handle(), commit));
  IndexHandle index;
  GIT_CHECK("prepare a tree", open_into(index, [](auto** out) { return git_index_new(out); }));
  GIT_CHECK("read the tree of " + commit.str(), git_index_read_tree(index.get(), tree.get()));
  for (const Change& change : changes) MCP_CHECK(apply(handle(), index.get(), change));
  git_oid id;
  GIT_CHECK("write a tree", git_index_write_tree_to(&id, index.get(), handle()));
  return to_oid(id);
}

Result<Oid> Repository::replay_tree(const Oid& commit, const Oid& onto) const {
  MCP_TRY(const CommitHandle picked, lookup_commit(handle(), commit));
  MCP_TRY(const CommitHandle base, lookup_commit(handle(), onto));
  IndexHandle index;
  GIT_CHECK("replay commit " + commit.str(), open_into(index, [&](auto** out) {
              return git_cherrypick_commit(out, handle(), picked.get(), base.get(), 0, nullptr);
            }));
  if (git_index_has_conflicts(index.get()))
    return make_error(Code::kConflict, "commit " + commit.str().substr(0, 12) + " and " +
                                           onto.str().substr(0, 12) + " both change " +
                                           conflicts_of(index.get()));
  git_oid id;
  GIT_CHECK("write a tree", git_index_write_tree_to(&id, index.get(), handle()));
  return to_oid(id);
}

Result<Oid> Repository::write_root(const std::string& file, const std::string& text,
                                   const std::string& message, const Signature& author) const {
  const std::string what = "write a commit with " + file;
  IndexHandle index;
  GIT_CHECK(what, open_into(index, [](auto** out) { return git_index_new(out); }));
  MCP_CHECK(apply(handle(), index.get(), {file, text}));
  git_oid tree_id;
  GIT_CHECK(what, git_index_write_tree_to(&tree_id, index.get(), handle()));
  TreeHandle tree;
  GIT_CHECK(what,
            open_into(tree, [&](auto** out) { return git_tree_lookup(out, handle(), &tree_id); }));
  Handle<git_signature, git_signature_free> who;
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(author.time.time_since_epoch()).count();
  GIT_CHECK(what, open_into(who, [&](auto** out) {
              return git_signature_new(out, author.name.c_str(), author.email.c_str(), seconds,
                                       author.offset_minutes);
            }));
  git_oid id;
  GIT_CHECK(what, git_commit_create(&id, handle(), nullptr, who.get(), who.get(), nullptr,
                                    message.c_str(), tree.get(), 0, nullptr));
  return to_oid(id);
}

Result<std::string> merge_text(std::string_view ancestor, std::string_view ours,
                               std::string_view theirs) {
  initialize();
  const auto input = [](std::string_view text) {
    git_merge_file_input file = GIT_MERGE_FILE_INPUT_INIT;
    file.ptr = text.data();
    file.size = text.size();
    return file;
  };
  const git_merge_file_input base = input(ancestor), left = input(ours), right = input(theirs);
  git_merge_file_result merged = {};
  GIT_CHECK("merge two texts", git_merge_file(&merged, &base, &left, &right, nullptr));
  const bool clean = merged.automergeable != 0;
  std::string text(merged.ptr == nullptr ? "" : merged.ptr, merged.len);
  git_merge_file_result_free(&merged);
  if (!clean) return make_error(Code::kConflict, "both sides change the same lines");
  return text;
}

}  // namespace base::git
