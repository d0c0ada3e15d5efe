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
  return out;
}

}  // namespace agent
