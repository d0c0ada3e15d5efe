#include <csignal>
#include <string>
#include <vector>

#include "base/version/version.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/run.h"

int main(int argc, char** argv) {
  // A socket or pipe whose reader has gone is an error of the write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<controller::Command> commands = controller::all_commands();
  return controller::run(commands, std::vector<std::string>(argv + 1, argv + argc),
                         controller::process_terminal(), controller::Environment::of_process(),
                         std::string(base::version()));
}
