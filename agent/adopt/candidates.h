#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "reconciler/model.h"

// Which of a node's containers belong to a service that MCP does not have yet.
namespace agent {

struct Candidate {
  reconciler::ContainerId id;
  std::string name;
  std::string image_id;
  std::string component;         // what to call it: a DNS label, one of its own
  std::string state;             // "running"
  base::TimePoint started_at{};  // zero: not known
  std::string pod;               // name of its pod; empty: none
  std::string unit;              // systemd unit that made it; empty: none
  std::string project;           // of compose; empty: none
};

struct Candidates {
  std::vector<Candidate> found;
  std::vector<std::string> others;  // names of those that are nobody's and do not belong to it
};

// From podman's list (RuntimeDocuments::containers_document). A container belongs to `service`:
// - of a compose project, pod or systemd unit of that name ("service-x.service" too);
// - of none of them, when it is called so, or with '-', '_' or '.' and something after it;
// - when nothing else does: of a compose service of that name.
// `ours` are left out, and pods' own (infra) containers. Pure.
base::Result<Candidates> find_candidates(const std::string& list, const std::string& service,
                                         const std::set<reconciler::ContainerId>& ours);

}  // namespace agent
