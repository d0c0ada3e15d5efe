#include "controller/cli/gather.h"

#include <nlohmann/json.hpp>

#include "base/core/text.h"

namespace controller {

base::Result<Picture> take_picture(Session& session) {
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  Picture picture;
  for (auto& answer : ask_all(*agents, [](const Agent& agent) { return agent.status(); })) {
    if (answer.result)
      picture.nodes.push_back(std::move(*answer.result));
    else
      picture.unreachable.push_back({answer.agent->label(), std::move(answer.result)});
  }
  return picture;
}

Exit warn_unreachable(const Session& session, const Picture& picture, Exit otherwise) {
  for (const Report& one : picture.unreachable) session.warn(one.status.error().text());
  return picture.unreachable.empty() ? otherwise : Exit::kUnreachable;
}

Json unreachable_document(const Picture& picture) {
  Json list = Json::array();
  for (const Report& one : picture.unreachable)
    list.push_back({{"node", one.label}, {"error", one.status.error().text()}});
  return list;
}

base::Error no_such_service(const Picture& picture, const std::string& name) {
  if (!picture.unreachable.empty()) return picture.unreachable.front().status.error();
  std::vector<std::string> names;
  for (const NodeStatus& node : picture.nodes)
    for (const ServiceStatus& service : node.services) names.push_back(service.name);
  const auto near = base::nearest(name, names);
  return base::not_found("no agent has a service '" + name + "'",
                         near ? "did you mean '" + *near + "'?" : "mcp list shows them all");
}

base::Result<Holder> find_holder(Session& session, const std::string& name) {
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  Picture picture;
  std::optional<Holder> best;
  // On its way from one node to another it is on both: where it is to be and can be, then where it
  // still is, then where it only waits.
  const auto rank = [](const ServiceStatus& service) {
    return !service.data_on.empty() ? 2 : !service.goes_to.empty() ? 1 : 0;
  };
  for (auto& answer : ask_all(*agents, [](const Agent& agent) { return agent.status(); })) {
    if (!answer.result) {
      picture.unreachable.push_back({answer.agent->label(), std::move(answer.result)});
      continue;
    }
    for (const ServiceStatus& service : answer.result->services)
      if (service.name == name && (!best || rank(service) < rank(best->service)))
        best = Holder{answer.agent, service};
    picture.nodes.push_back(std::move(*answer.result));
  }
  if (best) return *best;
  return no_such_service(picture, name);
}

std::optional<Memory> find_memory(Session& session, const std::string& name) {
  const auto agents = session.agents();
  if (!agents) return std::nullopt;
  const auto newest = [](const ServiceDetail& detail) {
    return detail.events.empty() ? std::nullopt : detail.events.back().time;
  };
  std::optional<Memory> found;
  for (auto& answer : ask_all(**agents, [&](const Agent& agent) { return agent.service(name); }))
    if (answer.result && (!found || newest(*answer.result) > newest(found->detail)))
      found = Memory{answer.agent, std::move(*answer.result)};
  return found;
}

}  // namespace controller
