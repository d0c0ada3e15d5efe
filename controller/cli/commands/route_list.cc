#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/gather.h"
#include "controller/cli/table.h"

namespace controller {
namespace {

std::string title(const ProxyRoute& route) {
  return route.hostname +
         route.listener.substr(std::min(route.listener.rfind(':'), route.listener.size()));
}

std::string service_of(const ProxyRoute& route) {
  if (route.service.empty()) return "-";
  return route.component.empty() ? route.service : route.service + "/" + route.component;
}

Outcome route_list(Session& session) {
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  Table table({"LISTENER", "HOST", "MODE", "BACKEND", "HEALTH", "OWNER", "SERVICE", "NODE"});
  Json routes = Json::array();
  Json nodes = Json::array();
  std::vector<std::string> names;
  std::string remarks;
  Picture away;
  for (auto& answer : ask_all(*agents, [](const Agent& agent) { return agent.routes(); })) {
    const std::string& node = answer.agent->label();
    if (!answer.result) {
      away.unreachable.push_back({node, std::move(answer.result).error()});
      continue;
    }
    const ProxyRoutes& found = *answer.result;
    nodes.push_back({{"node", node},
                     {"managed", found.managed},
                     {"error", found.error.empty() ? Json() : Json(found.error)}});
    if (!found.managed)
      remarks += node + ": routes are not managed ([mcproxy] socket is not set)\n";
    if (!found.error.empty()) session.warn(node + ": routes as they were last: " + found.error);
    for (const ProxyRoute& route : found.routes) {
      table.add({route.listener, route.hostname, route.mode, route.backend,
                 route.served ? route.health : "not served", route.owner, service_of(route), node});
      if (!route.problem.empty()) remarks += title(route) + ": " + route.problem + "\n";
      Json document = Json::parse(route.document);
      document["node"] = node;
      routes.push_back(std::move(document));
      names.push_back(title(route));
    }
  }
  if (away.unreachable.size() == agents->size()) return away.unreachable.front().status.error();
  session.emit({{"routes", routes}, {"nodes", nodes}, {"unreachable", unreachable_document(away)}},
               names, [&] {
                 const std::string list = table.empty() ? "no routes\n" : table.text();
                 return remarks.empty() ? list : list + "\n" + remarks;
               });
  return warn_unreachable(session, away, Exit::kDone);
}

}  // namespace

Command route_list_command() {
  return {
      .name = "route list",
      .summary = "List the routes that mc-proxy has, whoever set them",
      .details =
          "HEALTH is whether the backend takes connections. SERVICE is the one of this node "
          "that\nthe route leads to.",
      .example = "mcp route list\nmcp route list --node rift -o json",
      .run = route_list,
  };
}

}  // namespace controller
