#include "base/git/worktree.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/core/text.h"
#include "base/git/remote.h"
#include "controller/intent/backend.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using base::Code;

base::Error conflict(std::string message, std::string hint) {
  return base::make_error(Code::kConflict, std::move(message) + "; nothing was changed",
                          std::move(hint));
}

std::string read_if_there(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

base::Result<> write_file(const fs::path& path, const std::string& text) {
  std::error_code failed;
  if (text.empty()) {
    fs::remove(path, failed);
    return {};
  }
  fs::create_directories(path.parent_path(), failed);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    return base::make_error(Code::kInternal,
                            "cannot write " + path.string() + ": " + std::strerror(errno));
  return {};
}

class Worktree : public Backend {
 public:
  Worktree(Setup setup, std::string remote, std::string remote_branch)
      : Backend(std::move(setup)),
        remote_(std::move(remote)),
        remote_branch_(std::move(remote_branch)) {}

  base::Result<> fetch() override {
    if (remote_.empty()) return {};
    MCP_CHECK(command.output("fetch from " + setup.url, {"fetch", "--quiet", remote_}));
    return {};
  }

  base::Result<git::Oid> head() const override { return setup.repository.resolve("HEAD"); }
  const std::string& remote() const override { return remote_; }

  base::Result<git::Oid> base() override {
    MCP_TRY(const std::string branch, git::current_branch(setup.repository));
    if (branch != setup.branch)
      return base::invalid(
          "the working tree is on branch '" + branch + "', not '" + setup.branch + "'",
          "git switch " + setup.branch);
    MCP_TRY(const git::Oid local, head());
    if (remote_.empty()) return local;
    const auto remote = setup.repository.resolve("refs/remotes/" + upstream());
    if (!remote) return local;  // the first push makes the branch
    return rebase(local, *remote);
  }

  base::Result<Draft> draft(const ChangeRequest& request, const git::Oid& base,
                            const std::string& path) override;

  base::Result<Push> push(const git::Oid& commit) override {
    if (remote_.empty()) return Push::kNoRemote;
    return push_to(remote_, remote_branch_, commit);
  }

  base::Result<> land(const git::Oid& commit, const std::string& path, const Draft& draft) override;

 private:
  std::string upstream() const { return remote_ + "/" + remote_branch_; }
  // The local commits on top of the remote's, without touching branch or files.
  base::Result<git::Oid> rebase(const git::Oid& local, const git::Oid& remote);
  // Refuses when the way from HEAD to `base` goes through a file with local edits.
  base::Result<> check_way(const git::Oid& base, const std::string& path) const;
  // What `now`, an edited version of HEAD's text, is on top of `base`'s text.
  base::Result<std::string> carry(const std::string& now, const git::Oid& base,
                                  const std::string& path) const;

  const std::string remote_;  // empty: none
  const std::string remote_branch_;
};

base::Result<git::Oid> Worktree::rebase(const git::Oid& local, const git::Oid& remote) {
  MCP_TRY(const bool ahead, setup.repository.contains(local, remote));
  if (ahead) return local;
  MCP_TRY(auto commits, setup.repository.commits(remote, local, SIZE_MAX));
  std::ranges::reverse(commits);
  git::Oid top = remote;
  for (const git::CommitInfo& commit : commits) {
    const std::string name = commit.oid.str().substr(0, 12) + " (" + commit.subject() + ")";
    if (commit.parents.size() != 1)
      return conflict(
          "the local commit " + name + " is a merge, and " + upstream() + " has moved on",
          "git pull --rebase, or git pull, and try again");
    const auto tree = setup.repository.replay_tree(commit.oid, top);
    if (!tree && tree.error().code == Code::kConflict)
      return conflict("the local commit " + name + " conflicts with " + upstream() + ": " +
                          tree.error().message,
                      "git pull --rebase, mend it, and try again");
    if (!tree) return tree.error();
    MCP_TRY(const git::Oid same, setup.repository.tree_of(top));
    if (*tree == same) continue;  // the remote has this change already
    MCP_TRY(top, write_commit(*tree, top, commit.message, commit.author));
  }
  return top;
}

base::Result<> Worktree::check_way(const git::Oid& base, const std::string& path) const {
  MCP_TRY(const git::Oid local, head());
  if (local == base) return {};
  MCP_TRY(const auto changed, setup.repository.changed_paths(local, base));
  for (const std::string& other : changed) {
    if (other == path) continue;
    MCP_TRY(const git::FileState state, git::file_state(setup.repository, other));
    if (!state.clean())
      return conflict("'" + other + "' has local edits, and " + upstream() + " changed it as well",
                      "commit or stash them, git pull --rebase, and try again");
  }
  return {};
}

base::Result<std::string> Worktree::carry(const std::string& now, const git::Oid& base,
                                          const std::string& path) const {
  MCP_TRY(const git::Oid local, head());
  MCP_TRY(const std::string old, text_at(local, path));
  MCP_TRY(const std::string newest, text_at(base, path));
  if (old == newest) return now;
  auto merged = git::merge_text(old, now, newest);
  if (!merged)
    return conflict(
        "the local edits of '" + path + "' touch lines that " + upstream() + " changed as well",
        "commit or stash them, git pull --rebase, and try again");
  return merged;
}

base::Result<Draft> Worktree::draft(const ChangeRequest& request, const git::Oid& base,
                                    const std::string& path) {
  MCP_CHECK(check_way(base, path));
  MCP_TRY(const git::FileState state, git::file_state(setup.repository, path));
  if (state.clean()) return Backend::draft(request, base, path);
  const std::string on_disk = read_if_there(setup.worktree / path);
  Draft draft;
  draft.local_edits = true;
  MCP_TRY(const std::string disk, carry(on_disk, base, path));
  if (request.include_worktree_edits) {
    MCP_TRY(draft.text, apply(request, path, disk));
    return draft;
  }
  MCP_TRY(const std::string committed, text_at(base, path));
  if (committed.empty() && !on_disk.empty())
    return conflict("'" + path + "' is not committed yet", "git add it and commit it");
  MCP_TRY(draft.text, apply(request, path, committed));
  // A file that was deleted by hand stays deleted.
  const auto edited = [&](const std::string& text) -> base::Result<std::string> {
    if (text.empty()) return text;
    auto out = apply(request, path, text);
    if (!out)
      return conflict(
          "the local edits of '" + path + "' cannot take the change: " + out.error().message,
          "commit or undo them, and try again");
    return out;
  };
  MCP_TRY(draft.disk, edited(disk));
  if (!state.index_differs) return draft;
  MCP_TRY(const auto staged, git::staged_text(setup.repository, path));
  MCP_TRY(const std::string carried, carry(staged.value_or(""), base, path));
  MCP_TRY(draft.staged, edited(carried));
  return draft;
}

base::Result<> Worktree::land(const git::Oid& commit, const std::string& path, const Draft& draft) {
  const auto local_steps = [&]() -> base::Result<> {
    MCP_TRY(const git::Oid local, head());
    MCP_TRY(auto changed, setup.repository.changed_paths(local, commit));
    if (draft.local_edits) std::erase(changed, path);
    MCP_CHECK(git::check_out(setup.repository, local, commit, changed));
    if (draft.local_edits) {
      MCP_CHECK(write_file(setup.worktree / path, draft.disk.value_or(draft.text)));
      const std::string staged = draft.staged.value_or(draft.text);
      MCP_CHECK(git::stage_text(setup.repository, path,
                                staged.empty() ? std::nullopt : std::optional(staged)));
    }
    return setup.repository.set_ref("refs/heads/" + setup.branch, commit, "mcp: commit");
  };
  const auto done = local_steps();
  if (done || remote_.empty()) return done;
  base::Error error = done.error().within("the change is pushed as " + commit.str().substr(0, 12) +
                                          ", but the working tree could not follow");
  error.hint = "git pull --rebase";
  return error;
}

// The remote that the branch follows: its own, else origin, else the only one.
std::string remote_of(const GitCommand& command, const std::string& branch) {
  const std::string own = command.config("branch." + branch + ".remote");
  const auto listed = command.output("list the remotes", {"remote"});
  const std::vector<std::string> remotes =
      listed && !listed->empty() ? base::split(*listed, '\n') : std::vector<std::string>();
  for (const std::string& wanted : {own, std::string("origin")})
    if (std::ranges::find(remotes, wanted) != remotes.end()) return wanted;
  return remotes.size() == 1 ? remotes.front() : std::string();
}

}  // namespace

base::Result<std::unique_ptr<Backend>> open_worktree(const RepositoryOptions& options,
                                                     git::Repository repository) {
  std::string branch = options.branch;
  if (branch.empty()) {
    // Reading works on a detached HEAD as well; a change will say what is wrong.
    const auto current = git::current_branch(repository);
    branch = current ? *current : "HEAD";
  }
  const GitCommand command(repository.worktree(), options.timeout);
  const std::string remote = remote_of(command, branch);
  std::string remote_branch = command.config("branch." + branch + ".merge");
  constexpr std::string_view kHeads = "refs/heads/";
  remote_branch = remote_branch.starts_with(kHeads) ? remote_branch.substr(kHeads.size()) : branch;
  std::string url;
  if (!remote.empty()) url = git::printable_url(command.config("remote." + remote + ".url"));
  const fs::path worktree = repository.worktree();
  return std::unique_ptr<Backend>(std::make_unique<Worktree>(
      Backend::Setup{std::move(repository), branch, options.path, url, worktree, options.timeout},
      remote, remote_branch));
}

}  // namespace controller
