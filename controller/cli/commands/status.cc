#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/intent.h"
#include "controller/cli/via_git.h"
#include "controller/cli/wait.h"

namespace controller {
namespace {

constexpr int kRecentEvents = 8;

struct Options {
  std::string service;
  std::optional<std::string> revision;
  std::string via;
  bool wait = false;
  bool check = false;
};

std::vector<ServiceStatus> chosen(const NodeStatus& node, const std::string& service) {
  std::vector<ServiceStatus> services;
  for (const ServiceStatus& one : node.services)
    if (service.empty() || one.name == service) services.push_back(one);
  return services;
}

// The agents' documents as they are, with the one service when it was asked for.
Json document_of(const Picture& picture, const std::string& service) {
  Json nodes = Json::array();
  for (const NodeStatus& node : picture.nodes) {
    Json document = Json::parse(node.document);
    if (!service.empty() && document.contains("services") && document["services"].is_array()) {
      Json kept = Json::array();
      for (Json& one : document["services"])
        if (one.value("name", "") == service) kept.push_back(std::move(one));
      document["services"] = std::move(kept);
    }
    nodes.push_back(std::move(document));
  }
  return {{"nodes", std::move(nodes)}, {"unreachable", unreachable_document(picture)}};
}

std::string recent_events(Session& session, const std::string& service, base::TimePoint at) {
  std::vector<Event> events;
  const auto agents = session.agents();
  if (!agents) return "";
  const auto ask = [&](const Agent& agent) { return agent.events(kRecentEvents, service); };
  for (const auto& answer : ask_all(**agents, ask))
    if (answer.result) events.insert(events.end(), answer.result->begin(), answer.result->end());
  if (events.empty()) return "";
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
  if (events.size() > size_t{kRecentEvents})
    events.erase(events.begin(), events.end() - kRecentEvents);
  std::string out = "\n" + session.terminal().paint(Colour::kBold, "RECENT EVENTS") + "\n";
  for (const Event& event : events) out += "  " + describe_event(event, session.terminal(), at);
  return out;
}

bool fine(const Picture& picture, const std::string& service) {
  for (const NodeStatus& node : picture.nodes) {
    if (service.empty() && summarise(node.conditions).text != "Ready" && !node.conditions.empty())
      return false;
    for (const ServiceStatus& one : chosen(node, service)) {
      if (one.suspended) continue;
      if (summarise(one.conditions).text != "Ready" || one.hold) return false;
      for (const ComponentStatus& component : one.components)
        if (!component.drift.empty()) return false;
    }
  }
  return picture.unreachable.empty();
}

Goal goal_of(Session& session, const Options& options) {
  Goal goal;
  goal.service = options.service;
  if (!options.revision) return goal;
  auto repository = session.repository();
  if (!repository) {
    goal.revision = *options.revision;
    goal.contains = [](const std::string& newer, const std::string& older) {
      return newer.starts_with(older);
    };
    return goal;
  }
  const auto revision = (*repository)->resolve(*options.revision);
  goal.revision = revision ? *revision : *options.revision;
  goal.contains = contained_in(**repository);
  return goal;
}

base::Result<WaitOutcome> wait_for_goal(Session& session, const Options& options) {
  const Goal goal = goal_of(session, options);
  const base::Millis limit = wait_limit(session);
  if (!options.via.empty()) {
    const auto progress = session.progress();
    return wait_via_git(session, goal, limit, *progress);
  }
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  std::vector<const Agent*> asked;
  for (const Agent& agent : *agents) asked.push_back(&agent);
  const auto progress = session.progress();
  return wait_for(asked, goal, {}, limit, *progress);
}

// Waits; then the picture is printed as without --wait.
std::optional<Failure> wait_first(Session& session, const Options& options) {
  const auto waited = wait_for_goal(session, options);
  if (!waited) return Failure{exit_of(waited.error().code), waited.error()};
  const std::string what = options.service.empty() ? "the services" : options.service;
  const std::string why =
      waited->last.reason + (waited->last.message.empty() ? "" : ": " + waited->last.message);
  using End = WaitOutcome::End;
  switch (waited->end) {
    case End::kDone:
      return std::nullopt;
    case End::kTimedOut:
      return Failure{Exit::kTimedOut, base::make_error(base::Code::kTimeout,
                                                       "gave up waiting for " + what + ": " + why)};
    case End::kUnreachable:
      return Failure{Exit::kUnreachable, base::unavailable("cannot wait for " + what + ": " + why)};
    case End::kInterrupted:
      return Failure{Exit::kInterrupted,
                     base::make_error(base::Code::kInternal, "stopped waiting for " + what)};
    case End::kFailed:
      break;
  }
  return Failure{Exit::kNotReady,
                 base::make_error(base::Code::kInternal, what + " cannot become Ready: " + why,
                                  options.via.empty() ? "mcp why SERVICE" : "")};
}

Outcome status(Session& session, const Options& options) {
  if (!options.via.empty() && options.via != "git")
    return usage("'" + options.via + "' is no way to ask", "--via git");
  std::optional<Failure> failure;
  if (options.wait) failure = wait_first(session, options);
  if (failure && failure->exit == Exit::kInterrupted) return *failure;
  MCP_TRY(const Picture picture, options.via.empty()
                                     ? take_picture(session)
                                     : picture_via_git(session, options.revision.value_or("")));
  if (picture.nodes.empty() && failure) return *failure;
  if (picture.nodes.empty() && picture.unreachable.empty())
    return base::unavailable("no node has reported to the repository",
                             "set report = true in [source] of the agents' configuration");
  if (picture.nodes.empty()) return picture.unreachable.front().status.error();
  std::vector<std::string> names;
  for (const NodeStatus& node : picture.nodes)
    for (const ServiceStatus& one : chosen(node, options.service)) names.push_back(one.name);
  if (names.empty() && !options.service.empty()) {
    if (failure) return *failure;
    return no_such_service(picture, options.service);
  }
  session.emit(document_of(picture, options.service), names, [&] {
    const base::TimePoint at = now();
    std::string text;
    for (const NodeStatus& node : picture.nodes) {
      const auto services = chosen(node, options.service);
      if (!options.service.empty() && services.empty()) continue;
      text += (text.empty() ? "" : "\n") + describe_node(node, services, session.terminal(), at);
    }
    return options.via.empty() ? text + recent_events(session, options.service, at) : text;
  });
  const Exit unreachable = warn_unreachable(session, picture, Exit::kDone);
  if (failure) return *failure;
  if (unreachable != Exit::kDone) return unreachable;
  return options.check && !fine(picture, options.service) ? Exit::kNotReady : Exit::kDone;
}

}  // namespace

Command status_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "status",
      .summary = "Show revision, conditions, drift and recent events",
      .details =
          "With --wait it first waits until everything (or the service) is Ready; with\n"
          "--revision until the agents reconcile to that commit or a later one, too.\n"
          "--check exits with 4 when something is not Ready, drifted or held; it passes over\n"
          "services that are suspended.\n"
          "--via git asks no agent: it reads what the agents report to the repository\n"
          "([source] report), which has no components and no events.",
      .example =
          "mcp status\nmcp status web --wait --timeout 2m\nmcp status --check -q\n"
          "mcp status --wait --revision 1a2b3c4 --via git",
      .arguments = {{"SERVICE", &options->service, "only this service", Complete::kService, false}},
      .flags = {{"--wait", &options->wait, "", "wait until Ready"},
                {"--revision", &options->revision, "REVISION", "the commit to wait for",
                 Complete::kRevision},
                {"--via", &options->via, "git", "read the agents' reports in the repository"},
                {"--check", &options->check, "", "exit with 4 when not everything is fine"}},
      .run = [options](Session& session) { return status(session, *options); },
  };
}

}  // namespace controller
