#pragma once

#include <string>
#include <vector>

#include "controller/cli/gather.h"
#include "controller/cli/wait.h"

// The status of nodes as they report it to the repository ([source] report of the agent), for who
// has a way to the repository and none to the nodes.
namespace controller {

// What the nodes have reported, asked for now. A node that is expected to and has not is among the
// unreachable: of those that --node names, else of the nodes that the definitions at `revision` (or
// the newest) name, else none.
base::Result<Picture> picture_via_git(Session& session, const std::string& revision);

// wait_for(), asking the repository every few seconds.
base::Result<WaitOutcome> wait_via_git(Session& session, const Goal& goal, base::Millis limit,
                                       Progress& progress);

}  // namespace controller
