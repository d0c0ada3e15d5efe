#include <memory>
#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/gather.h"

namespace controller {

Command service_show_command() {
  auto service = std::make_shared<std::string>();
  return {
      .name = "service show",
      .summary = "Print a service's definition as its agent has it",
      .example = "mcp service show web",
      .arguments = {{"SERVICE", service.get(), "the service", Complete::kService}},
      .run = [service](Session& session) -> Outcome {
        MCP_TRY(const Holder holder, find_holder(session, *service));
        MCP_TRY(const ServiceSpec spec, holder.agent->spec(*service));
        const Json document = {{"name", spec.name},
                               {"node", holder.agent->label()},
                               {"path", spec.path},
                               {"revision", spec.revision},
                               {"toml", spec.toml}};
        session.emit(document, {spec.name}, [&] {
          return "# " + spec.path + " at " + short_revision(spec.revision) + "\n" + spec.toml;
        });
        return Exit::kDone;
      },
  };
}

}  // namespace controller
