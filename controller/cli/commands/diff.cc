#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <set>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/plan_between.h"
#include "controller/cli/session.h"
#include "crds/decode.h"

namespace controller {
namespace {

struct Options {
  std::string service;
  std::optional<std::string> ref;
  std::optional<std::string> from;
  bool exit_code = false;
};

base::Result<Definitions> wished(Session& session, const Options& options) {
  MCP_TRY(Repository * repository, session.repository());
  const bool on_disk = !options.ref && !repository->worktree().empty();
  if (!on_disk) MCP_CHECK(from_git(repository->refresh()));
  return from_git(on_disk ? repository->read_worktree()
                          : repository->read(options.ref.value_or("")));
}

// The definitions to ask about, by their path below the definitions' folder.
base::Result<std::map<std::string, std::string>> files_of(Session& session,
                                                          const Options& options) {
  MCP_TRY(const Definitions definitions, wished(session, options));
  MCP_TRY(Repository * repository, session.repository());
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
    if (one.plan.changes.empty() && one.plan.held.empty()) continue;
    text += terminal.paint(Colour::kBold, one.label) + "\n";
    for (const PlanChange& change : one.plan.changes) text += describe(change, terminal);
    for (const PlanHold& hold : one.plan.held)
      text += terminal.paint(Colour::kRed, "  ! held " + hold.service + ": " + hold.message) + "\n";
    text += "\n";
  }
  return text + counts(plans);
}

// As code of Markdown, whatever is in it.
std::string code(std::string text) {
  std::replace(text.begin(), text.end(), '`', '\'');
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? "(none)" : "`" + text + "`";
}

// For a comment on a change that is asked for.
std::string markdown(const std::vector<NodePlan>& plans) {
  std::string text = "### What the nodes would do\n\n" + counts(plans);
  for (const NodePlan& one : plans) {
    if (one.plan.changes.empty() && one.plan.held.empty()) continue;
    text += "\n**" + one.label + "**\n\n";
    for (const PlanChange& change : one.plan.changes) {
      text += "- " + change.action + " " +
              code(change.service + (change.component.empty() ? "" : "/" + change.component)) +
              (change.downtime ? " — **downtime**: it stops before it is replaced" : "") + "\n";
      for (const PlanField& field : change.fields)
        text +=
            "  - " + code(field.field) + ": " + code(field.from) + " → " + code(field.to) + "\n";
    }
    for (const PlanHold& hold : one.plan.held)
      text += "- **held** " + code(hold.service) + ": " + hold.message + "\n";
  }
  return text;
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

// What the agents that answer would do; an agent that does not is in `unreachable`.
base::Result<std::vector<NodePlan>> ask_agents(Session& session, const Options& options,
                                               std::optional<base::Error>& unreachable) {
  MCP_TRY(const auto files, files_of(session, options));
  MCP_TRY(const std::vector<Agent>* agents, session.agents());
  std::vector<NodePlan> plans;
  for (auto& answer : ask_all(*agents, [&](const Agent& agent) { return agent.plan(files); })) {
    if (answer.result) {
      plans.push_back({answer.agent->label(), std::move(*answer.result)});
    } else {
      unreachable = answer.result.error();
      session.warn(unreachable->text());
    }
  }
  if (plans.empty()) return *unreachable;
  return plans;
}

base::Result<std::vector<NodePlan>> compare(Session& session, const Options& options) {
  MCP_TRY(const Definitions then, wished(session, options));
  MCP_TRY(Repository * repository, session.repository());
  MCP_TRY(const Definitions now, from_git(repository->read(*options.from)));
  return plan_between(now, then);
}

Outcome diff(Session& session, const Options& options) {
  std::optional<base::Error> unreachable;
  MCP_TRY(std::vector<NodePlan> plans,
          options.from ? compare(session, options) : ask_agents(session, options, unreachable));
  std::vector<std::string> names;
  bool held = false;
  for (NodePlan& one : plans) {
    if (!options.service.empty()) {
      const auto other = [&](const auto& entry) { return entry.service != options.service; };
      std::erase_if(one.plan.changes, other);
      std::erase_if(one.plan.held, other);
    }
    held |= !one.plan.held.empty();
    for (const PlanChange& change : one.plan.changes)
      names.push_back(change.service + (change.component.empty() ? "" : "/" + change.component));
  }
  if (session.globals().output == "markdown")
    session.terminal().out << markdown(plans);
  else
    session.emit(document_of(plans), names,
                 [&] { return describe_all(plans, session.terminal()); });
  if (auto failure = invalid(plans)) return *failure;
  if (unreachable) return Exit::kUnreachable;
  return options.exit_code && (held || !names.empty()) ? Exit::kNotReady : Exit::kDone;
}

}  // namespace

Command diff_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "diff",
      .summary = "Show what the agents would do, and change nothing",
      .details =
          "Compares what is in force with the working tree as it is on disk, or with the\n"
          "commit, branch or tag that --ref names. With --from it compares with that commit\n"
          "instead, asks no agent, and does not know the nodes' own policies. -o markdown is\n"
          "for a comment on a merge request.",
      .example =
          "mcp diff\nmcp diff web --ref my-branch\nmcp diff --exit-code     # 4: there are "
          "changes\n"
          "mcp diff --from origin/main -o markdown",
      .arguments = {{"SERVICE", &options->service, "only this service", Complete::kService, false}},
      .flags = {{"--ref", &options->ref, "REVISION", "a commit, branch or tag",
                 Complete::kRevision},
                {"--from", &options->from, "REVISION", "compare with this commit, and ask no agent",
                 Complete::kRevision},
                {"--exit-code", &options->exit_code, "",
                 "exit with 4 when there are changes, or something is held"}},
      .formats = {"markdown"},
      .run = [options](Session& session) { return diff(session, *options); },
  };
}

}  // namespace controller
