#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/core/text.h"
#include "base/git/remote.h"
#include "controller/intent/backend.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

fs::path cache_folder(const RepositoryOptions& options) {
  if (!options.cache_dir.empty()) return options.cache_dir;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return fs::path(cache) / "mcp" / "repos";
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr ? "/tmp" : home) / ".cache" / "mcp" / "repos";
}

// Commands that run at the same time share one mirror.
class MirrorLock {
 public:
  explicit MirrorLock(const fs::path& mirror)
      : descriptor_(open((mirror / "mcp.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    if (descriptor_ >= 0) flock(descriptor_, LOCK_EX);
  }
  ~MirrorLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MirrorLock(const MirrorLock&) = delete;
  MirrorLock& operator=(const MirrorLock&) = delete;

 private:
  int descriptor_;
};

class Mirror : public Backend {
 public:
  Mirror(Setup setup, std::string remote) : Backend(std::move(setup)), remote_(std::move(remote)) {}

  base::Result<> fetch() override {
    const MirrorLock lock(setup.repository.git_dir());
    MCP_CHECK(command.output("fetch from " + setup.url,
                             {"fetch", "--quiet", "--prune", "--force", "--no-write-fetch-head",
                              remote_, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}));
    MCP_CHECK(choose_branch());
    MCP_CHECK(head());
    return {};
  }

  base::Result<git::Oid> head() const override {
    auto found = setup.repository.resolve("refs/heads/" + setup.branch);
    if (!found && found.error().code == base::Code::kNotFound)
      return base::not_found("there is no branch '" + setup.branch + "' in " + setup.url,
                             "push a first commit to it, or set [repo] branch");
    return found;
  }

  base::Result<git::Oid> base() override { return head(); }
  const std::string& remote() const override { return remote_; }

  base::Result<Push> push(const git::Oid& commit) override {
    return push_to(remote_, setup.branch, commit);
  }

  base::Result<> land(const git::Oid& commit, const std::string&, const Draft&) override {
    const MirrorLock lock(setup.repository.git_dir());
    return setup.repository.set_ref("refs/heads/" + setup.branch, commit, "mcp");
  }

 private:
  // Without a branch in the options it is the one that the remote's HEAD names; the mirror's own
  // HEAD remembers it.
  base::Result<> choose_branch() {
    if (!setup.branch.empty()) return {};
    MCP_TRY(const std::string said, command.output("ask " + setup.url + " for its branch",
                                                   {"ls-remote", "--symref", remote_, "HEAD"}));
    constexpr std::string_view kHead = "ref: refs/heads/";
    setup.branch = said.starts_with(kHead)
                       ? said.substr(kHead.size(), said.find('\t') - kHead.size())
                       : "main";
    MCP_CHECK(
        command.output("note the branch", {"symbolic-ref", "HEAD", "refs/heads/" + setup.branch}));
    MCP_CHECK(command.output("note the branch", {"config", "mcp.branch", setup.branch}));
    return {};
  }

  const std::string remote_;  // with a password, should the URL have one
};

base::Result<git::Repository> open_or_make(const fs::path& folder) {
  std::error_code failed;
  if (fs::exists(folder, failed)) {
    if (auto opened = git::Repository::open(folder)) return opened;
    fs::remove_all(folder, failed);
  }
  return git::Repository::create_bare(folder);
}

}  // namespace

base::Result<std::unique_ptr<Backend>> open_mirror(const RepositoryOptions& options,
                                                   const std::string& url) {
  const fs::path folder = cache_folder(options) / (base::sha256_hex(url).substr(0, 32) + ".git");
  MCP_TRY(git::Repository repository, open_or_make(folder));
  auto mirror = std::make_unique<Mirror>(Backend::Setup{std::move(repository),
                                                        options.branch,
                                                        options.path,
                                                        git::printable_url(url),
                                                        {},
                                                        options.timeout},
                                         url);
  if (mirror->setup.branch.empty()) mirror->setup.branch = mirror->command.config("mcp.branch");
  if (mirror->setup.branch.empty() || !mirror->head()) MCP_CHECK(mirror->fetch());
  return std::unique_ptr<Backend>(std::move(mirror));
}

}  // namespace controller
