#include <memory>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {
namespace {

// Two words for one field.
Command set_active_command(const std::string& verb, bool active, std::string summary,
                           std::string details, const std::string& goal) {
  struct Options {
    std::string service;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = verb,
      .summary = std::move(summary),
      .details = std::move(details),
      .example = "mcp " + verb + " web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it " + goal + " (default)"}},
      .run = [options, verb, active](Session& session) -> Outcome {
        const ServiceName service(options->service);
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = verb + " " + options->service;
        intent.change.edit = [service, active](std::string_view path, std::string_view text) {
          return crds::set_active(path, text, service, active);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace

Command start_command() {
  return set_active_command("start", true,
                            "Commit that a service shall run, and wait until it is Ready",
                            "Sets `active = true`.", "is Ready");
}

Command stop_command() {
  return set_active_command(
      "stop", false, "Commit that a service shall not run, and wait until it has stopped",
      "Sets `active = false`. The definition stays; `mcp start` undoes it.", "has stopped");
}

}  // namespace controller
