#pragma once

#include <filesystem>
#include <mutex>

#include "base/git/remote.h"
#include "reconciler/ports.h"

namespace agent {

// Learns from what another node's agent reports to the repository ([source] report) whether a
// service is ready there. kUnknown: it reports nothing, or the repository cannot be asked. A report
// of another revision than the one in question is "not ready": a node that reports is waited for.
// From any thread; calls take turns, and each ends within the remote's timeout.
class ReportWitness : public reconciler::Peers {
 public:
  // `scratch`: a folder that is made anew for each answer, so that nothing piles up.
  ReportWitness(base::git::Remote remote, std::filesystem::path scratch)
      : remote_(std::move(remote)), scratch_(std::move(scratch)) {}
  reconciler::PeerAnswer ask(const reconciler::PeerQuestion& question) override;

 private:
  base::Result<std::string> report_of(const reconciler::NodeName& node) const;

  const base::git::Remote remote_;
  const std::filesystem::path scratch_;
  std::mutex mutex_;
};

}  // namespace agent
