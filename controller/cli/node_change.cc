#include "controller/cli/node_change.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "reconciler/placement.h"

namespace controller {
namespace {

using Nodes = std::map<crds::NodeName, crds::Node>;

Nodes nodes_of(const Definitions& definitions) {
  Nodes nodes;
  for (const auto& [name, node] : definitions.tree.nodes) nodes.emplace(name, node.value);
  return nodes;
}

}  // namespace

base::Result<Definitions> current_definitions(Session& session) {
  MCP_TRY(Repository * repository, session.repository());
  MCP_CHECK(from_git(repository->refresh()));
  return from_git(repository->read());
}

base::Result<std::string> node_path(const Definitions& definitions, const std::string& node) {
  const auto found = definitions.tree.nodes.find(crds::NodeName(node));
  if (found != definitions.tree.nodes.end()) return found->second.name_at.file;
  std::vector<std::string> names;
  for (const auto& [name, unused] : definitions.tree.nodes) names.push_back(name.str());
  const auto near = base::nearest(node, names);
  return base::not_found("no file defines node '" + node + "'",
                         near ? "did you mean '" + *near + "'?" : "mcp node list shows them all");
}

base::Result<NodeCommit> commit_node(Session& session, const ChangeRequest& change) {
  MCP_TRY(Repository * repository, session.repository());
  NodeCommit done;
  MCP_TRY(done.commit, from_git(repository->change(change)));
  const std::string revision = short_revision(done.commit.revision);
  session.note(!done.commit.changed
                   ? "nothing to commit; already at " + revision
                   : "committed " + revision + " " + change.message +
                         (done.commit.pushed ? " (pushed)" : " (there is no remote to push to)"));
  done.goal.revision = done.commit.revision;
  done.goal.contains = contained_in(*repository);
  const auto agents = session.agents();
  if (!agents) {
    session.warn(agents.error().text());
    done.unreached.emplace_back("");
    return done;
  }
  const auto answers = ask_all(**agents, [](const Agent& agent) { return agent.sync(false); });
  for (const auto& answer : answers) {
    if (answer.result) {
      done.goal.syncs[answer.agent->label()] = *answer.result;
      continue;
    }
    session.warn("cannot ask " + answer.agent->label() +
                 " to sync: " + answer.result.error().text());
    done.unreached.push_back(answer.agent->label());
  }
  return done;
}

Json node_document(const std::string& node, const NodeCommit& done) {
  return {{"node", node},
          {"revision", done.commit.revision},
          {"path", done.commit.path},
          {"changed", done.commit.changed},
          {"pushed", done.commit.pushed}};
}

NodeUse use_of(const Definitions& definitions, const std::string& node) {
  const crds::NodeName name(node);
  Nodes with = nodes_of(definitions), without = with;
  if (const auto own = with.find(name); own != with.end()) own->second.schedulable = true;
  without.erase(name);
  NodeUse use;
  for (const auto& [service_name, located] : definitions.tree.services) {
    const crds::Service& service = located.value;
    if (service.node == name) use.pinned.push_back(service_name.str());
    const bool edge = std::any_of(
        service.components.begin(), service.components.end(), [&](const auto& component) {
          return std::any_of(component.routes.begin(), component.routes.end(),
                             [&](const crds::Route& route) { return route.edge == node; });
        });
    if (edge) use.edges.push_back(service_name.str());
    if (!service.node.empty() || reconciler::place(service, with, {}) != name) continue;
    const std::string next =
        without.empty() ? std::string() : reconciler::place(service, without, {}).str();
    use.placed.push_back({service_name.str(), next, reconciler::keeps_data(service)});
  }
  return use;
}

}  // namespace controller
