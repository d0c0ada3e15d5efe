#include "controller/cli/parse.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

#include "base/core/text.h"
#include "controller/cli/help.h"

namespace controller {
namespace {

std::vector<std::string> words_of(std::span<const Command> commands, std::string_view group) {
  std::vector<std::string> words;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    const std::vector<std::string> parts = base::split(command.name, ' ');
    if (group.empty())
      words.push_back(parts[0]);
    else if (parts[0] == group && parts.size() > 1)
      words.push_back(parts[1]);
  }
  return words;
}

Failure unknown_word(std::span<const Command> commands, const Located& at) {
  const std::vector<std::string> words = words_of(commands, at.group);
  const std::string prefix = at.group.empty() ? "" : at.group + " ";
  if (at.unknown.empty())
    return usage("'mcp " + at.group + "' needs a subcommand", "one of: " + base::join(words, ", "));
  std::string hint =
      "'mcp " + (at.group.empty() ? "--help" : at.group + " --help") + "' lists the commands";
  if (const auto near = base::nearest(at.unknown, words))
    hint = "did you mean 'mcp " + prefix + *near + "'?";
  return usage("'" + prefix + at.unknown + "' is not a command", hint);
}

// A CLI11 option writes text; what it means is checked here, so that messages are ours.
struct Binding {
  const Flag* flag;
  std::vector<std::string> texts;
  CLI::Option* option = nullptr;
};

void add(CLI::App& app, const Flag& flag, Binding& binding) {
  binding.flag = &flag;
  if (bool* const* value = std::get_if<bool*>(&flag.target))
    binding.option = app.add_flag(flag.names, **value);
  else
    binding.option = app.add_option(flag.names, binding.texts)
                         ->type_size(1)
                         ->expected(1)
                         ->allow_extra_args(false)
                         ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

tl::expected<void, Failure> store(const Binding& binding) {
  const Flag& flag = *binding.flag;
  if (binding.texts.empty()) return {};
  const std::string& text = binding.texts.back();
  const std::string name = flag_names(flag).back();
  if (auto* target = std::get_if<std::string*>(&flag.target)) {
    **target = text;
  } else if (auto* target = std::get_if<std::optional<std::string>*>(&flag.target)) {
    **target = text;
  } else if (auto* target = std::get_if<std::vector<std::string>*>(&flag.target)) {
    for (const std::string& one : binding.texts)
      for (std::string& part : base::split(one, ',')) (*target)->push_back(std::move(part));
  } else if (auto* target = std::get_if<std::optional<int>*>(&flag.target)) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0)
      return tl::unexpected(usage(name + " wants a whole number, not '" + text + "'"));
    **target = number;
  } else if (auto* target = std::get_if<std::optional<base::Millis>*>(&flag.target)) {
    const auto duration = base::parse_duration(text);
    if (!duration)
      return tl::unexpected(
          usage(name + " wants a duration, not '" + text + "'", "for example 30s, 5m or 1h30m"));
    **target = *duration;
  }
  return {};
}

tl::expected<void, Failure> assign(const Command& command, std::vector<std::string> words) {
  size_t next = 0;
  const std::string help = "'mcp " + command.name + " --help' shows an example";
  for (const Argument& argument : command.arguments) {
    if (next >= words.size()) {
      if (argument.required)
        return tl::unexpected(usage("'mcp " + command.name + "' needs " + argument.label, help));
      break;
    }
    if (auto* one = std::get_if<std::string*>(&argument.target)) {
      **one = words[next++];
    } else {
      auto& all = *std::get<std::vector<std::string>*>(argument.target);
      all.assign(words.begin() + static_cast<long>(next), words.end());
      next = words.size();
    }
  }
  if (next < words.size())
    return tl::unexpected(
        usage("'mcp " + command.name + "' does not take '" + words[next] + "'", help));
  return {};
}

Failure unknown_flag(const Command& command, const std::vector<Flag>& flags,
                     const std::string& word) {
  std::vector<std::string> names = {"--help"};
  for (const Flag& flag : flags)
    for (std::string& name : flag_names(flag)) names.push_back(std::move(name));
  const std::string bare = word.substr(0, word.find('='));
  std::string hint = "'mcp " + command.name + " --help' lists the flags";
  if (const auto near = base::nearest(bare, names)) hint = "did you mean '" + *near + "'?";
  return usage("'mcp " + command.name + "' has no flag '" + bare + "'", hint);
}

tl::expected<void, Failure> parse_values(const Command& command, Globals& globals,
                                         std::vector<std::string> words) {
  std::vector<Flag> flags = command.flags;
  for (Flag& flag : global_flags(globals)) flags.push_back(std::move(flag));

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<Binding> bindings(flags.size());
  std::vector<std::string> positional;
  app.add_option("arguments", positional);
  try {
    for (size_t i = 0; i < flags.size(); ++i) add(app, flags[i], bindings[i]);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return tl::unexpected(usage("'mcp " + command.name + "': " + error.what(),
                                "'mcp " + command.name + " --help' lists the flags"));
  }
  for (const std::string& extra : app.remaining())
    if (extra != "--") return tl::unexpected(unknown_flag(command, flags, extra));
  for (const Binding& binding : bindings)
    if (auto stored = store(binding); !stored) return stored;
  return assign(command, std::move(positional));
}

