#include <memory>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
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
    bool here = false;
  };
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags = {
      {"--wait,!--no-wait", &options->wait, "", "wait until it " + goal + " (default)"}};
  if (active)
    flags.push_back(
        {"--here", &options->here, "", "its data has been moved to its node, or is not needed"});
  return {
      .name = verb,
      .summary = std::move(summary),
      .details = std::move(details),
      .example = "mcp " + verb + " web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = std::move(flags),
      .run = [options, verb, active](Session& session) -> Outcome {
        const ServiceName service(options->service);
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = verb + " " + options->service;
        const auto at = options->here ? std::optional(now()) : std::nullopt;
        if (at) intent.change.message += " with what is on its node";
        intent.change.edit = [service, active, at](
                                 std::string_view path,
                                 std::string_view text) -> base::Result<std::string> {
          MCP_TRY(std::string edited, crds::set_active(path, text, service, active));
          if (!at) return edited;
          return crds::set_restarted_at(path, edited, service, *at);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace

Command start_command() {
  return set_active_command(
      "start", true, "Commit that a service shall run, and wait until it is Ready",
      "Sets `active = true`. A service with data that was moved to another node waits there\n"
      "(WaitingForData) until --here says that the data has been moved as well, or is\n"
      "not needed: it also sets `restarted_at`, which is what the nodes go by.",
      "is Ready");
}

Command stop_command() {
  return set_active_command(
      "stop", false, "Commit that a service shall not run, and wait until it has stopped",
      "Sets `active = false`. The definition stays; `mcp start` undoes it.", "has stopped");
}

}  // namespace controller
