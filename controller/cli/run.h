#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/cli/command.h"
#include "controller/cli/environment.h"
#include "controller/cli/terminal.h"

namespace controller {

// A whole run of `mcp`: parses, runs the command, prints its failure. Returns the exit code.
int run(std::span<const Command> commands, const std::vector<std::string>& args,
        const Terminal& terminal, const Environment& environment, std::string version);

}  // namespace controller
