#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "controller/cli/wait.h"

namespace controller {
namespace {

struct Options {
  std::vector<std::string> nodes;
  bool wait = false;
  bool allow_prune = false;
};

tl::expected<std::vector<const Agent*>, Failure> chosen(Session& session, const Options& options) {
  const auto agents = session.agents();
  if (!agents) return tl::unexpected(Failure{exit_of(agents.error().code), agents.error()});
  std::vector<const Agent*> all;
  for (const Agent& agent : **agents) all.push_back(&agent);
  if (options.nodes.empty()) return all;
  std::vector<const Agent*> some;
  for (const std::string& name : options.nodes) {
    const auto it = std::find_if(all.begin(), all.end(),
                                 [&](const Agent* agent) { return agent->name() == name; });
    if (it != all.end()) {
      some.push_back(*it);
      continue;
    }
    return tl::unexpected(
        Failure{Exit::kFailed, base::not_found("no node is called '" + name + "'",
                                               "mcp status shows the nodes that are known")});
  }
  return some;
}

Outcome sync(Session& session, const Options& options) {
  auto agents = chosen(session, options);
  if (!agents) return agents.error();
  Goal goal;
  const auto unreached = request_syncs(*agents, options.allow_prune, goal);
  for (const Unreached& one : unreached) session.warn(one.error.text());
  if (unreached.size() == agents->size()) return unreached.front().error;
  std::erase_if(*agents, [&](const Agent* agent) { return !goal.syncs.contains(agent->label()); });

  WaitOutcome waited;
  if (options.wait) {
    const auto progress = session.progress();
    waited = wait_for(*agents, goal, {}, wait_limit(session), *progress);
  }
  Json nodes = Json::array();
  std::vector<std::string> names;
  for (const auto& [label, id] : goal.syncs) {
    nodes.push_back({{"node", label}, {"id", id}});
    names.push_back(label);
  }
  const bool done = waited.end == WaitOutcome::End::kDone;
  Json document = {{"syncs", nodes}, {"waited", options.wait}};
  if (options.wait) {
    document["ready"] = done;
    document["reason"] = waited.last.reason;
    document["detail"] = waited.last.message;
  }
  session.emit(document, names, [&] {
    if (session.globals().quiet || !done) return std::string();
    return std::string(options.wait ? "in sync: everything is Ready\n" : "sync requested\n");
  });
  using End = WaitOutcome::End;
  const std::string why =
      waited.last.reason + (waited.last.message.empty() ? "" : ": " + waited.last.message);
  switch (waited.end) {
    case End::kDone:
      return unreached.empty() ? Exit::kDone : Exit::kUnreachable;
    case End::kTimedOut:
      return Failure{Exit::kTimedOut, base::make_error(base::Code::kTimeout,
                                                       "gave up waiting: " + why, "mcp status")};
    case End::kUnreachable:
      return Failure{Exit::kUnreachable, base::unavailable("lost the agent: " + why)};
    case End::kInterrupted:
      return Failure{Exit::kInterrupted, base::make_error(base::Code::kInternal, "stopped waiting",
                                                          "the agents go on: mcp status --wait")};
    case End::kFailed:
      break;
  }
  return Failure{
      Exit::kNotReady,
      base::make_error(base::Code::kInternal, "not everything is Ready: " + why, "mcp status")};
}

}  // namespace

Command sync_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "sync",
      .summary = "Make agents fetch and reconcile now",
      .details = "--allow-prune approves the removals that the guard holds at the newest commit.",
      .example = "mcp sync\nmcp sync rift --wait",
      .arguments = {{"NODE", &options->nodes, "only these nodes", Complete::kNode, false}},
      .flags = {{"--wait", &options->wait, "", "wait until everything is Ready"},
                {"--allow-prune", &options->allow_prune, "", "let held removals happen"}},
      .run = [options](Session& session) { return sync(session, *options); },
  };
}

}  // namespace controller
