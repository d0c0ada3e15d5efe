#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"

namespace controller {
namespace {

struct Options {
  std::string target;
  bool follow = false;
  std::optional<int> tail;
  std::optional<std::string> since;
};

// "10m" ago, or a time.
tl::expected<std::string, Failure> since_time(const std::string& text) {
  if (const auto ago = base::parse_duration(text)) return base::to_rfc3339(now() - *ago);
  if (const auto at = base::parse_rfc3339(text)) return base::to_rfc3339(*at);
  return tl::unexpected(usage("--since wants a duration or a time, not '" + text + "'",
                              "for example 10m or 2026-11-22T10:00:00Z"));
}

tl::expected<std::vector<std::string>, Failure> components_of(const Holder& holder,
                                                              const Target& target) {
  std::vector<std::string> names;
  for (const ComponentStatus& one : holder.service.components) names.push_back(one.name);
  if (target.component.empty()) return names;
  for (const std::string& name : names)
    if (name == target.component) return std::vector<std::string>{name};
  const auto near = base::nearest(target.component, names);
  return tl::unexpected(
      Failure{Exit::kFailed,
              base::not_found(target.service + " has no component '" + target.component + "'",
                              near ? "did you mean '" + target.service + "/" + *near + "'?"
                                   : "it has " + base::join(names, ", "))});
}

Outcome logs(Session& session, const Options& options) {
  auto target = parse_target(options.target);
  if (!target) return target.error();
  LogQuery query{.follow = options.follow, .tail = options.tail, .since = {}};
  if (options.since) {
    auto since = since_time(*options.since);
    if (!since) return since.error();
    query.since = *since;
  }
  MCP_TRY(const Holder holder, find_holder(session, target->service));
  auto components = components_of(holder, *target);
  if (!components) return components.error();

  std::mutex mutex;
  std::optional<base::Error> failure;
  const auto stream = [&](const std::string& component) {
    const std::string name = target->service + "/" + component;
    const std::string prefix = components->size() > 1 ? component + " | " : "";
    const auto done =
        holder.agent->logs(target->service, component, query, [&](std::string_view line) {
          const std::lock_guard lock(mutex);
          session.emit_one({{"service", target->service}, {"component", component}, {"line", line}},
                           name, [&] { return prefix + std::string(line) + "\n"; });
          return !session.terminal().out.fail();
        });
    const std::lock_guard lock(mutex);
    if (!done) failure = done.error();
  };
  if (options.follow) {
    std::vector<std::jthread> threads;
    for (const std::string& component : *components) threads.emplace_back(stream, component);
    threads.clear();  // joins
  } else {
    for (const std::string& component : *components) stream(component);
  }
  if (failure) return *failure;
  return Exit::kDone;
}

}  // namespace

Command logs_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "logs",
      .summary = "Print what a service's containers have written",
      .details =
          "Of several components, each line starts with its component. -o json prints one\n"
          "object a line.",
      .example = "mcp logs web/api -f -n 100\nmcp logs web --since 10m",
      .arguments = {{"SERVICE[/COMPONENT]", &options->target, "whose log", Complete::kComponent}},
      .flags = {{"-f,--follow", &options->follow, "", "go on with what comes"},
                {"-n,--tail", &options->tail, "LINES", "only the last lines"},
                {"--since", &options->since, "TIME", "from then on: 10m, or 2026-11-22T10:00:00Z"}},
      .run = [options](Session& session) { return logs(session, *options); },
  };
}

}  // namespace controller
