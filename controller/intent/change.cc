#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "base/core/text.h"
#include "controller/intent/backend.h"

namespace controller {
namespace {

using base::Code;

constexpr int kMaxRetries = 5;

std::string login_name() {
  const passwd* user = getpwuid(geteuid());
  return user == nullptr ? "uid-" + std::to_string(geteuid()) : user->pw_name;
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

// Writers that were overtaken at the same instant must not meet again.
void step_aside(int retry) {
  static thread_local std::mt19937 random{std::random_device{}()};
  const int most_ms = 20 << retry;
  std::this_thread::sleep_for(base::Millis(std::uniform_int_distribution<int>(0, most_ms)(random)));
}

// What stands behind a remote's "remote: ".
std::string remote_words(const std::string& said) {
  std::string out;
  for (const std::string& line : base::split(said, '\n'))
    if (line.starts_with("remote: ")) {
      const std::string words = line.substr(8, line.find_last_not_of(" \r") + 1 - 8);
      if (!words.empty()) out += (out.empty() ? "" : "\n") + words;
    }
  return out;
}

// The reason in "!<tab>from:to<tab>[remote rejected] (reason)" of git-push(1), --porcelain.
std::string rejection(const std::string& porcelain) {
  for (const std::string& line : base::split(porcelain, '\n'))
    if (line.starts_with("!")) return line.substr(line.rfind('\t') + 1);
  return {};
}

bool means_overtaken(const std::string& reason) {
  // "[rejected] (fetch first)" and "(non-fast-forward)" come from our side; the others when two
  // pushes met at the remote.
  for (const char* words :
       {"[rejected]", "lock", "failed to update ref", "old value", "stale info"})
    if (reason.find(words) != std::string::npos) return true;
  return false;
}

std::string git_date(const git::Signature& author) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(author.time).time_since_epoch();
  const int minutes = std::abs(author.offset_minutes);
  char zone[16];
  snprintf(zone, sizeof zone, " %c%02d%02d", author.offset_minutes < 0 ? '-' : '+', minutes / 60,
           minutes % 60);
  return "@" + std::to_string(seconds.count()) + zone;
}

}  // namespace

const Backend::Author& Backend::author() {
  if (author_) return *author_;
  author_ = Author{{}, false};
  const auto known = command.run({"-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"});
  if (!known || !known->ok()) {
    const std::string name = login_name();
    const std::string email = name + "@" + host_name();
    author_->environment = {{"GIT_AUTHOR_NAME", name},
                            {"GIT_AUTHOR_EMAIL", email},
                            {"GIT_COMMITTER_NAME", name},
                            {"GIT_COMMITTER_EMAIL", email}};
  }
  const auto sign = command.output("read git's configuration",
                                   {"config", "--type=bool", "--get", "commit.gpgsign"});
  author_->signs = sign && *sign == "true";
  return *author_;
}

base::Result<git::Oid> Backend::write_commit(const git::Oid& tree, const git::Oid& parent,
                                             const std::string& message,
                                             const std::optional<git::Signature>& written_by) {
  auto environment = author().environment;
  if (written_by) {
    environment["GIT_AUTHOR_NAME"] = written_by->name;
    environment["GIT_AUTHOR_EMAIL"] = written_by->email;
    environment["GIT_AUTHOR_DATE"] = git_date(*written_by);
  }
  std::vector<std::string> arguments = {"commit-tree", tree.str(), "-p", parent.str(), "-F", "-"};
  if (author().signs) arguments.push_back("-S");
  const bool ended = !message.empty() && message.back() == '\n';
  MCP_TRY(std::string oid, command.output("write the commit", std::move(arguments),
                                          ended ? message : message + "\n", environment));
  return git::Oid(std::move(oid));
}

base::Result<Push> Backend::push_to(const std::string& remote, const std::string& remote_branch,
                                    const git::Oid& commit) {
  const std::string doing = "push to " + remote_branch + " of " + setup.url;
  auto pushed =
      command.run({"push", "--porcelain", remote, commit.str() + ":refs/heads/" + remote_branch});
  if (pushed && pushed->ok()) return Push::kDone;
  const std::string reason = pushed ? rejection(pushed->out) : std::string();
  if (means_overtaken(reason)) return Push::kOvertaken;
  if (reason.empty()) {
    // Broken off: it may have arrived all the same.
    MCP_TRY(const bool landed, landed_anyway(commit));
    if (landed) return Push::kDone;
    if (!pushed) return pushed.error().within("cannot " + doing);
    return git_error(doing, *pushed);
  }
  const std::string words = remote_words(pushed->err);
  return base::make_error(Code::kDenied,
                          "cannot " + doing + ": " + reason + (words.empty() ? "" : "\n" + words));
}

base::Result<bool> Backend::landed_anyway(const git::Oid& commit) {
  if (!fetch()) return false;
  const auto newest = base();
  if (!newest) return false;
  const auto contained = setup.repository.contains(*newest, commit);
  return contained && *contained;
}

base::Result<std::string> Backend::apply(const ChangeRequest& request, const std::string& path,
                                         const std::string& text) const {
  return request.edit(below_folder(setup.folder, path).value_or(path), text);
}

base::Result<Draft> Backend::draft(const ChangeRequest& request, const git::Oid& base,
                                   const std::string& path) {
  MCP_TRY(const std::string committed, text_at(base, path));
  Draft draft;
  MCP_TRY(draft.text, apply(request, path, committed));
  return draft;
}

base::Result<std::string> Backend::path_for(const ChangeRequest& request, const git::Oid& base) {
  MCP_CHECK(reader_.read(setup.repository, base));
  if (!request.path.empty()) return request.path;
  if (const auto path = file_of(reader_.files(), request.service))
    return in_repository(setup.folder, *path);
  if (!setup.worktree.empty() && request.include_worktree_edits) {
    MCP_TRY(const DiskDefinitions disk, read_disk(setup.worktree, setup.folder));
    if (const auto path = file_of(disk.files, request.service))
      return in_repository(setup.folder, *path);
    return no_such_service(disk.files, request.service, setup.worktree.string());
  }
  return no_such_service(
      reader_.files(), request.service,
      setup.branch + " of " + (setup.url.empty() ? setup.worktree.string() : setup.url));
}

base::Result<Commit> Backend::attempt(const ChangeRequest& request, bool* overtaken) {
  MCP_TRY(const git::Oid base, this->base());
  Commit commit;
  MCP_TRY(commit.path, path_for(request, base));
  MCP_TRY(const Draft draft, this->draft(request, base, commit.path));
  if (const auto below = below_folder(setup.folder, commit.path))
    MCP_CHECK(check_change(reader_.files(), setup.folder, *below, draft.text));
  MCP_TRY(const std::string before, text_at(base, commit.path));
  if (draft.text == before) {
    commit.revision = base.str();
    return commit;
  }
  git::Change change{commit.path, std::nullopt};
  if (!draft.text.empty()) change.text = draft.text;
  MCP_TRY(const git::Oid tree, setup.repository.write_tree(base, {&change, 1}));
  MCP_TRY(const git::Oid oid, write_commit(tree, base, request.message, std::nullopt));
  MCP_TRY(const Push pushed, push(oid));
  *overtaken = pushed == Push::kOvertaken;
  if (*overtaken) return commit;
  MCP_CHECK(land(oid, commit.path, draft));
  commit.revision = oid.str();
  commit.changed = true;
  commit.pushed = pushed == Push::kDone;
  return commit;
}

base::Result<Commit> Backend::change(const ChangeRequest& request) {
  for (int retry = 0; retry <= kMaxRetries; ++retry) {
    if (retry > 0) step_aside(retry);
    MCP_CHECK(fetch());
    bool overtaken = false;
    MCP_TRY(Commit commit, attempt(request, &overtaken));
    commit.retries = retry;
    if (!overtaken) return commit;
  }
  return base::make_error(Code::kConflict,
                          "cannot push to " + setup.url + ": others were faster " +
                              std::to_string(kMaxRetries + 1) + " times",
                          "try again; nothing was changed");
}

}  // namespace controller
