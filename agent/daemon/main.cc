#include <CLI/CLI.hpp>
#include <iostream>

#include "agent/config/config.h"
#include "agent/daemon/alerting.h"
#include "agent/daemon/checks.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/source_config.h"
#include "agent/daemon/stdio.h"
#include "agent/store/sqlite_store.h"
#include "base/log/log.h"
#include "base/version/version.h"

namespace {

using agent::LoadedConfig;

struct Options {
  std::string config_file;
  std::string repo;
  std::string node;
  std::string snapshot_to;
  std::string socket;
  std::string format = "text";
  std::string receiver;
};

base::Result<LoadedConfig> load(const Options& options) {
  const agent::Environment environment = agent::Environment::current();
  LoadedConfig loaded{agent::default_config(environment), {}};
  if (!options.config_file.empty()) {
    MCP_TRY(loaded, agent::load_config(options.config_file, environment));
  }
  if (!options.repo.empty()) loaded.config.source.url = options.repo;
  if (!options.node.empty()) loaded.config.node.name = crds::NodeName(options.node);
  return loaded;
}

int failed(const base::Error& error) {
  std::cerr << "error: " << error.text() << "\n";
  return 1;
}

// Everything that is wrong with the configuration, on stderr. True: nothing is.
bool report(const LoadedConfig& loaded) {
  for (const crds::Diagnostic& problem : loaded.problems)
    std::cerr << "error: " << problem.text() << "\n";
  return loaded.problems.empty();
}

int run(const LoadedConfig& loaded) {
  if (!report(loaded)) return 3;
  if (loaded.config.source.url.empty()) {
    std::cerr << "error: no repository to follow (give --repo, or [source] url in the file of "
                 "--config)\n";
    return 2;
  }
  base::log::configure(loaded.config.log.level, loaded.config.log.format);
  const base::Result<> ended = agent::run_daemon(loaded.config, std::string(base::version()));
  return ended ? 0 : failed(ended.error());
}

int check(const LoadedConfig& loaded, const std::string& format) {
  agent::Podman podman(agent::visiting_podman_options(loaded.config));
  const std::vector<agent::Finding> findings = agent::examine(loaded, podman, nullptr);
  bool bad = false;
  for (const agent::Finding& one : findings) bad |= one.level == agent::Finding::Level::kError;
  if (format == "json") {
    std::cout << agent::findings_document(findings) << "\n";
  } else {
    for (const agent::Finding& one : findings) std::cout << one.line() << "\n";
  }
  return bad ? 1 : 0;
}

int snapshot(const LoadedConfig& loaded, const std::string& to) {
  if (!report(loaded)) return 3;
  const base::Result<> copied = agent::snapshot_registry(loaded.config.registry.path, to);
  if (!copied) return failed(copied.error());
  std::cout << "registry copied to " << to << "\n";
  return 0;
}

int alert_test(const LoadedConfig& loaded, const std::string& receiver) {
  if (!report(loaded)) return 3;
  const auto good = agent::test_receivers(loaded.config, receiver, std::string(base::version()));
  if (!good) return failed(good.error());
  return *good ? 0 : 1;
}

// The agent of this user, else the machine's.
int stdio(const Options& options, const LoadedConfig& loaded) {
  std::vector<std::string> sockets = {loaded.config.api.socket, "/run/mcp/agent.sock"};
  if (!options.socket.empty()) sockets = {options.socket};
  const base::Result<> joined = agent::join_stdio(sockets);
  return joined ? 0 : failed(joined.error());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Keeps this node's containers as a git repository of definitions says.\n\n"
      "Example: mcp-agent --repo /srv/git/desired.git",
      "mcp-agent"};
  app.set_version_flag("--version", "mcp-agent " + std::string(base::version()));
  app.add_option("--config", options.config_file, "configuration file (TOML)")->type_name("FILE");
  app.add_option("--repo", options.repo, "repository to follow, over what the file says")
      ->type_name("URL");
  app.add_option("--node", options.node, "name of this node, over what the file says")
      ->type_name("NAME")
      ->check([](const std::string& text) {
        const auto name = agent::parse_node_name(text);
        return name ? std::string() : name.error().text();
      });
  app.fallthrough();
  CLI::App* check_command =
      app.add_subcommand("check", "look at the configuration and what it needs; change nothing");
  check_command->add_option("-o,--output", options.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  CLI::App* snapshot_command =
      app.add_subcommand("snapshot", "copy the registry, also while the agent runs");
  snapshot_command->add_option("FILE", options.snapshot_to, "the new file")->required();
  CLI::App* alert_command = app.add_subcommand(
      "alert-test", "send a test to everybody who is told of alerts, and say how each answered");
  alert_command->add_option("RECEIVER", options.receiver, "only this one");
  CLI::App* stdio_command = app.add_subcommand(
      "stdio",
      "speak with the running agent through standard input and output (mcp does, over ssh)");
  stdio_command->add_option("--socket", options.socket, "of the agent's API")->type_name("PATH");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const base::Result<LoadedConfig> loaded = load(options);
  if (!loaded) return failed(loaded.error());
  if (check_command->parsed()) return check(*loaded, options.format);
  if (snapshot_command->parsed()) return snapshot(*loaded, options.snapshot_to);
  if (alert_command->parsed()) return alert_test(*loaded, options.receiver);
  if (stdio_command->parsed()) return stdio(options, *loaded);
  return run(*loaded);
}
