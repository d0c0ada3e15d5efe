#include "agent/source/git_source.h"

#include <algorithm>
#include <utility>

#include "agent/source/approvals.h"

namespace agent {
namespace {

namespace git = base::git;

// A longer way from one snapshot to the next is cut off: approvals that old are not meant for it.
constexpr size_t kMaxCommits = 1000;
// Every fetch leaves a pack behind; reading looks into each of them.
constexpr size_t kMaxPacks = 50;
// Of the mirror: the last commit that was believed.
constexpr char kBelieved[] = "refs/mcp/believed";

}  // namespace

GitSource::GitSource(GitSourceConfig config, std::map<crds::ServiceName, crds::Service> last_good)
    : config_(std::move(config)),
      mirror_path_(config_.mirror_dir / "source.git"),
      reader_(config_.path),
      counted_(config_.since.str()),
      last_good_(std::move(last_good)),
      data_(config_.path) {}

base::Result<> GitSource::open_mirror() {
  if (mirror_) return {};
  std::error_code failed;
  if (std::filesystem::exists(mirror_path_, failed)) {
    if (auto opened = git::Repository::open(mirror_path_)) {
      mirror_.emplace(std::move(*opened));
      return {};
    }
    MCP_CHECK(set_mirror_aside());
  }
  MCP_TRY(git::Repository made, git::Repository::create_bare(mirror_path_));
  mirror_.emplace(std::move(made));
  return {};
}

base::Result<> GitSource::set_mirror_aside() {
  mirror_.reset();
  const std::filesystem::path aside = mirror_path_.string() + ".corrupt";
  std::error_code failed;
  std::filesystem::remove_all(aside, failed);
  std::filesystem::rename(mirror_path_, aside, failed);
  if (failed)
    return base::make_error(base::Code::kCorrupt,
                            "cannot read the mirror " + mirror_path_.string() +
                                ", nor set it aside: " + failed.message(),
                            "remove it; it will be fetched anew");
  return {};
}

base::Result<std::optional<git::Oid>> GitSource::advance() {
  MCP_CHECK(open_mirror());
  const git::Oid known = held_ ? git::Oid(held_->revision.str()) : last_;
  MCP_TRY(const git::Oid head, git::fetch(*mirror_, config_.remote, config_.branch, known));
  if (const auto info = mirror_->commit(head)) newest_commit_ = info->committed;
  if (head == last_) {
    held_.reset();
    return std::nullopt;
  }
  MCP_TRY(const bool good, believed(head));
  if (!good) return std::nullopt;
  const auto read = reader_.read(*mirror_, head);
  vanished_.reset();
  if (!read && read.error().code == base::Code::kNotFound && !counted_.empty()) {
    MCP_TRY(const bool there, mirror_->has(head, config_.path));
    if (!there) vanished_ = read.error();
  }
  if (!read && !vanished_) return read.error();
  return head;
}

base::Result<bool> GitSource::believed(const git::Oid& head) {
  if (config_.verify.mode == VerifyConfig::Mode::kOff) return true;
  const std::string signers = signers_version(config_.verify);
  if (held_ && held_->revision.str() == head.str() && held_under_ == signers) return false;
  held_.reset();
  if (const auto before = mirror_->resolve(kBelieved); before && *before == head) return true;
  if (const auto signer = verify_commit(*mirror_, head, config_.verify); !signer) {
    if (signer.error().code == base::Code::kCorrupt) return signer.error();
    held_ = {reconciler::Revision(head.str()), signer.error()};
    // What could not be found out is asked again.
    held_under_ = signer.error().code == base::Code::kDenied ? signers : std::string();
    return false;
  }
  // Where it cannot be written down, it is verified again.
  static_cast<void>(mirror_->set_ref(kBelieved, head, "verified"));
  return true;
}

std::optional<reconciler::HeldCommit> GitSource::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::optional<base::TimePoint> GitSource::newest_commit() const {
  const std::lock_guard lock(mutex_);
  return newest_commit_;
}

size_t GitSource::decoded() const {
  const std::lock_guard lock(mutex_);
  return reader_.decoded();
}

base::Result<int> GitSource::approved_removals(const git::Oid& head) const {
  // Without the commit to count from, every approval there ever was would count: none does, and
  // the removals are held until somebody approves them again.
  if (counted_.empty() || !mirror_->commit(counted_)) return 0;
  MCP_TRY(const auto commits, mirror_->commits(counted_, head, kMaxCommits));
  return approvals_in(commits);
}

crds::Tree GitSource::check() {
  crds::Tree tree = crds::check_tree(reader_.files(), last_good_);
  std::erase_if(last_good_, [&](const auto& known) { return !tree.broken.contains(known.first); });
  for (const auto& [name, service] : tree.services)
    last_good_.insert_or_assign(name, service.value);
  return tree;
}

base::Result<std::map<crds::ServiceName, crds::NodeName>> GitSource::data_nodes(
    const crds::Tree& tree, const git::Oid& head) {
  const bool data =
      std::any_of(tree.services.begin(), tree.services.end(),
                  [](const auto& service) { return reconciler::keeps_data(service.second.value); });
  if (!data) return {};
  return data_.at(*mirror_, head);
}

base::Result<std::optional<reconciler::Snapshot>> GitSource::poll() {
  const std::lock_guard lock(mutex_);
  auto head = advance();
  if (!head && head.error().code == base::Code::kCorrupt) {
    MCP_CHECK(set_mirror_aside());
    head = advance();
  }
  if (!head) return std::move(head).error();
  if (!*head) return std::nullopt;
  MCP_TRY(const int approved, approved_removals(**head));
  // As an emptied tree: what to do about it is the prune guard's.
  crds::Tree tree = vanished_ ? crds::Tree{} : check();
  if (vanished_)
    tree.problems.push_back({{config_.path, 1, 1},
                             "",
                             vanished_->message,
                             "bring the folder back, or correct [source] path of the agent"});
  MCP_TRY(auto data, data_nodes(tree, **head));
  last_ = counted_ = **head;
  if (auto packs = mirror_->pack_count(); packs > kMaxPacks) {
    // Housekeeping: what fails here is tried again after the next fetch.
    if (mirror_->repack("refs/heads/" + config_.branch)) mirror_.reset();
  }
  return reconciler::Snapshot{reconciler::Revision(last_.str()), std::move(tree), approved,
                              std::move(data)};
}

}  // namespace agent
