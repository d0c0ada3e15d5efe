#include <memory>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

// Each asks `mcp __complete` for the words so far; with no candidate the shell offers files.
constexpr std::string_view kBash =
    R"(# bash completion of mcp; load it with: source <(mcp completion bash)
_mcp() {
  local line candidates=()
  while IFS=$'\t' read -r line _; do
    candidates+=("$line")
  done < <(mcp __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=("${candidates[@]}")
}
complete -o default -o bashdefault -F _mcp mcp
)";

constexpr std::string_view kZsh = R"(#compdef mcp
# zsh completion of mcp; load it with: source <(mcp completion zsh)
_mcp() {
  local line text description
  local -a candidates
  while IFS=$'\t' read -r text description; do
    candidates+=("${text//:/\\:}${description:+:$description}")
  done < <(mcp __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#candidates} )); then
    _describe 'mcp' candidates
  else
    _files
  fi
}
# By hand, or by zsh itself when it is first wanted.
if [[ ${funcstack[1]} == _mcp ]]; then _mcp; else compdef _mcp mcp; fi
)";

constexpr std::string_view kFish =
    R"(# fish completion of mcp; load it with: mcp completion fish | source
function __mcp_complete
  set -l words (commandline -opc) (commandline -ct)
  mcp __complete -- $words[2..-1] 2>/dev/null
end
complete -c mcp -f -a '(__mcp_complete)'
)";

}  // namespace

Command completion_command() {
  auto shell = std::make_shared<std::string>();
  return {
      .name = "completion",
      .summary = "Print a completion script for bash, zsh or fish",
      .details = "Names of services, components and nodes come from the repository and the agents.",
      .example = "source <(mcp completion bash)\nmcp completion fish | source",
      .arguments = {{"SHELL", shell.get(), "bash, zsh or fish", Complete::kShell}},
      .run = [shell](Session& session) -> Outcome {
        const std::string script(*shell == "bash"   ? kBash
                                 : *shell == "zsh"  ? kZsh
                                 : *shell == "fish" ? kFish
                                                    : "");
        if (script.empty()) return usage("no completion for '" + *shell + "'", "bash, zsh or fish");
        session.emit({{"shell", *shell}, {"script", script}}, {*shell}, [&] { return script; });
        return Exit::kDone;
      },
  };
}

}  // namespace controller
