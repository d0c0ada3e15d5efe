#include "controller/cli/run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "controller/cli/config.h"
#include "controller/cli/parse.h"
#include "controller/cli/session.h"

namespace controller {
namespace {

// RFC 9457, with "exitCode" and "hint" as extensions.
std::string problem_document(const Failure& failure) {
  Json document;
  document["type"] = "about:blank";
  document["title"] = base::name(failure.error.code);
  document["detail"] = failure.error.message;
  if (!failure.error.hint.empty()) document["hint"] = failure.error.hint;
  document["exitCode"] = static_cast<int>(failure.exit);
  return to_json(document);
}

// Said before parsing has succeeded, so it looks for itself.
bool wants_json(const std::vector<std::string>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "-ojson" || args[i] == "--output=json" || args[i] == "-o=json") return true;
    if ((args[i] == "-o" || args[i] == "--output") && i + 1 < args.size())
      return args[i + 1] == "json";
  }
  return false;
}

int fail(const Terminal& terminal, bool json, const Failure& failure) {
  terminal.out.flush();
  if (json)
    terminal.err << problem_document(failure);
  else
    terminal.err << "error: " << failure.error.text() << "\n";
  return static_cast<int>(failure.exit);
}

}  // namespace

int run(std::span<const Command> commands, const std::vector<std::string>& args,
        const Terminal& terminal, const Environment& environment, std::string version) {
  const bool json = wants_json(args);
  Globals globals;
  const auto parsed = parse(commands, globals, args);
  if (!parsed) return fail(terminal, json, parsed.error());
  if (parsed->version) {
    terminal.out << "mcp " << version << "\n";
    return 0;
  }
  if (!parsed->help.empty()) {
    terminal.out << parsed->help;
    return 0;
  }
  auto config = load_config(environment);
  // Completion must not talk, and offers what it can without a configuration.
  if (!config && !parsed->command->hidden)
    return fail(terminal, json, Failure{Exit::kFailed, config.error()});
  // A shell that completes waits for at most this long.
  if (parsed->command->hidden && !globals.timeout) globals.timeout = base::Millis(1000);
  Session session(terminal, environment, globals, config ? *config : Config{}, commands,
                  std::move(version));
  const Outcome outcome = parsed->command->run(session);
  terminal.out.flush();
  if (!parsed->command->hidden) session.compare_versions();
  return outcome ? static_cast<int>(*outcome) : fail(terminal, json, outcome.error());
}

}  // namespace controller
