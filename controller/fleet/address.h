#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"

namespace controller {

// Where an agent's API is. `unix:///path` and a bare absolute path name a Unix socket.
struct AgentAddress {
  std::string socket;
};

// kInvalid for what is no address; https://, ssh:// and host:port are addresses that this version
// cannot reach yet, and the error says so.
base::Result<AgentAddress> parse_address(std::string_view text);

// The sockets that an agent listens on by default, most likely first:
// $XDG_RUNTIME_DIR/mcp/agent.sock, /run/mcp/agent.sock, and <state directory>/mcp/agent.sock, where
// an agent listens that has neither. An empty directory is left out.
std::vector<std::string> default_sockets(std::string_view xdg_runtime_dir,
                                         std::string_view xdg_state_home);

}  // namespace controller
