#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "controller/cli/prompt.h"
#include "controller/cli/session.h"
#include "controller/cli/table.h"

namespace controller {
namespace {

struct Options {
  std::string service;
  bool yes = false;
  bool dry_run = false;
  bool wait = true;
};

struct Found {
  const Agent* agent = nullptr;
  AdoptionProposal proposal;
};

base::Error nothing_found(const std::string& service, const std::vector<Found>& asked) {
  std::vector<std::string> nodes, others;
  for (const Found& one : asked) {
    nodes.push_back(one.agent->label());
    for (const std::string& other : one.proposal.other_containers) others.push_back(other);
    for (const auto& [container, why] : one.proposal.left_out)
      others.push_back(container + " (" + why + ")");
  }
  constexpr size_t kMostNames = 10;
  const auto near = base::nearest(service, others);
  if (others.size() > kMostNames) {
    others.resize(kMostNames);
    others.push_back("...");
  }
  std::string hint = near             ? "did you mean '" + *near + "'? "
                     : others.empty() ? "no container there is without a manager; "
                                      : "there are " + base::join(others, ", ") + "; ";
  return base::not_found(
      "no running container on " + base::join(nodes, ", ") + " belongs to '" + service + "'",
      hint + "looked for containers called " + service + " or " + service +
          "-..., and a compose project, pod or systemd unit of that name");
}

// The one node that has such containers.
tl::expected<Found, Failure> find(Session& session, const std::string& service) {
  const auto agents = session.agents();
  if (!agents) return tl::unexpected(Failure{exit_of(agents.error().code), agents.error()});
  std::vector<Found> found, asked;
  std::optional<base::Error> failed;
  for (auto& answer :
       ask_all(**agents, [&](const Agent& agent) { return agent.propose_adoption(service); })) {
    if (!answer.result) {
      failed = answer.result.error();
      // Who has it under management already must not be overlooked.
      if (failed->code != base::Code::kUnavailable)
        return tl::unexpected(Failure{exit_of(failed->code), *failed});
      session.warn(failed->text());
      continue;
    }
    asked.push_back({answer.agent, std::move(*answer.result)});
    if (!asked.back().proposal.parts.empty()) found.push_back(asked.back());
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) {
    if (failed) return tl::unexpected(Failure{exit_of(failed->code), *failed});
    return tl::unexpected(Failure{Exit::kFailed, nothing_found(service, asked)});
  }
  std::vector<std::string> nodes;
  for (const Found& one : found) nodes.push_back(one.agent->label());
  return tl::unexpected(usage("containers of '" + service + "' are on " + base::join(nodes, ", "),
                              "a definition names one node: say which with --node"));
}

std::string losses_text(const AdoptionProposal& proposal) {
  Table table({"COMPONENT", "SETTING", "VALUE", "WHEN IT IS REPLACED THE NEXT TIME"});
  bool any = false;
  for (const AdoptionPart& part : proposal.parts)
    for (const AdoptionLoss& loss : part.losses) {
      table.add({part.component, loss.field, loss.value, loss.consequence});
      any = true;
    }
  return any ? "\nWhat the definition cannot say:\n" + table.text() : std::string();
}

std::string describe(const Options& options, const AdoptionProposal& proposal,
                     const Terminal& terminal) {
  std::string text =
      terminal.paint(Colour::kBold, options.service) + " on " + proposal.node + ":\n";
  for (const AdoptionPart& part : proposal.parts)
    text += "  " + part.container_name + " (" + part.container_id.substr(0, 12) +
            ") becomes component " + part.component + "\n";
  for (const auto& [container, why] : proposal.left_out)
    text += "  " + container + " is left out: " + why + "\n";
  text += "\n" + proposal.toml + losses_text(proposal);
  if (!proposal.managers.empty()) {
    text += "\nWho else starts and stops these containers, and would fight over them with MCP:\n";
    for (const AdoptionManager& manager : proposal.managers)
      text += "  " + manager.kind + " " + terminal.paint(Colour::kBold, manager.name) + ": " +
              manager.advice + "\n";
  }
  return text + "\n";
}

// Nobody's answer is a no.
tl::expected<bool, Failure> confirmed(const Options& options) {
  if (options.yes) return true;
  const auto answer = ask_person("Let MCP manage these containers? [y/N]", Echo::kShown);
  if (!answer)
    return tl::unexpected(
        usage("whether to adopt " + options.service + " cannot be asked: there is no terminal",
              "mcp adopt " + options.service + " --dry-run shows it; --yes says yes"));
  if (!*answer)
    return tl::unexpected(
        Failure{Exit::kInterrupted,
                base::make_error(base::Code::kInternal, "broken off; nothing was changed")});
  const std::string word = base::lower(**answer);
  return word == "y" || word == "yes";
}

struct Place {
  std::string path;                          // of the new file, inside the repository
  std::map<std::string, std::string> files;  // as an agent takes them, with the new one
};

// The repository as it is, and the file that is added to it.
base::Result<Place> find_place(Session& session, const Options& options, const std::string& toml) {
  MCP_TRY(Repository * repository, session.repository());
  MCP_CHECK(from_git(repository->refresh()));
  if (const auto defined = repository->definition(ServiceName(options.service)))
    return base::make_error(base::Code::kConflict,
                            options.service + " is defined already, in " + defined->path,
                            "mcp deploy brings it into force");
  MCP_TRY(const Definitions definitions, from_git(repository->read()));
  const std::string prefix = repository->path().empty() ? "" : repository->path() + "/";
  const std::string name = "services/" + options.service + ".toml";
  Place place{prefix + name, {}};
  for (const auto& [path, text] : definitions.files)
    place.files[path.starts_with(prefix) ? path.substr(prefix.size()) : path] = text;
  if (place.files.contains(name))
    return base::make_error(base::Code::kConflict, place.path + " is there already");
  place.files[name] = toml;
  return place;
}

void add_details(const AdoptionProposal& proposal, Json& document) {
  const Json whole = Json::parse(proposal.document);
  for (const char* key : {"components", "leftOut", "managers"})
    if (whole.contains(key)) document[key] = whole[key];
}

// podman's list says it to the second, its inspect more exactly.
bool same_start(const std::optional<base::TimePoint>& a, const std::optional<base::TimePoint>& b) {
  using std::chrono::floor, std::chrono::seconds;
  return a && b ? floor<seconds>(*a) == floor<seconds>(*b) : a == b;
}

// Looks whether it is so, and says it.
Outcome check_untouched(Session& session, const Options& options, const Found& found) {
  MCP_TRY(const ServiceDetail detail, found.agent->service(options.service));
  for (const AdoptionPart& part : found.proposal.parts) {
    const auto& all = detail.status.components;
    const auto now = std::find_if(all.begin(), all.end(), [&](const ComponentStatus& component) {
      return component.name == part.component;
    });
    if (now == all.end() || now->container_id != part.container_id ||
        !same_start(now->started_at, part.started_at))
      return Failure{Exit::kFailed,
                     base::make_error(base::Code::kInternal,
                                      options.service + "/" + part.component +
                                          " does not run in the container that was adopted",
                                      "mcp why " + options.service + "/" + part.component)};
  }
  session.note("nothing was restarted: " + std::to_string(found.proposal.parts.size()) +
               " container(s) run on as they were; the next change of a component replaces its "
               "container");
  return Exit::kDone;
}

Outcome adopt(Session& session, const Options& options) {
  if (!base::is_dns_label(options.service))
    return usage("'" + options.service + "' cannot be the name of a service",
                 "a service's name has a-z, 0-9 and '-' in it");
  auto found = find(session, options.service);
  if (!found) return found.error();
  const AdoptionProposal& proposal = found->proposal;
  if (options.dry_run) {
    session.emit(Json::parse(proposal.document), {options.service}, [&] { return proposal.toml; });
    if (session.text_output())
      if (const std::string losses = losses_text(proposal); !losses.empty()) session.note(losses);
    return Exit::kDone;
  }
  MCP_TRY(const Place place, find_place(session, options, proposal.toml));
  const std::string shown = describe(options, proposal, session.terminal());
  if (session.text_output() && !session.globals().quiet)
    session.terminal().out << shown << std::flush;
  else
    session.note(shown);
  const auto sure = confirmed(options);
  if (!sure) return sure.error();
  if (!*sure)
    return Failure{Exit::kFailed,
                   base::invalid("not adopted; nothing was changed",
                                 "to change the definition first: mcp adopt " + options.service +
                                     " --dry-run > FILE shows it")};
  std::map<std::string, std::string> containers;
  for (const AdoptionPart& part : proposal.parts) containers[part.component] = part.container_id;
  // Before the commit: an agent that fetches it must know whose containers these are.
  MCP_CHECK(found->agent->adopt(options.service, place.files, containers));
  Intent intent;
  intent.service = options.service;
  intent.wait = options.wait;
  intent.change = {.service = ServiceName(options.service),
                   .path = place.path,
                   .message = "adopt " + options.service + " on " + proposal.node,
                   .edit = create_file(proposal.toml)};
  intent.add_details = [&](Json& document) { add_details(proposal, document); };
  Outcome outcome = carry_out(session, intent);
  if (!outcome || *outcome != Exit::kDone || !options.wait) return outcome;
  return check_untouched(session, options, *found);
}

}  // namespace

Command adopt_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "adopt",
      .summary = "Let MCP manage containers that run already, without restarting them",
      .details =
          "Finds the running containers of that name, or of a compose project, pod or systemd\n"
          "unit of that name, writes the definition that reproduces them, and lists what it\n"
          "cannot say. After your yes the agent takes them over and the definition is committed.\n"
          "Nothing is restarted; the next change of a component replaces its container in the\n"
          "normal way. A commit that does not come within 10 minutes leaves them alone.",
      .example =
          "mcp adopt web --dry-run\n"
          "mcp adopt web\n"
          "mcp adopt web --node rift --yes",
      .arguments = {{"SERVICE", &options->service, "what the service shall be called"}},
      .flags = {{"--yes", &options->yes, "", "do not ask"},
                {"--dry-run", &options->dry_run, "", "print the definition, change nothing"},
                {"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) { return adopt(session, *options); },
  };
}

}  // namespace controller
