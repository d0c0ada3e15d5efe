#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"

namespace controller {

// Where an agent's API is.
struct AgentAddress {
  enum class Kind { kSocket, kSsh, kHttps };
  Kind kind = Kind::kSocket;
  std::string socket;  // path; with ssh on the other machine, empty: where agents listen by default
  std::string user;    // ssh alone; empty: as ssh decides
  std::string host;    // ssh: a name of ssh_config(5) is fine
  uint16_t port = 0;   // ssh: 0 is as ssh decides
};

// unix:///path or a bare absolute path, ssh://[user@]host[:port][/path], https://host[:port] (9444
// when not said) or host:port, which is https too. kInvalid for what is no address.
base::Result<AgentAddress> parse_address(std::string_view text);

// The sockets that an agent listens on by default, most likely first:
// $XDG_RUNTIME_DIR/mcp/agent.sock, /run/mcp/agent.sock, and <state directory>/mcp/agent.sock, where
// an agent listens that has neither. An empty directory is left out.
std::vector<std::string> default_sockets(std::string_view xdg_runtime_dir,
                                         std::string_view xdg_state_home);

}  // namespace controller
