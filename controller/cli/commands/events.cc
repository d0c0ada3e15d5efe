#include <algorithm>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

constexpr int kShown = 50;

struct Options {
  std::string service;
  bool follow = false;
  std::optional<int> tail;
};

struct NodeEvent {
  const Agent* agent;
  Event event;
};

void print(const Session& session, const NodeEvent& one, bool many) {
  Json document = Json::parse(one.event.document);
  document["node"] = one.agent->label();
  session.emit_one(document, std::to_string(one.event.id), [&] {
    return (many ? one.agent->label() + "  " : "") + event_line(one.event, session.terminal());
  });
}

Outcome events(Session& session, const Options& options) {
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  const bool many = agents->size() > 1;
  const int keep = options.tail.value_or(kShown);
  std::vector<NodeEvent> all;
  std::map<const Agent*, int64_t> newest;
  std::optional<base::Error> failure;
  for (auto& answer :
       ask_all(*agents, [&](const Agent& agent) { return agent.events(keep, options.service); })) {
    if (!answer.result) {
      failure = answer.result.error();
      session.warn(failure->text());
      continue;
    }
    newest[answer.agent] = answer.result->empty() ? 0 : answer.result->back().id;
    for (Event& event : *answer.result) all.push_back({answer.agent, std::move(event)});
  }
  if (newest.empty()) return *failure;
  std::stable_sort(all.begin(), all.end(), [](const NodeEvent& a, const NodeEvent& b) {
    return a.event.time < b.event.time;
  });
  for (size_t i = all.size() > static_cast<size_t>(keep) ? all.size() - keep : 0; i < all.size();
       ++i)
    print(session, all[i], many);

  if (options.follow) {
    std::mutex mutex;
    std::vector<std::jthread> threads;
    for (const auto& [agent, id] : newest)
      threads.emplace_back([&, agent = agent, id = id] {
        const auto ended = agent->follow_events(id, options.service, [&](const Event& event) {
          const std::lock_guard lock(mutex);
          print(session, {agent, event}, many);
          return !session.terminal().out.fail();
        });
        const std::lock_guard lock(mutex);
        failure = ended ? base::unavailable("the agent of " + agent->label() + " has gone")
                        : ended.error();
      });
  }
  if (failure) return Failure{Exit::kUnreachable, *failure};
  return Exit::kDone;
}

}  // namespace

Command events_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "events",
      .summary = "Print what the agents did and saw, and why",
      .details = "-o json prints one object a line. Ids are monotonic on each node.",
      .example = "mcp events -f\nmcp events web -n 200 -o json",
      .arguments = {{"SERVICE", &options->service, "only of this service", Complete::kService,
                     false}},
      .flags = {{"-f,--follow", &options->follow, "", "go on with what comes"},
                {"-n,--tail", &options->tail, "COUNT", "how many of the last (default 50)"}},
      .run = [options](Session& session) { return events(session, *options); },
  };
}

}  // namespace controller
