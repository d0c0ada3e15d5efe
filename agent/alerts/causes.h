#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/view/alerts.h"
#include "agent/view/view.h"

namespace agent {

// A file system that the node cannot do without.
struct DiskFact {
  std::string path;         // a folder on it
  std::string purpose;      // "the registry", "podman's images and containers"
  uint64_t free_bytes = 0;  // for those who are not root
  uint64_t total_bytes = 0;
};

struct CertificateFact {
  std::string file;
  base::TimePoint until{};
};

// What the node says of itself, beyond podman and mc-proxy.
struct NodeFacts {
  std::vector<DiskFact> disks;
  std::optional<CertificateFact> certificate;  // of the agent's own listener
};

// All that alerts are derived from. Refers to what the loop holds.
struct Situation {
  const reconciler::Desired& desired;
  const reconciler::Observed& observed;
  const reconciler::Memory& memory;
  const SourceState& source;
  const std::string& report_error;  // why the last report could not be published; empty: it was
  bool planned = false;             // the conditions are of this run of the agent
  // Of the alerts' own: null and empty where nothing has been looked at yet.
  const NodeFacts* facts = nullptr;
  std::vector<ReceiverState> receivers = {};
};

struct CauseOptions {
  base::Millis certificate_warning = std::chrono::days(14);
  base::Millis certificate_critical = std::chrono::days(3);
  int disk_percent_warning = 10;  // of space that is left
  int disk_percent_critical = 5;
};

// What holds now: each with `since` where that is known, else zero.
struct Causes {
  std::vector<Alert> holding;
  // Kinds of which nothing can be said now: what was said of them stays.
  std::set<std::string_view> unknown;
};

// Pure. One alert a cause: what follows from another alert's cause is none of its own.
Causes causes_of(const Situation& situation, const CauseOptions& options, base::TimePoint now);

}  // namespace agent
