#include <algorithm>
#include <utility>

#include "base/core/text.h"
#include "controller/intent/backend.h"

namespace controller {
namespace {

// How far back a service is looked for that no newer tree defines.
constexpr size_t kMaxHistory = 5000;

std::string short_name(const git::Oid& oid) {
  return oid.str().substr(0, 12);
}

bool defines(const crds::DecodedFile& file, const ServiceName& service) {
  return std::ranges::any_of(file.services,
                             [&](const auto& located) { return located.value.name == service; });
}

}  // namespace

Backend::Backend(Setup given)
    : setup(std::move(given)),
      command(setup.repository.git_dir(), setup.timeout),
      reader_(setup.folder) {}

base::Result<git::Oid> Backend::resolve(std::string_view revision) const {
  if (revision.empty()) return head();
  auto found = setup.repository.resolve(revision);
  // A branch that only the remote has.
  if (!found && !setup.worktree.empty())
    if (auto remote = setup.repository.resolve("origin/" + std::string(revision))) return remote;
  return found;
}

base::Result<std::string> Backend::text_at(const git::Oid& commit, const std::string& path) const {
  const auto entry = setup.repository.find(commit, path);
  if (!entry && entry.error().code == base::Code::kNotFound) return std::string();
  if (!entry) return entry.error();
  if (entry->kind != git::Entry::Kind::kFile && entry->kind != git::Entry::Kind::kExecutable)
    return base::invalid(path + " is a symlink or submodule in the repository",
                         "commit the file itself");
  return setup.repository.read(entry->oid, crds::kMaxDefinitionBytes);
}

base::Result<Definitions> Backend::read(std::string_view revision) {
  MCP_TRY(const git::Oid commit, resolve(revision));
  MCP_CHECK(reader_.read(setup.repository, commit));
  Definitions out;
  out.revision = commit.str();
  out.tree = crds::check_tree(reader_.files());
  for (const auto& [path, file] : reader_.files()) {
    const std::string full = in_repository(setup.folder, path);
    // A file that is too large or no file has no text, only its problem.
    if (auto text = text_at(commit, full))
      out.files.emplace(full, std::move(*text));
    else if (text.error().code != base::Code::kInvalid)
      return std::move(text).error();
  }
  return out;
}

base::Result<Definitions> Backend::read_worktree() {
  if (setup.worktree.empty())
    return base::invalid(setup.url + " has no working tree", "clone it, and use the clone");
  MCP_TRY(DiskDefinitions disk, read_disk(setup.worktree, setup.folder));
  Definitions out;
  out.tree = crds::check_tree(disk.files);
  for (auto& [path, text] : disk.texts)
    out.files.emplace(in_repository(setup.folder, path), std::move(text));
  return out;
}

base::Result<DefinitionText> Backend::definition(const ServiceName& service,
                                                 std::string_view revision) {
  MCP_TRY(const git::Oid commit, resolve(revision));
  MCP_CHECK(reader_.read(setup.repository, commit));
  const auto path = file_of(reader_.files(), service);
  if (!path) return no_such_service(reader_.files(), service, "revision " + short_name(commit));
  DefinitionText out;
  out.path = in_repository(setup.folder, *path);
  MCP_TRY(out.text, text_at(commit, out.path));
  return out;
}

base::Result<std::optional<std::string>> Backend::path_in(const git::Oid& commit,
                                                          const ServiceName& service) {
  // A commit from before the folder was made defines nothing.
  const auto read = reader_.read(setup.repository, commit);
  if (!read && read.error().code == base::Code::kNotFound) return std::nullopt;
  if (!read) return read.error();
  const auto path = file_of(reader_.files(), service);
  if (!path) return std::nullopt;
  return in_repository(setup.folder, *path);
}

// The file that defined the service last, when the tree of `head` has it no more.
base::Result<std::optional<std::string>> Backend::removed_path(const git::Oid& head,
                                                               const ServiceName& service) {
  MCP_TRY(const auto commits, setup.repository.commits(git::Oid(), head, kMaxHistory));
  for (const git::CommitInfo& commit : commits) {
    if (commit.parents.empty()) continue;
    MCP_TRY(const auto changed, setup.repository.changed_paths(commit.parents[0], commit.oid));
    for (const std::string& path : changed) {
      const auto below = below_folder(setup.folder, path);
      if (!below || !crds::is_definition_path(*below)) continue;
      const auto text = text_at(commit.parents[0], path);
      if (text && defines(crds::decode_in_folder(setup.folder, *below, *text), service))
        return path;
    }
  }
  return std::nullopt;
}

base::Result<std::vector<HistoryEntry>> Backend::history(const ServiceName& service, size_t limit) {
  MCP_TRY(const git::Oid head, this->head());
  MCP_TRY(std::optional<std::string> path, path_in(head, service));
  if (!path) {
    MCP_TRY(path, removed_path(head, service));
  }
  if (!path) return no_such_service(reader_.files(), service, "the history of " + setup.branch);
  std::vector<std::string> paths = {*path};
  // A file that begins where the service was already defined elsewhere has been moved: both names
  // count. Each pass finds at most one more.
  for (;;) {
    std::vector<HistoryEntry> out;
    std::optional<git::Oid> began;
    const auto visit = [&](const git::CommitInfo& commit, const std::vector<std::string>& touched) {
      HistoryEntry entry{commit.oid.str(), touched.front(), commit.author.name, commit.author.time,
                         commit.subject()};
      entry.removed = std::ranges::none_of(touched, [&](const auto& file) {
        return setup.repository.find(commit.oid, file).has_value();
      });
      if (!entry.removed && !commit.parents.empty() &&
          std::ranges::none_of(paths, [&](const auto& file) {
            return setup.repository.find(commit.parents[0], file).has_value();
          }))
        began = commit.parents[0];
      out.push_back(std::move(entry));
      return out.size() < limit;
    };
    MCP_CHECK(setup.repository.log(head, paths, visit));
    if (!began) return out;
    MCP_TRY(const auto older, path_in(*began, service));
    if (!older || std::ranges::find(paths, *older) != paths.end()) return out;
    paths.push_back(*older);
  }
}

// A report is written by an agent alone and is a commit of its own: it is read, and never built on.
base::Result<std::map<std::string, NodeReport>> Backend::reports() {
  constexpr std::string_view kFolder = "refs/mcp/status/";
  constexpr size_t kMaxReport = 8 << 20;
  if (!remote().empty())
    MCP_CHECK(command.output(
        "fetch the nodes' reports from " + setup.url,
        {"fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", remote(),
         "+refs/mcp/status/*:refs/mcp/status/*"}));
  MCP_TRY(const std::string listed,
          command.output(
              "list the nodes' reports",
              {"for-each-ref", "--format=%(committerdate:unix) %(refname)", std::string(kFolder)}));
  std::map<std::string, NodeReport> out;
  for (const std::string& line : base::split(listed, '\n')) {
    const size_t space = line.find(' ');
    if (space == line.npos) continue;
    const std::string ref = line.substr(space + 1);
    MCP_TRY(const git::Oid commit, setup.repository.resolve(ref));
    MCP_TRY(const git::Entry file, setup.repository.find(commit, "status.json"));
    NodeReport& report = out[ref.substr(kFolder.size())];
    report.time = base::TimePoint(std::chrono::seconds(std::atoll(line.c_str())));
    MCP_TRY(report.document, setup.repository.read(file.oid, kMaxReport));
  }
  return out;
}

}  // namespace controller
