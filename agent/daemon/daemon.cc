#include "agent/daemon/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "agent/api/access.h"
#include "agent/api/api.h"
#include "agent/auth/validators.h"
#include "agent/daemon/alerting.h"
#include "agent/daemon/checks.h"
#include "agent/daemon/driver.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/source_config.h"
#include "agent/peers/route_witness.h"
#include "agent/peers/witnesses.h"
#include "agent/probe/probe.h"
#include "agent/routes/mc_proxy.h"
#include "agent/runtime/podman.h"
#include "agent/source/git_outbox.h"
#include "agent/source/report_witness.h"
#include "agent/status/report.h"
#include "agent/store/sqlite_store.h"
#include "agent/view/backend.h"
#include "base/log/log.h"

namespace agent {

namespace fs = std::filesystem;

namespace {

// Steps (8), pulls (6), probes (8), inspections (4), two lists, a fetch, a report and a question to
// a peer may all be under way at once, and all hang: none waits for another's deadline.
constexpr size_t kThreads = 31;
constexpr base::Millis kGrace = std::chrono::seconds(5);
// A fetch over https may have to wait for it.
constexpr base::Millis kReportTimeout = std::chrono::seconds(20);
constexpr base::Millis kWitnessTimeout = std::chrono::seconds(5);
constexpr int kRemoteConnections = 32;
constexpr int kScrapers = 4;

base::Result<> make_folder(const fs::path& folder, const std::string& purpose) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return base::make_error(base::Code::kDenied, "cannot make " + folder.string() + " for " +
                                                     purpose + ": " + error.message());
  return {};
}

// Two agents of one state directory would fight over the node. The lock ends with the process.
base::Result<> lock_state(const fs::path& folder) {
  const fs::path path = folder / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return base::make_error(base::Code::kDenied,
                            "cannot open " + path.string() + ": " + std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return base::make_error(base::Code::kConflict,
                            "another mcp-agent uses " + folder.string() +
                                " (stop it, or give this one another [registry] path)");
  return {};
}

class DaemonBackend : public Backend {
 public:
  DaemonBackend(Driver& driver, Podman& podman) : driver_(driver), podman_(podman) {}

  View view() override {
    return driver_
        .ask<View>([](Loop& loop) {
          return loop.view(std::chrono::floor<base::Millis>(std::chrono::system_clock::now()));
        })
        .get();
  }

  int64_t request_sync(bool allow_prune) override {
    return driver_
        .ask<int64_t>([allow_prune](Loop& loop) { return loop.request_sync(allow_prune); })
        .get();
  }

  void record(reconciler::Event event) override {
    driver_.post([event = std::move(event)](Loop& loop) { loop.record(event); });
  }

  RuntimeDocuments& documents() override { return podman_; }

  base::Result<> accept(
      const std::map<reconciler::ComponentKey, reconciler::Adoption>& adoptions) override {
    return driver_
        .ask<base::Result<>>([adoptions](Loop& loop) {
          return loop.accept(adoptions,
                             std::chrono::floor<base::Millis>(std::chrono::system_clock::now()));
        })
        .get();
  }

  base::Result<> logs(const reconciler::ContainerId& container, const LogOptions& options,
                      const std::function<bool(std::string_view)>& sink) override {
    return podman_.logs(container, options, sink);
  }

 private:
  Driver& driver_;
  Podman& podman_;
};

void log_event(const reconciler::Event& event) {
  base::log::write(event.warning ? base::log::Level::kWarning : base::log::Level::kInfo,
                   event.message,
                   {{"reason", event.reason},
                    {"service", event.service.str()},
                    {"component", event.component.str()},
                    {"revision", event.revision.str().substr(0, 7)},
                    {"step", event.step},
                    {"cause", event.cause}});
}

// Blocks SIGTERM and SIGINT in every thread that is made from here on; one thread waits for them.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  int wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
    return signal;
  }

 private:
  sigset_t set_;
};

}  // namespace

