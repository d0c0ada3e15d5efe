#pragma once

#include <span>
#include <string>

#include "controller/cli/command.h"

namespace controller {

// What `mcp COMMAND --help` prints.
std::string command_help(const Command& command);

// What `mcp --help` prints, or `mcp GROUP --help`.
std::string program_help(std::span<const Command> commands, const std::string& group);

}  // namespace controller
