#include "controller/intent/repository.h"

#include <utility>

#include "base/git/repository.h"
#include "controller/intent/backend.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

// A name of something elsewhere: scheme://..., or user@host:path.
bool is_url(const std::string& spec) {
  const size_t colon = spec.find(':');
  return spec.find("://") != std::string::npos ||
         (colon != std::string::npos && spec.find('/') > colon);
}

}  // namespace

Edit create_file(std::string text) {
  return [text = std::move(text)](std::string_view path,
                                  std::string_view now) -> base::Result<std::string> {
    if (!now.empty() && now != text)
      return base::make_error(base::Code::kConflict, std::string(path) + " is there already");
    return text;
  };
}

Edit replace_text(std::string before, std::string after) {
  return [before = std::move(before), after = std::move(after)](
             std::string_view path, std::string_view now) -> base::Result<std::string> {
    if (now == before) return after;
    auto merged = base::git::merge_text(before, now, after);
    if (!merged)
      return base::make_error(
          base::Code::kConflict,
          std::string(path) + " has changed meanwhile, in the same lines as your edit",
          "look at the newest text and edit that");
    return merged;
  };
}

Repository::Repository(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}
Repository::Repository(Repository&&) noexcept = default;
Repository& Repository::operator=(Repository&&) noexcept = default;
Repository::~Repository() = default;

base::Result<Repository> Repository::open(const RepositoryOptions& options) {
  std::error_code failed;
  if (options.spec.empty())
    return base::invalid("no repository is given", "set --repo, MCP_REPO or [repo] url");
  if (fs::is_directory(options.spec, failed)) {
    auto found = base::git::Repository::discover(options.spec);
    if (!found)
      return base::not_found(options.spec + " is not in a git repository",
                             "mcp init " + options.spec + " makes one");
    if (!found->is_bare()) {
      MCP_TRY(auto backend, open_worktree(options, std::move(*found)));
      return Repository(std::move(backend));
    }
    MCP_TRY(auto backend, open_mirror(options, fs::canonical(found->git_dir(), failed).string()));
    return Repository(std::move(backend));
  }
  if (!is_url(options.spec))
    return base::not_found("there is no folder " + options.spec,
                           "--repo takes a working tree, a bare repository or a URL");
  MCP_TRY(auto backend, open_mirror(options, options.spec));
  return Repository(std::move(backend));
}

const std::string& Repository::branch() const {
  return backend_->setup.branch;
}
const std::string& Repository::path() const {
  return backend_->setup.folder;
}
const std::string& Repository::url() const {
  return backend_->setup.url;
}
const fs::path& Repository::worktree() const {
  return backend_->setup.worktree;
}

base::Result<> Repository::refresh() {
  return backend_->fetch();
}

base::Result<std::string> Repository::head() const {
  MCP_TRY(const git::Oid head, backend_->head());
  return head.str();
}

base::Result<std::string> Repository::resolve(std::string_view revision) const {
  MCP_TRY(const git::Oid found, backend_->resolve(revision));
  return found.str();
}

base::Result<bool> Repository::contains(std::string_view revision,
                                        std::string_view ancestor) const {
  const auto newer = backend_->resolve(revision);
  const auto older = backend_->resolve(ancestor);
  if (!newer || !older) return false;
  return backend_->setup.repository.contains(*newer, *older);
}

base::Result<Definitions> Repository::read(std::string_view revision) const {
  return backend_->read(revision);
}

base::Result<Definitions> Repository::read_worktree() const {
  return backend_->read_worktree();
}

base::Result<DefinitionText> Repository::definition(const ServiceName& service,
                                                    std::string_view revision) const {
  return backend_->definition(service, revision);
}

base::Result<std::vector<HistoryEntry>> Repository::history(const ServiceName& service,
                                                            size_t limit) const {
  return backend_->history(service, limit);
}

base::Result<std::map<std::string, NodeReport>> Repository::reports() {
  return backend_->reports();
}

base::Result<Commit> Repository::change(const ChangeRequest& request) {
  return backend_->change(request);
}

}  // namespace controller
