#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/cli/command.h"
#include "controller/cli/config.h"
#include "controller/cli/document.h"
#include "controller/cli/globals.h"
#include "controller/cli/progress.h"
#include "controller/cli/terminal.h"
#include "controller/fleet/fleet.h"
#include "controller/intent/repository.h"

namespace controller {

// One run of a command: where it writes, what it was told, and the repository and agents, which are
// opened when they are first asked for.
class Session {
 public:
  Session(Terminal terminal, Environment environment, Globals globals, Config config,
          std::span<const Command> commands, std::string version);

  const Terminal& terminal() const { return terminal_; }
  const Environment& environment() const { return environment_; }
  const Globals& globals() const { return globals_; }
  const Config& config() const { return config_; }
  std::span<const Command> commands() const { return commands_; }
  const std::string& version() const { return version_; }
  // Says which of the agents that were asked are of another release.
  void compare_versions() const;

  // ------------------------------------------------------------ output
  bool text_output() const { return globals_.output == "text"; }
  // The result in the format of -o: the document, the names one a line, or the text.
  void emit(const Json& document, const std::vector<std::string>& names,
            const std::function<std::string()>& text) const;
  // One of many results, as it comes: a line of JSON, a YAML document, or the text.
  void emit_one(const Json& document, const std::string& name,
                const std::function<std::string()>& text) const;
  // To the error stream: a remark (not with -q), a warning, a detail (with -v).
  void note(const std::string& text) const;
  void warn(const std::string& text) const;
  void detail(const std::string& text) const;
  // Progress goes where text goes: to the output, and beside it when that carries a document.
  std::unique_ptr<Progress> progress() const;

  // ------------------------------------------------------------ repository
  // Where the repository is: --repo, MCP_REPO, [repo], [services] dir, the current directory.
  // kNotFound: nothing says so.
  base::Result<RepositoryOptions> repository_options() const;
  // Opened once. Its errors are ours to blame on git, see git_error().
  base::Result<Repository*> repository();

  // ------------------------------------------------------------ agents
  // --agent, MCP_AGENT, [[nodes]] and the `agent` of node files, else this machine's; of these,
  // the ones that --node selects.
  base::Result<const std::vector<Agent>*> agents();

 private:
  std::vector<KnownNode> known_nodes();

  Terminal terminal_;
  Environment environment_;
  Globals globals_;
  Config config_;
  std::span<const Command> commands_;
  std::string version_;
  std::optional<Repository> repository_;
  std::optional<std::vector<Agent>> agents_;
};

// An error of git keeps its words; it is never "agent unreachable" or "timed out waiting".
base::Error git_error(base::Error error);
template <class T>
base::Result<T> from_git(base::Result<T> result) {
  if (!result) return git_error(std::move(result).error());
  return result;
}

// The root of the desired-state repository around `directory`: the nearest folder upward that has
// a .git and definitions, or had some in its history. Empty: none.
std::filesystem::path find_repository(const std::filesystem::path& directory);

// "1a2b3c4"
std::string short_revision(std::string_view revision);

// The whole remainder of a name: "web/api" -> {"web", "api"}; "web" -> {"web", ""}.
struct Target {
  std::string service;
  std::string component;
  std::string text() const { return component.empty() ? service : service + "/" + component; }
};
tl::expected<Target, Failure> parse_target(const std::string& text);

}  // namespace controller
