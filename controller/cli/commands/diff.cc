#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/session.h"
#include "crds/decode.h"

namespace controller {
namespace {

struct Options {
  std::string service;
  std::optional<std::string> ref;
  bool exit_code = false;
};

// The definitions to ask about, by their path below the definitions' folder.
base::Result<std::map<std::string, std::string>> files_of(Session& session,
                                                          const Options& options) {
  MCP_TRY(Repository * repository, session.repository());
  const bool on_disk = !options.ref && !repository->worktree().empty();
  if (!on_disk) MCP_CHECK(from_git(repository->refresh()));
  MCP_TRY(
      const Definitions definitions,
      from_git(on_disk ? repository->read_worktree() : repository->read(options.ref.value_or(""))));
  const std::string prefix = repository->path().empty() ? "" : repository->path() + "/";
  std::map<std::string, std::string> files;
  for (const auto& [path, text] : definitions.files)
    files[path.starts_with(prefix) ? path.substr(prefix.size()) : path] = text;
  return files;
}

struct Look {
  std::string sign;
  Colour colour;
};

Look look_of(const std::string& action) {
  if (action == "create") return {"+ create", Colour::kGreen};
  if (action == "remove") return {"- remove", Colour::kRed};
  if (action == "replace") return {"~ replace", Colour::kYellow};
  if (action == "update") return {"~ update", Colour::kYellow};
  if (action == "stop") return {"- stop", Colour::kYellow};
  if (action == "start") return {"+ start", Colour::kGreen};
  return {"~ " + action, Colour::kYellow};
}

std::string quoted(const std::string& text) {
  return text.empty() ? "(none)" : "\"" + text + "\"";
}

std::string describe(const PlanChange& change, const Terminal& terminal) {
  const Look look = look_of(change.action);
  std::string text = "  " + terminal.paint(look.colour, look.sign) + " " + change.service +
                     (change.component.empty() ? "" : "/" + change.component);
  if (change.downtime)
    text += terminal.paint(Colour::kRed, "  (downtime: stops before it is replaced)");
  text += "\n";
  for (const PlanField& field : change.fields)
    text += "      " + field.field + ": " + terminal.paint(Colour::kRed, quoted(field.from)) +
            " -> " + terminal.paint(Colour::kGreen, quoted(field.to)) + "\n";
  return text;
}

struct NodePlan {
  std::string label;
  PlanDocument plan;
};

std::string counts(const std::vector<NodePlan>& plans) {
  std::map<std::string, int> count;
  int downtime = 0;
  for (const NodePlan& one : plans)
    for (const PlanChange& change : one.plan.changes) {
      ++count[change.action];
      downtime += change.downtime ? 1 : 0;
    }
  if (count.empty()) return "no changes\n";
  std::vector<std::string> parts;
  for (const auto& [action, number] : count)
    parts.push_back(std::to_string(number) + " to " + action);
  std::string text = base::join(parts, ", ");
  if (downtime > 0) text += "; " + std::to_string(downtime) + " with downtime";
  return text + "\n";
}

std::string describe_all(const std::vector<NodePlan>& plans, const Terminal& terminal) {
  std::string text;
  for (const NodePlan& one : plans) {
    if (one.plan.changes.empty()) continue;
    text += terminal.paint(Colour::kBold, one.label) + "\n";
    for (const PlanChange& change : one.plan.changes) text += describe(change, terminal);
    for (const PlanHold& hold : one.plan.held)
      text += terminal.paint(Colour::kRed, "  ! held " + hold.service + ": " + hold.message) + "\n";
    text += "\n";
  }
  return text + counts(plans);
}

Json document_of(const std::vector<NodePlan>& plans) {
  Json nodes = Json::array();
  for (const NodePlan& one : plans) {
    Json changes = Json::array();
    for (const PlanChange& change : one.plan.changes) {
      Json fields = Json::array();
      for (const PlanField& field : change.fields)
        fields.push_back({{"field", field.field}, {"from", field.from}, {"to", field.to}});
      changes.push_back({{"service", change.service},
                         {"component", change.component},
                         {"action", change.action},
                         {"downtime", change.downtime},
                         {"fields", std::move(fields)}});
    }
    Json problems = Json::array();
    Json held = Json::array();
    const Json whole = Json::parse(one.plan.document);
    if (whole.contains("problems")) problems = whole["problems"];
    if (whole.contains("held")) held = whole["held"];
    nodes.push_back({{"node", one.label},
                     {"valid", one.plan.valid},
                     {"problems", std::move(problems)},
                     {"changes", std::move(changes)},
                     {"held", std::move(held)}});
  }
  return {{"nodes", std::move(nodes)}};
}

// Every agent finds the same problems; each is said once.
std::optional<Failure> invalid(const std::vector<NodePlan>& plans) {
  std::set<std::string> lines;
  for (const NodePlan& one : plans)
    for (const PlanProblem& problem : one.plan.problems)
      lines.insert(problem.text.empty() ? problem.file + ": " + problem.message : problem.text);
  if (lines.empty()) return std::nullopt;
  const std::vector<std::string> list(lines.begin(), lines.end());
  return Failure{Exit::kInvalidDefinitions,
                 base::invalid("the definitions are invalid:\n" + base::join(list, "\n"))};
}

Outcome diff(Session& session, const Options& options) {
  MCP_TRY(const auto files, files_of(session, options));
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  std::vector<NodePlan> plans;
  std::optional<base::Error> unreachable;
  for (auto& answer : ask_all(*agents, [&](const Agent& agent) { return agent.plan(files); })) {
    if (!answer.result) {
      unreachable = answer.result.error();
      session.warn(unreachable->text());
      continue;
    }
    NodePlan plan{answer.agent->label(), std::move(*answer.result)};
    if (!options.service.empty())
      std::erase_if(plan.plan.changes,
                    [&](const PlanChange& change) { return change.service != options.service; });
    plans.push_back(std::move(plan));
  }
  if (plans.empty()) return *unreachable;
  std::vector<std::string> names;
  for (const NodePlan& one : plans)
    for (const PlanChange& change : one.plan.changes)
      names.push_back(change.service + (change.component.empty() ? "" : "/" + change.component));
  session.emit(document_of(plans), names, [&] { return describe_all(plans, session.terminal()); });
  if (auto failure = invalid(plans)) return *failure;
  if (unreachable) return Exit::kUnreachable;
  return options.exit_code && !names.empty() ? Exit::kNotReady : Exit::kDone;
}

}  // namespace

Command diff_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "diff",
      .summary = "Show what the agents would do, and change nothing",
      .details =
          "Compares what is in force with the working tree as it is on disk, or with the\n"
          "commit, branch or tag that --ref names.",
      .example =
          "mcp diff\nmcp diff web --ref my-branch\nmcp diff --exit-code     # 4: there are changes",
      .arguments = {{"SERVICE", &options->service, "only this service", Complete::kService, false}},
      .flags = {{"--ref", &options->ref, "REVISION", "a commit, branch or tag",
                 Complete::kRevision},
                {"--exit-code", &options->exit_code, "", "exit with 4 when there are changes"}},
      .run = [options](Session& session) { return diff(session, *options); },
  };
}

}  // namespace controller
