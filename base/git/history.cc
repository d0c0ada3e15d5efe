#include <algorithm>

#include "base/git/library.h"
#include "base/git/repository.h"

namespace base::git {
namespace {

CommitInfo info_of(const git_commit* commit) {
  CommitInfo info;
  info.oid = to_oid(*git_commit_id(commit));
  for (unsigned i = 0; i < git_commit_parentcount(commit); ++i)
    info.parents.push_back(to_oid(*git_commit_parent_id(commit, i)));
  const git_signature* author = git_commit_author(commit);
  info.author = {author->name, author->email, TimePoint(std::chrono::seconds(author->when.time)),
                 author->when.offset};
  info.committed = TimePoint(std::chrono::seconds(git_commit_time(commit)));
  info.message = git_commit_message(commit);
  return info;
}

std::optional<Oid> blob_at(const git_tree* tree, const std::string& path) {
  if (tree == nullptr) return std::nullopt;
  Handle<git_tree_entry, git_tree_entry_free> entry;
  if (open_into(entry, [&](auto** out) { return git_tree_entry_bypath(out, tree, path.c_str()); }))
    return std::nullopt;
  return to_oid(*git_tree_entry_id(entry.get()));
}

Result<WalkHandle> walk_from(git_repository* repository, const Oid& head) {
  MCP_TRY(const git_oid id, from_oid(head));
  WalkHandle walk;
  GIT_CHECK("walk the history",
            open_into(walk, [&](auto** out) { return git_revwalk_new(out, repository); }));
  git_revwalk_sorting(walk.get(), GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
  GIT_CHECK("walk the history of " + head.str(), git_revwalk_push(walk.get(), &id));
  return walk;
}

}  // namespace

std::string CommitInfo::subject() const {
  return message.substr(0, message.find('\n'));
}

std::vector<std::pair<std::string, std::string>> CommitInfo::trailers() const {
  git_message_trailer_array found = {};
  std::vector<std::pair<std::string, std::string>> out;
  if (git_message_trailers(&found, message.c_str()) < 0) return out;
  for (size_t i = 0; i < found.count; ++i)
    out.emplace_back(found.trailers[i].key, found.trailers[i].value);
  git_message_trailer_array_free(&found);
  return out;
}

Result<CommitInfo> Repository::commit(const Oid& oid) const {
  MCP_TRY(const CommitHandle commit, lookup_commit(handle(), oid));
  return info_of(commit.get());
}

Result<SignedCommit> Repository::signature(const Oid& oid) const {
  MCP_TRY(git_oid id, from_oid(oid));
  git_buf signature = {}, payload = {};
  const int code = git_commit_extract_signature(&signature, &payload, handle(), &id, nullptr);
  SignedCommit out;
  if (code == 0)
    out = {std::string(signature.ptr, signature.size), std::string(payload.ptr, payload.size)};
  git_buf_dispose(&signature);
  git_buf_dispose(&payload);
  if (code == GIT_ENOTFOUND && lookup_commit(handle(), oid)) return out;
  GIT_CHECK("read the signature of commit " + oid.str(), code);
  return out;
}

Result<std::vector<CommitInfo>> Repository::commits(const Oid& from, const Oid& to,
                                                    size_t limit) const {
  MCP_TRY(const WalkHandle walk, walk_from(handle(), to));
  if (const auto hidden = from_oid(from); hidden && lookup_commit(handle(), from))
    GIT_CHECK("walk the history from " + from.str(), git_revwalk_hide(walk.get(), &*hidden));
  std::vector<CommitInfo> out;
  git_oid id;
  while (out.size() < limit) {
    const int code = git_revwalk_next(&id, walk.get());
    if (code == GIT_ITEROVER) break;
    GIT_CHECK("walk the history of " + to.str(), code);
    MCP_TRY(out.emplace_back(), commit(to_oid(id)));
  }
  return out;
}

Result<> Repository::log(const Oid& head, std::span<const std::string> paths,
                         const Visit& visit) const {
  MCP_TRY(const WalkHandle walk, walk_from(handle(), head));
  git_oid id;
  for (;;) {
    const int code = git_revwalk_next(&id, walk.get());
    if (code == GIT_ITEROVER) return {};
    GIT_CHECK("walk the history of " + head.str(), code);
    MCP_TRY(const CommitHandle commit, lookup_commit(handle(), to_oid(id)));
    MCP_TRY(const TreeHandle tree, lookup_tree(handle(), to_oid(id)));
    TreeHandle before;
    if (git_commit_parentcount(commit.get()) > 0) {
      MCP_TRY(before, lookup_tree(handle(), to_oid(*git_commit_parent_id(commit.get(), 0))));
    }
    std::vector<std::string> touched;
    for (const std::string& path : paths)
      if (blob_at(tree.get(), path) != blob_at(before.get(), path)) touched.push_back(path);
    if (!touched.empty() && !visit(info_of(commit.get()), touched)) return {};
  }
}

Result<bool> Repository::contains(const Oid& descendant, const Oid& ancestor) const {
  if (descendant == ancestor) return true;
  MCP_TRY(const git_oid after, from_oid(descendant));
  MCP_TRY(const git_oid before, from_oid(ancestor));
  const int code = git_graph_descendant_of(handle(), &after, &before);
  GIT_CHECK("compare commits " + descendant.str() + " and " + ancestor.str(), code);
  return code == 1;
}

Result<std::vector<std::string>> Repository::changed_paths(const Oid& from, const Oid& to) const {
  MCP_TRY(const TreeHandle before, lookup_tree(handle(), from));
  MCP_TRY(const TreeHandle after, lookup_tree(handle(), to));
  DiffHandle diff;
  GIT_CHECK("compare commits " + from.str() + " and " + to.str(), open_into(diff, [&](auto** out) {
              return git_diff_tree_to_tree(out, handle(), before.get(), after.get(), nullptr);
            }));
  std::vector<std::string> paths;
  for (size_t i = 0; i < git_diff_num_deltas(diff.get()); ++i)
    paths.emplace_back(git_diff_get_delta(diff.get(), i)->new_file.path);
  return paths;
}

}  // namespace base::git
