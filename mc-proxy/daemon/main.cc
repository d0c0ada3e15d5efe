#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/http/server.h"
#include "base/log/log.h"
#include "base/version/version.h"
#include "mc-proxy/config/config.h"
#include "mc-proxy/daemon/api.h"

namespace {

using base::Result;
using mc_proxy::Config;

constexpr base::Millis kStopGrace{30000};
constexpr int kScrapers = 4;

int failed(const base::Error& error) {
  std::cerr << "error: " << error.text() << "\n";
  return 1;
}

void make_folder_of(const std::string& file) {
  std::error_code ignored;  // what needs it says so
  std::filesystem::create_directories(std::filesystem::absolute(file).parent_path(), ignored);
}

// One process a database; the kernel frees it however the process ends.
Result<> claim(const std::string& database) {
  const std::string path = database + ".lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return base::make_error(base::Code::kDenied,
                            "cannot write " + path + ": " + std::strerror(errno),
                            "check [database] path and the user that mc-proxy runs as");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return base::make_error(base::Code::kConflict, "another mc-proxy uses " + database,
                            "stop it, or name another [database] path");
  return {};  // held until the process ends
}

int run(const Config& config) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before threads: they inherit it
  ::signal(SIGPIPE, SIG_IGN);
  // A heap for each thread, and one that has held a long document, would only hold on to that.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
  make_folder_of(config.database);
  make_folder_of(config.socket);
  if (const auto claimed = claim(config.database); !claimed) return failed(claimed.error());
  const auto proxy = mc_proxy::Proxy::open(config);
  if (!proxy) return failed(proxy.error());
  base::HttpServer server({.socket = config.socket, .group = config.group});
  mc_proxy::add_routes(server, **proxy);
  if (const auto started = server.start(); !started) return failed(started.error());
  base::HttpServer metrics({.threads = kScrapers, .listen = config.metrics, .plain = true});
  if (!config.metrics.empty()) {
    mc_proxy::add_metrics(metrics, **proxy);
    // Not worth the routes: HAProxy would be looked after by nobody.
    if (const auto started = metrics.start(); !started)
      base::log::warning("no metrics: " + started.error().text());
  }
  std::jthread watcher([&](std::stop_token stop) { (*proxy)->watch(std::move(stop)); });
  base::log::info("ready", {{"socket", config.socket}, {"version", base::version()}});
  int number = 0;
  ::sigwait(&signals, &number);
  metrics.stop();
  server.stop();
  base::log::info("stopped; HAProxy goes on serving (mc-proxy stop ends it)");
  return 0;
}

int stop(const Config& config) {
  mc_proxy::Engine engine({config.haproxy, config.engine_dir(), config.max_connections});
  if (!engine.adopt()) {
    std::cout << "HAProxy does not run\n";
    return 0;
  }
  engine.stop(kStopGrace);
  std::cout << "HAProxy has ended\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Owns this node's public ports and sends what comes to the services behind them.\n\n"
      "Example: mc-proxy --config /srv/mc-proxy/mc-proxy.toml",
      "mc-proxy"};
  std::string file;
  std::string dev_ca;
  app.set_version_flag("--version", "mc-proxy " + std::string(base::version()));
  app.add_option("--config", file, "configuration file (TOML)")->type_name("FILE")->required();
  app.add_option("--dev-ca", dev_ca,
                 "make a development CA there, and certificates for l7 routes that have none")
      ->type_name("DIR");
  app.fallthrough();
  CLI::App* check_command = app.add_subcommand("check", "read the configuration; change nothing");
  CLI::App* stop_command = app.add_subcommand(
      "stop", "end HAProxy, after its connections or in 30 seconds; stop mc-proxy first");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto loaded = mc_proxy::load_config(file);
  if (!loaded) return failed(loaded.error());
  for (const base::Diagnostic& problem : loaded->problems)
    std::cerr << "error: " << problem.text() << "\n";
  if (!loaded->problems.empty()) return 3;
  if (!dev_ca.empty()) loaded->config.dev_ca = dev_ca;
  base::log::configure(loaded->config.log_level, loaded->config.log_format);
  if (check_command->parsed()) {
    std::cout << "ok\n";
    return 0;
  }
  return stop_command->parsed() ? stop(loaded->config) : run(loaded->config);
}
