#include "controller/fleet/address.h"

namespace controller {

base::Result<AgentAddress> parse_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix://";
  constexpr size_t kLongestSocketPath = 107;  // unix(7): sun_path is 108 bytes with its end
  const std::string_view path = text.starts_with(kUnix) ? text.substr(kUnix.size()) : text;
  if (path.starts_with('/')) {
    if (path.size() > kLongestSocketPath)
      return base::invalid("the agent address '" + std::string(text) + "' is too long for a socket",
                           "a Unix socket's path has at most 107 bytes");
    return AgentAddress{std::string(path)};
  }
  const std::string quoted = "'" + std::string(text) + "'";
  if (text.starts_with("ssh://"))
    return base::unavailable(
        "cannot reach the agent at " + quoted + ": ssh addresses are not supported yet",
        "run mcp on that node, or forward its socket: ssh -L /tmp/agent.sock:/run/mcp/agent.sock "
        "HOST, then MCP_AGENT=unix:///tmp/agent.sock");
  if (text.starts_with("https://") ||
      (text.find("://") == text.npos && text.find(':') != text.npos))
    return base::unavailable(
        "cannot reach the agent at " + quoted + ": https addresses are not supported yet",
        "run mcp on that node, or forward its socket: ssh -L /tmp/agent.sock:/run/mcp/agent.sock "
        "HOST, then MCP_AGENT=unix:///tmp/agent.sock");
  return base::invalid(quoted + " is not an agent address",
                       "unix:///path/agent.sock, https://host:9444 or ssh://user@host");
}

std::vector<std::string> default_sockets(std::string_view xdg_runtime_dir,
                                         std::string_view xdg_state_home) {
  std::vector<std::string> sockets;
  if (!xdg_runtime_dir.empty()) sockets.push_back(std::string(xdg_runtime_dir) + "/mcp/agent.sock");
  sockets.push_back("/run/mcp/agent.sock");
  if (!xdg_state_home.empty()) sockets.push_back(std::string(xdg_state_home) + "/mcp/agent.sock");
  return sockets;
}

}  // namespace controller