base::Result<> run_daemon(const Config& config, const std::string& version) {
  // Its threads wait for podman, not for memory: a heap for each (mallopt(3)) would only hold on to
  // what every thread's largest answer took.
  ::mallopt(M_ARENA_MAX, 1);
  // What is large goes back as soon as it is freed: otherwise the largest answer so far decides how
  // much is kept (mallopt(3), "dynamic mmap threshold").
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  const Signals signals;
  const fs::path state = config.state_dir();
  const fs::path socket_folder = fs::path(config.api.socket).parent_path();
  MCP_CHECK(make_folder(state, "the registry"));
  MCP_CHECK(make_folder(socket_folder, "the API's socket"));
  MCP_CHECK(lock_state(state));
  MCP_TRY(const auto store,
          SqliteStore::open(config.registry.path, {.keep_events = config.registry.keep_events}));
  MCP_TRY(const auto events, store->event_log());
  MCP_TRY(const reconciler::Store::Saved saved, store->load());

  const auto meters = std::make_shared<Meters>();
  PodmanOptions runtime = podman_options(config);
  runtime.meters = meters;
  Podman podman(std::move(runtime));
  ContainerProber prober(podman);
  ProcHostPorts host_ports;
  std::optional<McProxy> proxy;
  if (!config.mcproxy.socket.empty()) proxy.emplace(config.mcproxy.socket, config.mcproxy.cert_dir);
  std::map<crds::ServiceName, crds::Service> in_force;
  if (saved.desired)
    for (const auto& [name, service] : saved.desired->services)
      in_force.emplace(name, service.definition);
  GitSource source(
      source_config(config, saved.desired ? saved.desired->revision : reconciler::Revision()),
      std::move(in_force));
  std::optional<GitOutbox> outbox;
  if (config.source.report) {
    GitSourceConfig remote = source_config(config, {});
    remote.remote.timeout = kReportTimeout;
    outbox.emplace(remote.remote, config.node.name, state / "report.git");
  }
  GitSourceConfig reports = source_config(config, {});
  reports.remote.timeout = kWitnessTimeout;
  RouteWitness at_the_door;
  ReportWitness in_the_repository(reports.remote, state / "peer.git");
  Witnesses witnesses({&at_the_door, &in_the_repository});
  Driver driver(kThreads + Alerting::threads(config));
  Alerting alerting(config, version, *store, driver, podman);
  alerting.load();
  Loop loop({podman, prober, source, *store, driver, host_ports, proxy ? &*proxy : nullptr,
             outbox ? &*outbox : nullptr, &witnesses, &alerting.alerter()},
            {.node = config.node.name,
             .source = {.url = base::git::printable_url(config.source.url),
                        .branch = config.source.branch},
             .policy = node_policy(config),
             .heal_drift = config.drift.heal,
             .poll_interval = config.source.interval,
             .list_interval = config.podman.list_interval,
             .on_event = log_event,
             .describe =
                 [&version](const reconciler::Desired& desired, const reconciler::Memory& memory,
                            const reconciler::Observed& observed) {
                   return make_report(desired, memory, observed, version);
                 },
             .meters = meters});
  MCP_CHECK(loop.load());

  DaemonBackend backend(driver, podman);
  MCP_TRY(const auto validator, make_validator(config.mcias, config.oidc.trusts()));
  const Access::Record record = [&backend](reconciler::Event event) {
    backend.record(std::move(event));
  };
  Access local(nullptr, record);
  Access remote(validator.get(), record);
  std::mutex examining;  // for one at a time, whichever server it came to
  const ApiContext context{backend,
                           *events,
                           version,
                           config.data.root,
                           config.data.max_file_bytes,
                           node_policy(config).own_paths,
                           meters,
                           [&] {
                             const std::lock_guard alone(examining);
                             const View running = backend.view();
                             return examine(LoadedConfig{config, {}}, podman, &running);
                           }};
  base::HttpServer server(
      api_options({.socket = config.api.socket, .group = config.api.group}, version, local));
  add_api(server, context);
  base::HttpServer tls(api_options(
      {.threads = kRemoteConnections,
       .listen = config.api.listen,
       .tls_cert = config.api.tls_cert,
       .tls_key = config.api.tls_key.empty() ? config.api.tls_cert : config.api.tls_key},
      version, remote));
  if (!config.api.listen.empty()) {
    if (!validator)
      return base::invalid("[api] listen needs somebody who knows the callers",
                           "configure [mcias] or [oidc], or reach the agent through ssh");
    add_api(tls, context);
    MCP_CHECK(tls.start());
    base::log::info("API on TLS at " + config.api.listen);
  }
  base::HttpServer open_to_all(
      {.threads = kScrapers, .listen = config.metrics.listen, .plain = true});
  if (!config.metrics.listen.empty()) {
    add_metrics(open_to_all, context);
    MCP_CHECK(open_to_all.start());
    base::log::info("metrics at http://" + config.metrics.listen + "/metrics");
  }
  // Last: whoever asks waits for the loop, which runs when nothing can fail any more.
  MCP_CHECK(server.start());
  podman.watch([&driver](const auto& id) {
    driver.post([id](Loop& loop) { id ? loop.hint(*id) : loop.hint(); });
  });
  if (proxy)
    proxy->watch([&driver] { driver.post([](Loop& loop) { loop.route_hint(); }); });
  else
    base::log::info("routes are not managed: [mcproxy] socket is not set");
  base::log::info("mcp-agent " + version + " manages node " + config.node.name.str() + " from " +
                  base::git::printable_url(config.source.url) + "; API at " + config.api.socket);
  notify_service_manager("READY=1\nSTATUS=reconciling " +
                         base::git::printable_url(config.source.url));

  std::thread waiter([&] {
    const int signal = signals.wait();
    base::log::info(std::string("stopping on ") + (signal == SIGTERM ? "SIGTERM" : "SIGINT") +
                    "; containers run on");
    notify_service_manager("STOPPING=1");
    // Before the loop ends: calls of the API wait for its answers.
    open_to_all.stop();
    tls.stop();
    server.stop();
    driver.stop();
  });
  std::unique_ptr<LoopWatch> watch = alerting.watch();
  driver.run(loop);
  watch.reset();
  waiter.join();
  podman.stop_watching();
  if (proxy) proxy->stop_watching();
  // What podman still does is finished by podman, or found by the next start: nothing that is
  // under way has to be waited for, and a call that hangs must not hold the exit.
  if (!driver.drained(kGrace)) std::_Exit(0);
  return {};
}

}  // namespace agent
