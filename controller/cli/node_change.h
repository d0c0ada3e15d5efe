#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/cli/session.h"
#include "controller/cli/wait.h"
#include "reconciler/model.h"

// A wish about a node that becomes a commit.
namespace controller {

// The definitions as the repository has them now, after a fetch.
base::Result<Definitions> current_definitions(Session& session);

// The file of a node. kNotFound names the nearest node.
base::Result<std::string> node_path(const Definitions& definitions, const std::string& node);

// Commits and pushes, and says so. Then asks every agent to fetch; `goal` gets the syncs, and those
// that could not be asked are warned of (exit code 7) and named in `unreached`.
struct NodeCommit {
  Commit commit;
  Goal goal;
  std::vector<std::string> unreached;
};
base::Result<NodeCommit> commit_node(Session& session, const ChangeRequest& change);

// {node, revision, path, changed, pushed}
Json node_document(const std::string& node, const NodeCommit& done);

// What has to do with a node, by the definitions alone.
struct NodeUse {
  std::vector<std::string> pinned;  // services that name it
  std::vector<std::string> edges;   // services of which it is the edge
  struct Placed {
    std::string service;
    std::string next;  // the node that has it when this one takes none; empty: none matches
    bool data = false;
  };
  std::vector<Placed> placed;  // services that it has, or would have were it schedulable
};
NodeUse use_of(const Definitions& definitions, const std::string& node);

}  // namespace controller
