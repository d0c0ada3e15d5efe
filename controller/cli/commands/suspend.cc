#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/intent.h"
#include "crds/edit.h"

namespace controller {

Command suspend_command() {
  struct Options {
    std::string service;
    std::optional<base::Millis> time;
    std::string reason;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = "suspend",
      .summary = "Commit that the agent leaves a service as it is for a time",
      .details =
          "Sets `suspend`. Until its time is over the agent makes no change to the service: it\n"
          "heals nothing, rolls nothing out, and stops and removes nothing, unless the definition\n"
          "itself is removed. What differs is still told. Without --for it is suspended until\n"
          "`mcp resume`. A later --for replaces an earlier one.",
      .example = "mcp suspend web --for 2h --reason \"moving the database\"\nmcp suspend web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--for", &options->time, "DURATION", "when it ends by itself, from now"},
                {"--reason", &options->reason, "TEXT", "why, for whoever looks at it meanwhile"},
                {"--wait,!--no-wait", &options->wait, "",
                 "wait until the agent leaves it alone (default)"}},
      .run = [options](Session& session) -> Outcome {
        if (options->time && *options->time < std::chrono::seconds(1))
          return usage("--for is less than a second", "--for 2h");
        const ServiceName service(options->service);
        crds::Suspend suspend{std::nullopt, options->reason};
        // The definition says whole seconds.
        if (options->time)
          suspend.until = std::chrono::floor<std::chrono::seconds>(now() + *options->time);
        Intent intent;
        intent.service = options->service;
        intent.suspended = true;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = "suspend " + options->service;
        if (options->time) intent.change.message += " for " + base::to_duration(*options->time);
        if (!options->reason.empty()) intent.change.message += ": " + options->reason;
        intent.change.edit = [service, suspend](std::string_view path, std::string_view text) {
          return crds::set_suspend(path, text, service, suspend);
        };
        intent.add_details = [suspend](Json& document) {
          document["until"] = suspend.until ? Json(base::to_rfc3339(*suspend.until)) : Json();
        };
        return carry_out(session, intent);
      },
  };
}

Command resume_command() {
  struct Options {
    std::string service;
    bool wait = true;
  };
  auto options = std::make_shared<Options>();
  return {
      .name = "resume",
      .summary =
          "Commit that a suspended service is taken care of again, and wait until it is Ready",
      .details =
          "Takes `suspend` out of the definition. What has come to differ meanwhile is made as\n"
          "defined.",
      .example = "mcp resume web",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) -> Outcome {
        const ServiceName service(options->service);
        Intent intent;
        intent.service = options->service;
        intent.wait = options->wait;
        intent.change.service = service;
        intent.change.message = "resume " + options->service;
        intent.change.edit = [service](std::string_view path, std::string_view text) {
          return crds::clear_suspend(path, text, service);
        };
        return carry_out(session, intent);
      },
  };
}

}  // namespace controller
