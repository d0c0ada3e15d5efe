#include "agent/daemon/checks.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/api/documents.h"
#include "agent/auth/validators.h"
#include "agent/daemon/alerting.h"
#include "agent/daemon/source_config.h"
#include "agent/doctor/probe.h"
#include "agent/routes/mc_proxy.h"
#include "agent/runtime/podman.h"
#include "agent/status/status.h"
#include "base/core/text.h"

namespace agent {

namespace fs = std::filesystem;

namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "mcp-check-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The folder itself, or the first above it that exists, since the agent makes what is missing.
base::Result<std::string> writable(const fs::path& folder) {
  fs::path existing = folder;
  while (!existing.empty() && !fs::exists(existing) && existing.has_parent_path() &&
         existing != existing.parent_path())
    existing = existing.parent_path();
  if (::access(existing.c_str(), W_OK | X_OK) == 0) return folder.string() + " can be written";
  return base::make_error(base::Code::kDenied,
                          "cannot write " + existing.string() + ": " + std::strerror(errno),
                          "run the agent as a user who may, or name another folder");
}

base::Result<std::string> ask_source(const Config& config) {
  if (config.source.url.empty())
    return base::invalid("no repository to follow", "set [source] url, or give --repo");
  const TemporaryFolder folder;
  MCP_TRY(auto mirror, base::git::Repository::create_bare(folder.path()));
  const GitSourceConfig source = source_config(config, {});
  MCP_TRY(const base::git::Oid head,
          base::git::fetch(mirror, source.remote, source.branch, base::git::Oid()));
  const std::string found = base::git::printable_url(config.source.url) + " answers; " +
                            source.branch + " is at " + head.str().substr(0, 7);
  if (source.verify.mode == VerifyConfig::Mode::kOff) return found;
  MCP_TRY(const std::string signer, verify_commit(mirror, head, source.verify));
  return found + ", signed by " + signer;
}

// A second connection, for everybody who looks, would be a load of its own on the server.
base::Result<std::string> source_of(const View& running) {
  if (running.source.last_error) return *running.source.last_error;
  if (!running.source.last_fetch)
    return base::unavailable("the remote has not answered since the agent started");
  return running.source.url + " answered at " + base::to_rfc3339(*running.source.last_fetch) +
         "; " + running.source.branch + " is at " + running.desired.revision.str().substr(0, 7);
}

base::Result<std::string> ask_podman(Podman& podman) {
  MCP_TRY(const std::string version, podman.version());
  return "podman " + version + " answers";
}

// Fixed ports of the host that definitions of this node ask for, and the component that does.
std::map<uint16_t, std::string> wanted_ports(const reconciler::Desired& desired) {
  std::map<uint16_t, std::string> out;
  for (const auto& [service, definition] : desired.services)
    for (const auto& [component, one] : definition.components)
      for (const crds::PortMapping& port : one.spec.ports)
        if (port.host_port != 0) out.emplace(port.host_port, service.str() + "/" + component.str());
  return out;
}

base::Result<std::string> ask_mc_proxy(const Config& config) {
  if (config.mcproxy.socket.empty())
    return std::string("routes are not managed (name mc-proxy's socket in [mcproxy] socket)");
  MCP_TRY(const McProxy::Status status, McProxy(config.mcproxy.socket).status());
  const std::string who = "mc-proxy " + status.version;
  if (!status.problem.empty())
    return base::unavailable(who + " answers, and cannot serve: " + status.problem);
  std::vector<std::string> open;
  for (const McProxy::Listener& listener : status.listeners) {
    if (!listener.problem.empty())
      return base::unavailable(who + " answers, and does not listen on " + listener.address + ": " +
                               listener.problem);
    open.push_back(listener.address);
  }
  return who + " answers; it listens on " + base::join(open, ", ");
}

}  // namespace

std::vector<CheckProbe> environment_probes(const Config& config, Podman& podman,
                                           const View* running) {
  std::vector<CheckProbe> probes = {
      {"source",
       [config, running] { return running == nullptr ? ask_source(config) : source_of(*running); }},
      {"policy",
       [config]() -> base::Result<std::string> {
         return "git may ask for: " + reconciler::summary(node_policy(config));
       }},
      {"podman", [&podman] { return ask_podman(podman); }},
      {"mcproxy", [config] { return ask_mc_proxy(config); }},
      {"identity", [config] { return ask_identity(config.mcias, config.oidc.trusts()); }},
      {"registry", [config] { return writable(config.state_dir()); }},
      {"api", [config] { return writable(fs::path(config.api.socket).parent_path()); }}};
  for (CheckProbe& probe : alert_probes(config)) probes.push_back(std::move(probe));
  return probes;
}

std::vector<Finding> examine(const LoadedConfig& loaded, Podman& podman, const View* running) {
  std::vector<Finding> out =
      check_config(loaded, environment_probes(loaded.config, podman, running));
  const auto wanted =
      running == nullptr ? std::map<uint16_t, std::string>() : wanted_ports(running->desired);
  // That mc-proxy is away is said above.
  const std::string& socket = loaded.config.mcproxy.socket;
  const auto routes = socket.empty() ? std::nullopt : std::optional(McProxy(socket).list());
  for (Finding& finding : doctor::examine_machine(loaded.config, podman, wanted,
                                                  routes && *routes ? &**routes : nullptr))
    out.push_back(std::move(finding));
  return out;
}

std::string findings_document(const std::vector<Finding>& findings) {
  return to_body({{"findings", findings_json(findings)}});
}

}  // namespace agent
