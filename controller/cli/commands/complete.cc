#include <algorithm>
#include <memory>
#include <ostream>
#include <set>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/completion.h"
#include "controller/cli/session.h"

namespace controller {

// `mcp __complete WORD...`: the words of a command line behind "mcp", the last one being typed.
// Prints one candidate a line, a tab, and what it is.
Command complete_command() {
  auto words = std::make_shared<std::vector<std::string>>();
  return {
      .name = "__complete",
      .summary = "Print what can come next on a command line",
      .example = "mcp __complete -- deploy w",
      .arguments = {{"WORD", words.get(), "the words", Complete::kNothing, false}},
      .run = [words](Session& session) -> Outcome {
        for (const Candidate& one : complete(session.commands(), *words, names_of(session)))
          session.terminal().out << one.text << "\t" << one.description << "\n";
        return Exit::kDone;
      },
      .hidden = true,
  };
}

}  // namespace controller
