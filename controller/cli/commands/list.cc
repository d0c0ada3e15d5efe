#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/table.h"

namespace controller {
namespace {

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json suspended_document(const std::optional<Suspension>& suspended) {
  if (!suspended) return nullptr;
  return {{"until", suspended->until ? Json(base::to_rfc3339(*suspended->until)) : Json()},
          {"reason", or_null(suspended->reason)}};
}

Outcome list(Session& session) {
  MCP_TRY(const Picture picture, take_picture(session));
  if (picture.nodes.empty()) return picture.unreachable.front().status.error();
  Table table({"SERVICE", "NODE", "STATUS", "REASON", "ACTIVE", "COMPONENTS", "REVISION"});
  Json services = Json::array();
  std::vector<std::string> names;
  std::string remarks;
  for (const NodeStatus& node : picture.nodes) {
    for (const ServiceStatus& service : node.services) {
      const Word word = word_of(service);
      const std::string reason = word.condition == nullptr ? "" : word.condition->reason;
      Json components = Json::array();
      for (const ComponentStatus& one : service.components) components.push_back(one.name);
      table.add({service.name, node.node, word.text, reason, service.active ? "yes" : "no",
                 std::to_string(service.components.size()), short_revision(service.revision)});
      services.push_back({{"name", service.name},
                          {"node", node.node},
                          {"status", word.text},
                          {"reason", reason},
                          {"active", service.active},
                          {"components", std::move(components)},
                          {"revision", service.revision},
                          {"path", service.path},
                          {"goesTo", or_null(service.goes_to)},
                          {"dataOn", or_null(service.data_on)},
                          {"suspended", suspended_document(service.suspended)}});
      if (service.suspended)
        remarks += service.name + " on " + node.node + ": suspended " +
                   how_long(*service.suspended, now()) + "\n";
      if ((!service.goes_to.empty() || !service.data_on.empty()) && word.condition != nullptr)
        remarks += service.name + " on " + node.node + ": " + word.condition->message + "\n";
      names.push_back(service.name);
    }
  }
  session.emit({{"services", services}, {"unreachable", unreachable_document(picture)}}, names,
               [&] {
                 const std::string text = table.empty() ? "no services\n" : table.text();
                 return remarks.empty() ? text : text + "\n" + remarks;
               });
  return warn_unreachable(session, picture, Exit::kDone);
}

}  // namespace

Command list_command() {
  return {
      .name = "list",
      .summary = "List the services that the agents have",
      .example = "mcp list\nmcp list -o name",
      .run = list,
  };
}

}  // namespace controller
