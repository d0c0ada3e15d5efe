#include "controller/cli/completion.h"

#include <algorithm>
#include <set>

#include "base/core/text.h"
#include "controller/cli/gather.h"
#include "controller/cli/parse.h"
#include "crds/explain.h"

namespace controller {
namespace {

using Set = std::set<std::string>;

std::vector<Candidate> matching(const std::vector<Candidate>& all, const std::string& typed) {
  std::vector<Candidate> some;
  for (const Candidate& one : all)
    if (one.text.starts_with(typed)) some.push_back(one);
  return some;
}

std::vector<Candidate> of_names(const Names& names, Complete kind, const std::string& typed) {
  std::vector<Candidate> all;
  if (kind == Complete::kNothing || kind == Complete::kFile) return all;
  for (std::string& name : names(kind)) all.push_back({std::move(name), ""});
  return matching(all, typed);
}

std::vector<Candidate> of_commands(std::span<const Command> commands, const std::string& group,
                                   const std::string& typed) {
  std::vector<Candidate> all;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    const std::vector<std::string> words = base::split(command.name, ' ');
    const bool grouped = words.size() > 1;
    if (group.empty()) {
      const bool again = !all.empty() && all.back().text == words[0];
      if (!again)
        all.push_back({words[0], grouped ? "Commands about a " + words[0] : command.summary});
    } else if (grouped && words[0] == group) {
      all.push_back({words[1], command.summary});
    }
  }
  return matching(all, typed);
}

std::vector<Flag> flags_of(const Command* command) {
  static Globals globals;
  std::vector<Flag> flags = command == nullptr ? std::vector<Flag>{} : command->flags;
  for (Flag& flag : global_flags(globals)) flags.push_back(std::move(flag));
  return flags;
}

const Flag* find_flag(const std::vector<Flag>& flags, const std::string& word) {
  for (const Flag& flag : flags) {
    const std::vector<std::string> names = flag_names(flag);
    if (std::find(names.begin(), names.end(), word) != names.end()) return &flag;
  }
  return nullptr;
}

std::vector<Candidate> of_flags(const std::vector<Flag>& flags, const std::string& typed) {
  std::vector<Candidate> all = {{"--help", "Explain the command"}};
  for (const Flag& flag : flags)
    for (const std::string& name : flag_names(flag))
      if (name.starts_with("--")) all.push_back({name, flag.description});
  return matching(all, typed);
}

// How many values by position stand in the words behind the command.
size_t count_positional(const std::vector<Flag>& flags, const std::vector<std::string>& words) {
  size_t count = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-') || words[i] == "-") {
      ++count;
      continue;
    }
    const Flag* flag = find_flag(flags, words[i]);
    if (flag != nullptr && takes_value(*flag)) ++i;
  }
  return count;
}

Set services_on_disk(const Session& session) {
  Set names;
  const auto options = session.repository_options();
  if (!options) return names;
  const auto root = find_repository(options->spec);
  if (root.empty()) return names;
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(root / "services", error);
  for (const std::filesystem::recursive_directory_iterator end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file(error)) names.insert(it->path().stem().string());
  return names;
}

std::vector<std::string> names_of_agents(Session& session, Complete kind) {
  Set names;
  if (kind == Complete::kService || kind == Complete::kComponent)
    for (const std::string& name : services_on_disk(session)) names.insert(name);
  if (const auto picture = take_picture(session)) {
    for (const NodeStatus& node : picture->nodes) {
      if (kind == Complete::kNode) names.insert(node.node);
      if (kind == Complete::kRevision) names.insert(node.last_ready_revision);
      if (kind != Complete::kService && kind != Complete::kComponent) continue;
      for (const ServiceStatus& service : node.services) {
        names.insert(service.name);
        if (kind != Complete::kComponent) continue;
        for (const ComponentStatus& one : service.components)
          names.insert(service.name + "/" + one.name);
      }
    }
  }
  names.erase("");
  return {names.begin(), names.end()};
}

}  // namespace

std::vector<Candidate> complete(std::span<const Command> commands,
                                const std::vector<std::string>& words, const Names& names) {
  const std::string typed = words.empty() ? "" : words.back();
  const std::vector<std::string> before(words.begin(),
                                        words.empty() ? words.end() : words.end() - 1);
  const Located at = locate(commands, before);
  const std::vector<Flag> flags = flags_of(at.command);
  if (!before.empty())
    if (const Flag* flag = find_flag(flags, before.back()); flag != nullptr && takes_value(*flag)) {
      if (!flag->names.starts_with("-o,")) return of_names(names, flag->complete, typed);
      std::vector<Candidate> formats = {{"text", ""}, {"json", ""}, {"yaml", ""}, {"name", ""}};
      if (at.command != nullptr)
        for (const std::string& format : at.command->formats) formats.push_back({format, ""});
      return matching(formats, typed);
    }
  if (typed.starts_with('-')) return of_flags(flags, typed);
  if (at.command == nullptr)
    return at.unknown.empty() ? of_commands(commands, at.group, typed) : std::vector<Candidate>{};
  const std::vector<Argument>& arguments = at.command->arguments;
  if (arguments.empty()) return {};
  const size_t position = count_positional(flags, at.rest);
  const bool many = std::holds_alternative<std::vector<std::string>*>(arguments.back().target);
  if (position >= arguments.size() && !many) return {};
  return of_names(names, arguments[std::min(position, arguments.size() - 1)].complete, typed);
}

Names names_of(Session& session) {
  return [&session](Complete kind) -> std::vector<std::string> {
    if (kind == Complete::kShell) return {"bash", "fish", "zsh"};
    if (kind == Complete::kKind) {
      std::vector<std::string> kinds = crds::kinds();
      for (std::string& name : kinds)
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return kinds;
    }
    return names_of_agents(session, kind);
  };
}

}  // namespace controller
