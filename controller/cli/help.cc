#include "controller/cli/help.h"

#include <algorithm>

#include "base/core/text.h"
#include "controller/cli/globals.h"
#include "controller/cli/parse.h"

namespace controller {
namespace {

std::string indent(const std::string& text) {
  std::string out;
  for (const std::string& line : base::split(text, '\n'))
    out += line.empty() ? "\n" : "  " + line + "\n";
  return out;
}

std::string row(const std::string& left, const std::string& right) {
  constexpr size_t kColumn = 28;
  std::string out = "  " + left;
  if (out.size() + 2 > kColumn)
    out += "\n" + std::string(kColumn, ' ');
  else
    out.resize(kColumn, ' ');
  return out + right + "\n";
}

std::string flag_rows(const std::vector<Flag>& flags) {
  std::string out;
  for (const Flag& flag : flags) {
    std::string left = base::join(flag_names(flag), ", ");
    if (takes_value(flag)) left += " " + flag.label;
    out += row(left, flag.description);
  }
  return out;
}

}  // namespace

std::string command_help(const Command& command) {
  std::string synopsis = "mcp " + command.name;
  std::string arguments;
  for (const Argument& argument : command.arguments) {
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    const std::string label = argument.label + (many ? "..." : "");
    synopsis += argument.required ? " " + label : " [" + label + "]";
    arguments += row(argument.label, argument.description);
  }
  Globals defaults;
  std::string out = command.summary + ".\n\nUsage:\n  " + synopsis + " [flags]\n";
  if (!command.details.empty()) out += "\n" + command.details + "\n";
  out += "\nExample:\n" + indent(command.example);
  if (!arguments.empty()) out += "\nArguments:\n" + arguments;
  if (!command.flags.empty()) out += "\nFlags:\n" + flag_rows(command.flags);
  if (!command.formats.empty())
    out += "\n  -o also takes: " + base::join(command.formats, ", ") + "\n";
  return out + "\nFlags of every command:\n" + flag_rows(global_flags(defaults));
}

std::string program_help(std::span<const Command> commands, const std::string& group) {
  std::string out = group.empty()
                        ? "mcp commits what should run to a git repository, and tells how "
                          "the nodes' agents make it so.\n\nUsage:\n  mcp COMMAND [flags]\n"
                        : "Usage:\n  mcp " + group + " COMMAND [flags]\n";
  out += "\nCommands:\n";
  for (const Command& command : commands) {
    if (command.hidden || (!group.empty() && !command.name.starts_with(group + " "))) continue;
    out += row(command.name, command.summary);
  }
  if (!group.empty()) return out;
  return out +
         "\nExample:\n"
         "  mcp init desired && cd desired\n"
         "  mcp deploy web --version v1.2.0\n"
         "  mcp status\n"
         "\n'mcp COMMAND --help' explains a command with an example. Exit codes: 0 done, 1 "
         "failed,\n"
         "2 usage, 3 invalid definitions, 4 not ready or differences found, 5 timed out,\n"
         "6 not allowed, 7 agent unreachable.\n";
}

}  // namespace controller
