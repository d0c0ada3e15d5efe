#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/api/documents.h"
#include "crds/decode.h"
#include "reconciler/ports.h"

// The bodies of requests (docs/api.md). What cannot be read is kInvalid and says which member is to
// blame; a member that is not known is an error, for what is sent is what is meant.
namespace agent {

using Tree = std::map<std::string, crds::DecodedFile>;  // by path

// {"files": {path: text}}; paths that are no definitions are passed over.
base::Result<Tree> read_tree(const std::string& body);

// A tree as if it had been fetched, of the revision that `now` is of.
reconciler::Snapshot snapshot_of(const Tree& files, const reconciler::Desired& now);

// {"allowPrune": bool}, or nothing.
base::Result<bool> read_sync(const std::string& body);

struct AdoptionBody {
  std::map<std::string, reconciler::ContainerId> components;  // by name; one at least
  Tree files;
};
// {"components": {component: container id}, "files": {path: text}}. Nothing: only a proposal is
// asked for.
base::Result<std::optional<AdoptionBody>> read_adoption(const std::string& body);

}  // namespace agent
