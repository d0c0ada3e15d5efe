#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/cli/command.h"
#include "controller/cli/globals.h"

// The command line: which command is meant, and its values.
namespace controller {

struct Parsed {
  const Command* command = nullptr;  // null: help or the version of the program was asked for
  std::string help;                  // print this and be done
  bool version = false;              // `mcp --version`
};

// `args` without the program's name. Fills `globals` and the targets of the command that is meant.
// A misspelt word is a usage failure with the nearest right one.
tl::expected<Parsed, Failure> parse(std::span<const Command> commands, Globals& globals,
                                    std::vector<std::string> args);

// Where the words of a command line stand: shared by parsing and completion.
struct Located {
  const Command* command = nullptr;
  std::string group;              // "service": a word that only has subcommands
  std::vector<std::string> rest;  // all words that do not name the command
  std::string unknown;            // the first word that names no command
};
Located locate(std::span<const Command> commands, const std::vector<std::string>& args);

// "-f,--follow" -> {"-f", "--follow"}; "!--no-wait" -> "--no-wait".
std::vector<std::string> flag_names(const Flag& flag);
bool takes_value(const Flag& flag);

}  // namespace controller
