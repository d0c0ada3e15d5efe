#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "controller/cli/environment.h"
#include "controller/fleet/fleet.h"

namespace controller {

// ~/.config/mcp/mcp.toml. Every key is optional.
struct Config {
  std::string file;  // where it was read; empty: there is none
  struct Services {
    std::string dir;  // definitions, inside a working tree of the desired-state repository
  } services;
  struct Mcias {
    std::string server_url;
    std::string ca_cert;
    std::string service_name = "mcp";
    std::vector<std::string> tags;
  } mcias;
  struct Oidc {
    std::string issuer;
    std::string client_id;
    std::string ca_cert;
    std::vector<std::string> scopes;  // empty: openid and profile
  } oidc;
  struct Auth {
    std::string token_path;
    std::string ca_file;  // whom to trust for agents at https addresses; empty: the system's CAs
  } auth;
  struct Repo {
    std::string url;   // used when there is no path
    std::string path;  // a working tree, or a bare repository
    std::string branch;
  } repo;
  std::vector<KnownNode> nodes;
};

// kInvalid: every problem on a line of its own, "file:line:column: key: what". "~/" at the start of
// a path is `home`.
base::Result<Config> parse_config(const std::string& file, std::string_view text,
                                  const std::string& home);

// MCP_CONFIG (which must exist), else <config home>/mcp/mcp.toml (which need not).
base::Result<Config> load_config(const Environment& environment);

}  // namespace controller
