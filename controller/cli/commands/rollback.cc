#include <memory>
#include <optional>

#include "controller/cli/commands/commands.h"
#include "controller/cli/intent.h"
#include "crds/decode.h"

namespace controller {
namespace {

struct Options {
  std::string service;
  std::optional<std::string> to;
  bool wait = true;
};

struct Choice {
  std::string revision;
  DefinitionText file;
  std::string remark;  // why this one, when nobody said so
};

bool same(const std::optional<DefinitionText>& present, const DefinitionText& other) {
  return present && present->path == other.path && present->text == other.text;
}

// The last revision that some agent saw Ready and whose definition is another than the present.
std::optional<Choice> from_agents(Session& session, const Repository& repository,
                                  const ServiceName& service,
                                  const std::optional<DefinitionText>& present) {
  const auto agents = session.agents();
  if (!agents) return std::nullopt;
  for (const Agent& agent : **agents) {
    const auto detail = agent.service(service.str());
    if (!detail) continue;
    for (const HistoryItem& item : detail->history) {
      if (!item.ready) continue;
      const auto file = repository.definition(service, item.revision);
      if (file && !same(present, *file))
        return Choice{item.revision, *file, "the last that was Ready on " + detail->status.node};
    }
  }
  return std::nullopt;
}

// No agent remembers: the definition before the present one, Ready or not.
base::Result<Choice> from_git_history(const Repository& repository, const ServiceName& service,
                                      const std::optional<DefinitionText>& present) {
  MCP_TRY(const std::vector<HistoryEntry> history, from_git(repository.history(service)));
  for (const HistoryEntry& entry : history) {
    if (entry.removed) continue;
    const auto file = repository.definition(service, entry.revision);
    if (file && !same(present, *file))
      return Choice{entry.revision, *file,
                    "no agent remembers a Ready one; this is the definition before in git"};
  }
  return base::not_found("cannot roll " + service.str() + " back: it has no other definition",
                         "mcp history " + service.str());
}

base::Result<Choice> choose(Session& session, const Repository& repository, const Options& options,
                            const std::optional<DefinitionText>& present) {
  const ServiceName service(options.service);
  if (options.to) {
    MCP_TRY(const std::string revision, from_git(repository.resolve(*options.to)));
    MCP_TRY(DefinitionText file, from_git(repository.definition(service, revision)));
    return Choice{revision, std::move(file), ""};
  }
  if (auto choice = from_agents(session, repository, service, present)) return *choice;
  return from_git_history(repository, service, present);
}

Outcome rollback(Session& session, const Options& options) {
  const ServiceName service(options.service);
  MCP_TRY(Repository * repository, session.repository());
  MCP_CHECK(from_git(repository->refresh()));
  std::optional<DefinitionText> present;
  if (auto file = repository->definition(service))
    present = std::move(*file);
  else if (file.error().code != base::Code::kNotFound)
    return git_error(file.error());
  MCP_TRY(const Choice choice, choose(session, *repository, options, present));
  if (present && crds::decode_file(present->path, present->text).services.size() > 1)
    return Failure{Exit::kFailed, base::invalid("cannot roll " + options.service + " back alone: " +
                                                    present->path + " defines other services too",
                                                "mcp service edit " + options.service)};
  Intent intent;
  intent.service = options.service;
  intent.wait = options.wait;
  intent.change.service = service;
  // A definition that moved keeps its present place, unless the format is another one.
  intent.change.path = present ? present->path : choice.file.path;
  intent.change.message = "rollback " + options.service + " to " + short_revision(choice.revision);
  intent.change.edit =
      present ? replace_text(present->text, choice.file.text) : create_file(choice.file.text);
  if (!choice.remark.empty())
    session.note("rolling back to " + short_revision(choice.revision) + ": " + choice.remark);
  return carry_out(session, intent);
}

}  // namespace

Command rollback_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "rollback",
      .summary = "Commit the definition as it was, and wait until it is Ready",
      .details =
          "Without --to: the last revision that an agent saw Ready and whose definition\n"
          "differs from the present one. Works for a service that was undeployed, too.",
      .example = "mcp rollback web\nmcp rollback web --to 1a2b3c4",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService}},
      .flags = {{"--to", &options->to, "REVISION", "a commit, branch or tag", Complete::kRevision},
                {"--wait,!--no-wait", &options->wait, "", "wait until it is Ready (default)"}},
      .run = [options](Session& session) { return rollback(session, *options); },
  };
}

}  // namespace controller
