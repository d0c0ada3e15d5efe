#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/table.h"

namespace controller {
namespace {

Outcome ps(Session& session) {
  MCP_TRY(const Picture picture, take_picture(session));
  if (picture.nodes.empty()) return picture.unreachable.front().status.error();
  const base::TimePoint at = now();
  Table table({"SERVICE", "COMPONENT", "NODE", "STATE", "VERSION", "UPTIME"});
  Json containers = Json::array();
  std::vector<std::string> names;
  for (const NodeStatus& node : picture.nodes) {
    for (const ServiceStatus& service : node.services) {
      for (const ComponentStatus& one : service.components) {
        if (one.container_id.empty() && one.container_name.empty()) continue;
        const bool running = one.state == "running";
        const std::string uptime = running ? age(one.started_at, at) : "";
        table.add({service.name, one.name, node.node,
                   running && !one.ready ? "running (not ready)" : one.state,
                   one.version.empty() ? "-" : one.version, uptime.empty() ? "-" : uptime});
        containers.push_back(
            {{"service", service.name},
             {"component", one.name},
             {"node", node.node},
             {"state", one.state},
             {"ready", one.ready},
             {"version", one.version},
             {"image", one.image},
             {"containerName", one.container_name},
             {"containerId", one.container_id},
             {"restarts", one.restarts},
             {"startedAt", one.started_at ? Json(base::to_rfc3339(*one.started_at)) : Json()}});
        names.push_back(service.name + "/" + one.name);
      }
    }
  }
  session.emit({{"containers", containers}, {"unreachable", unreachable_document(picture)}}, names,
               [&] { return table.empty() ? std::string("no containers\n") : table.text(); });
  return warn_unreachable(session, picture, Exit::kDone);
}

}  // namespace

Command ps_command() {
  return {
      .name = "ps",
      .summary = "List the containers that run, with their uptime",
      .example = "mcp ps\nmcp ps --node rift -o json",
      .run = ps,
  };
}

}  // namespace controller
