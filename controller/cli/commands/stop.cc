#include <memory>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {

Command stop_command() {
  struct Options {
    std::string service;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = "stop",
      .summary = "Commit that a service shall not run, and wait until it has stopped",
      .details = "Sets `active = false`. The definition stays; `mcp start` undoes it.",
      .example = "mcp stop web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it has stopped (default)"}},
      .run = [options](Session& session) -> Outcome {
        const ServiceName service(options->service);
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = "stop " + options->service;
        intent.change.edit = [service](std::string_view path, std::string_view text) {
          return crds::set_active(path, text, service, false);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace controller
