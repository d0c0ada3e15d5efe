#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/adopt/candidates.h"
#include "agent/adopt/component.h"
#include "agent/view/documents.h"

// What `mcp adopt` shows: the definition of what runs already.
namespace agent {

struct ProposedPart {
  Candidate container;
  std::vector<Loss> losses;
};

// Somebody else who starts and stops these containers, and would go on doing so.
struct Manager {
  std::string kind;    // systemd | compose | pod | podman
  std::string name;    // of the unit, project or pod; of the container for podman
  std::string advice;  // what to do, and when
  friend bool operator==(const Manager&, const Manager&) = default;
};

struct LeftOut {
  std::string container;
  std::string why;
};

struct Proposal {
  crds::Service definition;         // components in the order of `parts`; empty: nothing was found
  std::vector<ProposedPart> parts;  // one a component
  std::vector<LeftOut> left_out;    // belong to it, and cannot be adopted
  std::vector<Manager> managers;
  std::vector<std::string> others;  // see Candidates
};

// Changes nothing. An error: podman does not answer, or cannot be understood.
base::Result<Proposal> propose(const crds::ServiceName& service, const crds::NodeName& node,
                               const crds::Fleet& fleet,
                               const std::set<reconciler::ContainerId>& ours,
                               RuntimeDocuments& podman);

}  // namespace agent
