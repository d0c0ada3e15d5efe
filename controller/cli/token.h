#pragma once

#include <filesystem>
#include <string>

#include "base/core/result.h"
#include "controller/cli/config.h"
#include "controller/cli/environment.h"

// The token of whoever uses this machine: what `mcp login` got, shown to agents at https addresses.
namespace controller {

// [auth] token_path, else <config home>/mcp/token.
std::filesystem::path token_path(const Environment& environment, const Config& config);

// MCP_TOKEN, else the file. Empty: there is none, or what is there cannot be a token.
std::string current_token(const Environment& environment, const Config& config);

// Mode 0600 whatever the umask and the file before it; as a whole or not at all. Missing folders
// are made with mode 0700.
base::Result<> store_token(const std::filesystem::path& path, const std::string& token);

}  // namespace controller
