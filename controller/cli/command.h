#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/core/time.h"
#include "controller/cli/outcome.h"

// One command of `mcp` as data: what it takes, how it is explained and what it does. Parsing, help
// and shell completion are made from it.
namespace controller {

class Session;

// What can stand in a value's place; shell completion offers it.
enum class Complete { kNothing, kService, kComponent, kNode, kRevision, kKind, kShell, kFile };

// A value by position. `target` outlives the command.
struct Argument {
  std::string label;                                             // "SERVICE[/COMPONENT]"
  std::variant<std::string*, std::vector<std::string>*> target;  // a vector takes all that follow
  std::string description;
  Complete complete = Complete::kNothing;
  bool required = true;
};

// "-f,--follow". A bool takes no value; "--wait,!--no-wait" sets and clears.
struct Flag {
  using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::optional<int>*,
                              std::vector<std::string>*, std::optional<base::Millis>*>;
  std::string names;
  Target target;
  std::string label;  // of the value: "VERSION"; empty for a bool
  std::string description;
  Complete complete = Complete::kNothing;
};

struct Command {
  std::string name;     // "deploy", "service show"
  std::string summary;  // one line, without a full stop
  std::string details;  // paragraphs for --help; may be empty
  std::string example;  // lines for --help
  std::vector<Argument> arguments;
  std::vector<Flag> flags;
  std::vector<std::string> formats;  // values of -o that only this command knows
  std::function<Outcome(Session&)> run;
  bool hidden = false;
};

}  // namespace controller