tl::expected<void, Failure> check_output(const Command& command, const Globals& globals) {
  std::vector<std::string> formats = {"text", "json", "yaml", "name"};
  formats.insert(formats.end(), command.formats.begin(), command.formats.end());
  if (std::find(formats.begin(), formats.end(), globals.output) != formats.end()) return {};
  return tl::unexpected(
      usage("'" + globals.output + "' is not an output format of 'mcp " + command.name + "'",
            "one of: " + base::join(formats, ", ")));
}

}  // namespace

std::vector<Flag> global_flags(Globals& globals) {
  return {
      {"-o,--output", &globals.output, "FORMAT", "text, json, yaml or name"},
      {"--node", &globals.nodes, "NODE", "only these nodes (repeat, or separate by commas)",
       Complete::kNode},
      {"--agent", &globals.agent, "ADDRESS", "the agent to ask: unix:///path (MCP_AGENT)"},
      {"--repo", &globals.repo, "PATH|URL", "the desired-state repository (MCP_REPO)",
       Complete::kFile},
      {"--timeout", &globals.timeout, "DURATION", "give up after this time: 30s, 5m; 0s is never"},
      {"-q,--quiet", &globals.quiet, "", "no progress, only results and errors"},
      {"-v,--verbose", &globals.verbose, "", "say which repository and agents are used"},
  };
}

std::vector<std::string> flag_names(const Flag& flag) {
  std::vector<std::string> names = base::split(flag.names, ',');
  for (std::string& name : names)
    if (name.starts_with('!')) name.erase(0, 1);
  return names;
}

bool takes_value(const Flag& flag) {
  return !std::holds_alternative<bool*>(flag.target);
}

Located locate(std::span<const Command> commands, const std::vector<std::string>& args) {
  Globals unused;
  const std::vector<Flag> globals = global_flags(unused);
  const auto value_follows = [&](const std::string& word) {
    return std::any_of(globals.begin(), globals.end(), [&](const Flag& flag) {
      const std::vector<std::string> names = flag_names(flag);
      return takes_value(flag) && std::find(names.begin(), names.end(), word) != names.end();
    });
  };
  const auto named = [&](const std::string& name) {
    const auto it = std::find_if(commands.begin(), commands.end(),
                                 [&](const Command& one) { return one.name == name; });
    return it == commands.end() ? nullptr : &*it;
  };
  const auto is_group = [&](const std::string& name) {
    return std::any_of(commands.begin(), commands.end(),
                       [&](const Command& one) { return one.name.starts_with(name + " "); });
  };

  Located at;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    const bool done = at.command != nullptr || !at.unknown.empty();
    if (done || (word.starts_with('-') && word != "-")) {
      at.rest.push_back(word);
      if (!done && value_follows(word) && i + 1 < args.size()) at.rest.push_back(args[++i]);
    } else if (at.group.empty() && is_group(word)) {
      at.group = word;
    } else {
      at.command = named(at.group.empty() ? word : at.group + " " + word);
      if (at.command == nullptr) at.unknown = word;
    }
  }
  return at;
}

tl::expected<Parsed, Failure> parse(std::span<const Command> commands, Globals& globals,
                                    std::vector<std::string> args) {
  Located at = locate(commands, args);
  const auto asks = [&](std::initializer_list<std::string_view> names) {
    for (const std::string& word : at.rest) {
      if (word == "--") return false;
      if (std::find(names.begin(), names.end(), word) != names.end()) return true;
    }
    return false;
  };
  const bool help = asks({"-h", "--help"});
  if (at.command != nullptr && help) return Parsed{at.command, command_help(*at.command), false};
  if (at.unknown == "help") {  // mcp help deploy
    const Located topic = locate(commands, at.rest);
    if (topic.command != nullptr) return Parsed{nullptr, command_help(*topic.command), false};
    if (!topic.unknown.empty()) return tl::unexpected(unknown_word(commands, topic));
    return Parsed{nullptr, program_help(commands, topic.group), false};
  }
  if (at.command == nullptr) {
    if (!at.unknown.empty()) return tl::unexpected(unknown_word(commands, at));
    if (help || args.empty()) return Parsed{nullptr, program_help(commands, at.group), false};
    if (at.group.empty() && asks({"--version"})) return Parsed{nullptr, "", true};
    if (!at.group.empty()) return tl::unexpected(unknown_word(commands, at));
    return tl::unexpected(usage("no command given", "'mcp --help' lists the commands"));
  }
  if (auto values = parse_values(*at.command, globals, std::move(at.rest)); !values)
    return tl::unexpected(values.error());
  if (auto output = check_output(*at.command, globals); !output)
    return tl::unexpected(output.error());
  return Parsed{at.command, "", false};
}

}  // namespace controller
