#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

Outcome show_version(Session& session) {
  Json document;
  document["version"] = session.version();
  document["agents"] = Json::array();
  std::string text = "mcp " + session.version() + "\n";
  std::vector<std::string> names = {session.version()};
  const auto agents = session.agents();
  if (!agents) session.warn(agents.error().text());
  if (agents) {
    for (const auto& answer :
         ask_all(**agents, [](const Agent& agent) { return agent.version(); })) {
      Json one;
      one["node"] = answer.agent->label();
      one["version"] = answer.result ? Json(answer.result->version) : Json();
      if (!answer.result) one["error"] = answer.result.error().text();
      text += "agent " + answer.agent->label() + " " +
              (answer.result ? answer.result->version
                             : "unreachable: " + answer.result.error().message) +
              "\n";
      if (answer.result && answer.result->version != session.version())
        text += "  another version than this mcp; both work together, new fields may be missing\n";
      document["agents"].push_back(std::move(one));
    }
  }
  session.emit(document, names, [&] { return text; });
  return Exit::kDone;
}

}  // namespace

Command version_command() {
  return {
      .name = "version",
      .summary = "Print the version of mcp and of the agents",
      .details = "Each is the git description of the sources that it was built from.",
      .example = "mcp version\nmcp --version     # of mcp alone, without asking anybody",
      .run = show_version,
  };
}

}  // namespace controller
