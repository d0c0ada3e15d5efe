#include <memory>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {

Command undeploy_command() {
  struct Options {
    std::string service;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = "undeploy",
      .summary = "Commit that a service is gone, and wait until its containers are",
      .details =
          "Removes the definition from the repository. The commit carries the trailer\n"
          "Mcp-Approve-Prune, so that the guard against mass removal lets it pass. Data in\n"
          "volumes stays; `mcp rollback` brings the definition back.",
      .example = "mcp undeploy web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it is gone (default)"}},
      .run = [options](Session& session) -> Outcome {
        const ServiceName service(options->service);
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.removed = true;
        intent.change.service = service;
        intent.change.message = "undeploy " + options->service + "\n\nMcp-Approve-Prune: 1\n";
        intent.change.edit = [service](std::string_view path, std::string_view text) {
          return crds::remove_service(path, text, service);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace controller
