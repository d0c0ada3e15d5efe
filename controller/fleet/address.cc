#include "controller/fleet/address.h"

#include <algorithm>
#include <charconv>

namespace controller {
namespace {

constexpr uint16_t kAgentPort = 9444;
constexpr size_t kLongestSocketPath = 107;  // unix(7): sun_path is 108 bytes with its end

// Nothing that a shell, or an option parser, could read as more than a name.
bool is_name(std::string_view text, std::string_view also) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           also.find(c) != also.npos;
  });
}

// Takes "host", "host:port" or "[address]:port" apart. False: it is none of these.
bool take_host(std::string_view text, AgentAddress& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == text.npos || !is_name(text.substr(1, end - 1), ".:%")) return false;
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    if (!is_name(text.substr(0, colon), "._-")) return false;
    address.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (port.empty()) return true;
  const char* end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data() + 1, end, address.port);
  return error == std::errc() && stop == end && address.port > 0;
}

}  // namespace

base::Result<AgentAddress> parse_address(std::string_view text) {
  const base::Error wrong =
      base::invalid("'" + std::string(text) + "' is not an agent address",
                    "unix:///path/agent.sock, https://host:9444 or ssh://user@host");
  AgentAddress address;
  if (text.starts_with('/') || text.starts_with("unix:///")) {
    address.socket = text.substr(text.find('/', text.starts_with('/') ? 0 : 7));
    if (address.socket.size() > kLongestSocketPath)
      return base::invalid("the agent address '" + std::string(text) + "' is too long for a socket",
                           "a Unix socket's path has at most 107 bytes");
    return address;
  }
  const bool https = text.starts_with("https://");
  if (https || (text.find("://") == text.npos && text.find(':') != text.npos)) {
    address.kind = AgentAddress::Kind::kHttps;
    address.port = kAgentPort;
    if (https) text.remove_prefix(8);
    if (text.ends_with('/')) text.remove_suffix(1);
    if (!take_host(text, address)) return wrong;
    return address;
  }
  if (!text.starts_with("ssh://")) return wrong;
  address.kind = AgentAddress::Kind::kSsh;
  text.remove_prefix(6);
  if (const size_t slash = text.find('/'); slash != text.npos) {
    if (slash + 1 < text.size()) address.socket = text.substr(slash);
    text = text.substr(0, slash);
  }
  if (const size_t at = text.rfind('@'); at != text.npos) {
    if (!is_name(text.substr(0, at), "._-")) return wrong;
    address.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  if (!take_host(text, address) || (!address.socket.empty() && !is_name(address.socket, "/._-")))
    return wrong;
  return address;
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
