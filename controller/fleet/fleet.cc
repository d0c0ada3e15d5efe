#include "controller/fleet/fleet.h"

#include <algorithm>
#include <filesystem>

#include "base/core/text.h"

namespace controller {

base::Result<std::vector<Agent>> choose_agents(const std::vector<KnownNode>& known,
                                               const std::vector<std::string>& wanted,
                                               const std::vector<std::string>& sockets,
                                               base::Millis deadline, const AgentAccess& access) {
  std::vector<Agent> agents;
  if (known.empty()) {
    std::string socket = sockets.front();
    for (const std::string& one : sockets) {
      std::error_code error;
      if (!std::filesystem::exists(one, error)) continue;
      socket = one;
      break;
    }
    agents.emplace_back("", "unix://" + socket, deadline);
    return agents;
  }
  std::vector<std::string> names;
  for (const KnownNode& node : known) names.push_back(node.name);
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto near = base::nearest(name, names);
    return base::not_found(
        "no node is called '" + name + "'",
        near ? "did you mean '" + *near + "'?" : "known are: " + base::join(names, ", "));
  }
  for (const KnownNode& node : known)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), node.name) != wanted.end())
      agents.emplace_back(
          node.name, node.address, deadline,
          AgentAccess{node.may_see_token(access.ca_file) ? access.token : "",
                      node.ca_file.empty() ? access.ca_file : node.ca_file, access.version});
  return agents;
}

base::Result<> identify(Agent& agent, const std::vector<std::string>& wanted) {
  if (!agent.name().empty()) return {};
  const auto version = agent.version();
  if (!version || version->node.empty()) return {};
  if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), version->node) == wanted.end())
    return base::not_found("no agent of the node '" + wanted.front() + "' is known",
                           "the one at " + agent.address() + " is that of '" + version->node +
                               "'; [[nodes]] and the node files name others");
  agent.set_name(version->node);
  return {};
}

}  // namespace controller
