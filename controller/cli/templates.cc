#include "controller/cli/templates.h"

namespace controller {
namespace {

constexpr std::string_view kReadme = R"(# Desired state

A commit here says what should run; every node's mcp-agent makes it so, keeps it so, and says so.

    fleet.toml           defaults of all services
    nodes/NAME.toml      the machines
    services/NAME.toml   what runs

Check before you push: `mcp validate`. See what would happen: `mcp diff`. Change and wait:
`mcp deploy SERVICE --version V`. What is: `mcp status`. Every field: `mcp explain service`.
)";

constexpr std::string_view kFleet = R"(# Defaults for all services. Every field: mcp explain fleet

# Images that name no registry are <registry>/<service>:<version>.
# registry = "registry.example.net/team"

# A route that names no host is <service>.<domain>.
# domain = "svc.example.net"
)";

constexpr std::string_view kNodes = R"(# Nodes

One file a machine: `NAME.toml`, with the name that its mcp-agent has (the host's name by default).

    name = "rift"
    address = "192.0.2.10"                    # where other nodes reach it
    agent = "unix:///run/mcp/agent.sock"      # where mcp finds its agent
    labels = { zone = "home" }                # what services are placed by

Without any node file, every service that names no node runs on the one agent that there is.
)";

constexpr std::string_view kService = R"(# An example. Every field: mcp explain service
name = "example"

# false: defined, and not running. `mcp start example` changes this line.
active = false

# The tag of images that name none. `mcp deploy example --version V` changes it.
# version = "v1.0.0"

[[components]]
name = "web"
image = "docker.io/library/nginx:1.27"

# On this machine only; "8080:80" would be on every address.
ports = ["127.0.0.1:8080:80"]

# Plain settings. Secrets come from podman: secrets = [{ name = "db-password", target = "env:DB_PASSWORD" }]
env = { NGINX_ENTRYPOINT_QUIET_LOGS = "1" }

# Ready once this answers; without it, running is enough.
[components.health]
http = "/"
port = "80"
)";

}  // namespace

const std::vector<Template>& repository_templates() {
  static const std::vector<Template> templates = {{"README.md", kReadme},
                                                  {"fleet.toml", kFleet},
                                                  {"nodes/README.md", kNodes},
                                                  {"services/example.toml", kService}};
  return templates;
}

}  // namespace controller
