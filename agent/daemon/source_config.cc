#include "agent/daemon/source_config.h"

#include <algorithm>
#include <filesystem>

#include "agent/runtime/service.h"

namespace agent {

GitSourceConfig source_config(const Config& config, const reconciler::Revision& since) {
  GitSourceConfig out;
  out.remote.url = config.source.url;
  out.remote.credentials = {.username = config.source.username,
                            .password_file = config.source.password_file,
                            .ca_file = config.source.ca_file,
                            .ssh_key = config.source.ssh_key,
                            .known_hosts = config.source.known_hosts};
  out.branch = config.source.branch;
  out.path = config.source.path;
  out.mirror_dir = std::filesystem::path(config.state_dir()) / "mirror";
  out.since = since;
  using Mode = VerifyConfig::Mode;
  out.verify = {.mode = config.source.verify == VerifyMode::kSsh   ? Mode::kSsh
                        : config.source.verify == VerifyMode::kGpg ? Mode::kGpg
                                                                   : Mode::kOff,
                .allowed_signers = config.source.allowed_signers,
                .keyring = config.source.keyring};
  return out;
}

PodmanOptions podman_options(const Config& config) {
  PodmanOptions out{
      .socket = config.podman.socket,
      .auth_file = config.podman.auth_file,
      .runtime_folder = (std::filesystem::path(config.state_dir()) / "podman").string()};
  for (const Config::Podman::Registry& one : config.podman.registries)
    out.registries.push_back({one.host, one.username, one.password_file});
  out.may_mount = [policy = node_policy(config)](const std::string& path) {
    return may_mount(policy, path);
  };
  return out;
}

PodmanOptions visiting_podman_options(const Config& config) {
  PodmanOptions out = podman_options(config);
  const std::string running = out.runtime_folder + "/podman.sock";
  if (out.socket.empty() && answers(running)) out.socket = running;
  return out;
}

reconciler::Policy node_policy(const Config& config) {
  reconciler::Policy out = config.policy;
  const auto keep = [&](const std::string& path, bool unless_named) {
    if (path.empty()) return;
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed).lexically_normal();
    const auto& roots = out.volume_roots;
    const bool named = std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
      return (std::filesystem::path(root) / "").lexically_normal() == absolute / "";
    });
    if (!failed && !(unless_named && named)) out.own_paths.push_back(absolute.string());
  };
  keep(config.state_dir(), false);
  keep(config.mcproxy.cert_dir, true);
  keep(config.api.tls_key.empty() ? config.api.tls_cert : config.api.tls_key, true);
  keep(config.source.ssh_key, true);
  keep(config.source.password_file, true);
  keep(config.podman.auth_file, true);
  for (const Config::Podman::Registry& one : config.podman.registries)
    keep(one.password_file, true);
  return out;
}

base::Result<> may_mount(const reconciler::Policy& policy, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  reconciler::Policy real = policy;
  for (auto* paths : {&real.volume_roots, &real.own_paths})
    for (std::string& one : *paths) one = fs::weakly_canonical(one, failed).string();
  const std::string leads_to = fs::weakly_canonical(path, failed).string();
  if (!failed && reconciler::may_be_given(leads_to, real)) return {};
  return base::make_error(base::Code::kDenied,
                          "the volume " + path + " leads to " +
                              (failed ? failed.message() : leads_to) +
                              ", which policy.volume_roots of this node does not allow",
                          "remove the link on the node, or ask for another directory");
}

}  // namespace agent
