#pragma once

#include <vector>

#include "base/git/types.h"

namespace agent {

// How many removals these commits approve: the sum of their trailers `Mcp-Approve-Prune: <n>`, or
// INT_MAX where it is more. What is no number approves nothing.
int approvals_in(const std::vector<base::git::CommitInfo>& commits);

}  // namespace agent
