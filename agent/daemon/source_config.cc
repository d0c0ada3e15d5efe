#include "agent/daemon/source_config.h"

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
  return out;
}

reconciler::Policy node_policy(const Config& config) {
  reconciler::Policy out = config.policy;
  std::error_code failed;
  const auto state = std::filesystem::absolute(config.state_dir(), failed);
  if (!failed) out.own_paths = {state.lexically_normal().string()};
  return out;
}

}  // namespace agent
