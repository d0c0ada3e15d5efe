#pragma once

#include <string>
#include <vector>

#include "base/core/result.h"

namespace agent {

// `mcp-agent stdio`: joins standard input and output with the API's socket, the first of `sockets`
// that an agent answers on, until the agent ends the connection. This is how the CLI speaks through
// ssh. Does not come back to a process that goes on: the input may still be waited for.
base::Result<> join_stdio(const std::vector<std::string>& sockets);

}  // namespace agent
