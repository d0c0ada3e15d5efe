#include <chrono>
#include <memory>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {

Command restart_command() {
  struct Options {
    std::string service;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = "restart",
      .summary = "Commit that a service shall start anew, and wait until it is Ready",
      .details =
          "Sets `restarted_at` to the present time: every container of the service is made anew.",
      .example = "mcp restart web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) -> Outcome {
        const ServiceName service(options->service);
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = "restart " + options->service;
        intent.change.edit = [service, now](std::string_view path, std::string_view text) {
          return crds::set_restarted_at(path, text, service, now);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace controller
