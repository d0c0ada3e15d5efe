#pragma once

#include <filesystem>

#include "base/git/remote.h"
#include "reconciler/ports.h"

namespace agent {

// The ref that a node's report is kept at: no branch, so that nobody checks it out or builds it.
std::string report_ref(const reconciler::NodeName& node);

// Pushes each document as `status.json` of a commit without parents to report_ref() of the remote,
// over whatever is there. Uses a repository of its own, made anew each time, so that nothing piles
// up and fetching is not disturbed. Errors are those of base::git::push. One call at a time.
class GitOutbox : public reconciler::Outbox {
 public:
  GitOutbox(base::git::Remote remote, reconciler::NodeName node, std::filesystem::path scratch);
  base::Result<> publish(const std::string& document) override;

 private:
  const base::git::Remote remote_;
  const reconciler::NodeName node_;
  const std::filesystem::path scratch_;
};

}  // namespace agent
