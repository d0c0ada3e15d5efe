#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "controller/cli/commands/commands.h"
#include "controller/cli/file.h"
#include "controller/cli/gather.h"

namespace controller {
namespace {

struct Options {
  std::string service;
  std::string file;
  bool force = false;
};

Outcome export_service(Session& session, const Options& options) {
  MCP_TRY(const Holder holder, find_holder(session, options.service));
  MCP_TRY(const ServiceSpec spec, holder.agent->spec(options.service));
  if (options.file == "-") {
    session.terminal().out << spec.toml;
    return Exit::kDone;
  }
  const std::string name = options.file.empty() ? options.service + ".toml" : options.file;
  const std::filesystem::path path = session.environment().directory / name;
  std::error_code error;
  if (std::filesystem::exists(path, error) && !options.force)
    return base::make_error(base::Code::kConflict, "cannot write " + name + ": it is there already",
                            "use --force, or another name");
  MCP_CHECK(write_file(path, spec.toml));
  session.emit({{"service", options.service}, {"file", name}, {"revision", spec.revision}}, {name},
               [&] { return "wrote " + name + " (" + short_revision(spec.revision) + ")\n"; });
  return Exit::kDone;
}

}  // namespace

Command service_export_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "service export",
      .summary = "Write a service's definition as its agent has it to a file",
      .example = "mcp service export web\nmcp service export web - | less",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService},
                    {"FILE", &options->file, "default SERVICE.toml; - is the output",
                     Complete::kFile, false}},
      .flags = {{"--force", &options->force, "", "replace a file that is there"}},
      .run = [options](Session& session) { return export_service(session, *options); },
  };
}

}  // namespace controller
