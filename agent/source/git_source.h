#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/source/data_history.h"
#include "agent/source/verify.h"
#include "base/git/remote.h"
#include "crds/git/definitions.h"
#include "reconciler/ports.h"

// SOURCE: the branch of a git repository that this node follows.
namespace agent {

struct GitSourceConfig {
  base::git::Remote remote;
  std::string branch = "main";
  std::string path;  // folder with the definitions; empty: the repository's root
  // A bare mirror is kept in <mirror_dir>/source.git. It can be thrown away at any time.
  std::filesystem::path mirror_dir;
  // The revision that was in force before a restart: approvals of removals count from there. None
  // counts when it is empty, or gone from the repository.
  reconciler::Revision since;
  VerifyConfig verify = {};
};

// Polling an unchanged branch asks the remote for its branches and does nothing else. A change is
// fetched into the mirror, and only files that are new or different are decoded. A mirror that
// cannot be read is renamed to source.git.corrupt and fetched anew.
//
// With `verify` a head whose signature is not believed is fetched and not read: poll() gives none,
// held() says why, and what was given last stays. One that was believed is not looked at again, nor
// after a restart; one that was not, when the file of signers has changed.
//
// Otherwise the first poll of an object gives a snapshot whenever the remote answers. Errors are
// those of base::git::fetch, and kNotFound when the folder is not in the tree; a folder without any
// definition is a snapshot with an empty tree. A poll ends within the remote's timeout and the time
// it takes to read local files. From any thread; calls take turns.
class GitSource : public reconciler::Source {
 public:
  // `last_good`: what was in force before a restart. Of two services that claim the same port or
  // name, the one that has it keeps it, whichever file sorts first.
  explicit GitSource(GitSourceConfig config,
                     std::map<crds::ServiceName, crds::Service> last_good = {});
  base::Result<std::optional<reconciler::Snapshot>> poll() override;
  std::optional<reconciler::HeldCommit> held() const override;
  std::optional<base::TimePoint> newest_commit() const override;
  // How many files were decoded for the last snapshot.
  size_t decoded() const;

 private:
  base::Result<> open_mirror();
  base::Result<> set_mirror_aside();
  // Notes in held_ why the commit is not believed. True: it is.
  base::Result<bool> believed(const base::git::Oid& head);
  // The branch's head when it is not `last_` and is believed, with everything in the mirror and in
  // reader_.
  base::Result<std::optional<base::git::Oid>> advance();
  base::Result<int> approved_removals(const base::git::Oid& head) const;
  crds::Tree check();
  // Empty where no service keeps any.
  base::Result<std::map<crds::ServiceName, crds::NodeName>> data_nodes(const crds::Tree& tree,
                                                                       const base::git::Oid& head);

  const GitSourceConfig config_;
  const std::filesystem::path mirror_path_;
  mutable std::mutex mutex_;
  std::optional<base::git::Repository> mirror_;
  crds::DefinitionReader reader_;
  // The commit read last has no [source] path, and an earlier one had it.
  std::optional<base::Error> vanished_;
  base::git::Oid last_;     // of the last snapshot; empty: none yet
  base::git::Oid counted_;  // approvals up to here have been handed out
  std::map<crds::ServiceName, crds::Service> last_good_;
  DataHistory data_;
  std::optional<reconciler::HeldCommit> held_;
  std::string held_under_;  // the signers that it was held against
  std::optional<base::TimePoint> newest_commit_;
};

}  // namespace agent
