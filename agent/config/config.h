#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/options.h"
#include "agent/receivers/options.h"
#include "agent/view/finding.h"
#include "base/core/result.h"
#include "base/core/time.h"
#include "base/log/log.h"
#include "crds/types/position.h"
#include "crds/types/types.h"
#include "reconciler/policy.h"

// The agent's own configuration: a TOML file, every key of which has a default.
namespace agent {

// How the newest commit has to be signed to be used.
enum class VerifyMode { kOff, kSsh, kGpg };

struct Config {
  struct Node {
    crds::NodeName name;  // default: the host's name up to the first dot, in lower case
  };
  struct Source {
    std::string url;  // file, https or ssh; required, here or by --repo
    std::string branch = "main";
    std::string path;  // subdirectory; empty: the whole tree
    base::Millis interval{30000};
    std::string username;
    std::string password_file;
    std::string ca_file;
    std::string ssh_key;
    std::string known_hosts;
    bool report = false;  // outcomes to refs/mcp/status/<node>
    // [source.verify]
    VerifyMode verify = VerifyMode::kOff;
    std::string allowed_signers;
    std::string keyring;
  };
  struct Podman {
    struct Registry {
      std::string host;  // "registry.example.net:5000", or with a path: its images below that
      std::string username;
      std::string password_file;
      friend bool operator==(const Registry&, const Registry&) = default;
    };
    std::string socket;                 // empty: found, else podman is started by the agent
    std::string auth_file;              // empty: podman's default
    std::vector<Registry> registries;   // count before auth_file
    base::Millis list_interval{60000};  // between full lists, when no event asks for one sooner
  };
  struct McProxy {
    std::string socket;    // empty: this node's routes are not managed
    std::string cert_dir;  // of <service>.pem; empty: mc-proxy's own
  };
  struct Api {
    std::string socket;
    std::string group;   // group of the socket file; empty: as it is made
    std::string listen;  // "host:port" of TLS; empty: the socket alone
    std::string tls_cert;
    std::string tls_key;  // empty: in tls_cert
  };
  struct Metrics {
    std::string listen;  // "host:port" without TLS or login; empty: the API alone has them
  };
  struct Data {
    std::string root = "/srv";  // <root>/<service> is what mcp push and pull reach
    uint64_t max_file_bytes = uint64_t{4} << 30;
  };
  struct Oidc {
    std::string issuer;  // of people; empty: only those of `trust` count
    std::string audience;
    std::string ca_cert;
    std::string roles_claim = "groups";
    std::vector<Grant> roles;  // each rule's claim is roles_claim
    std::vector<Trust> trust;
    std::vector<Trust> trusts() const;  // all of the above
  };
  struct Registry {
    std::string path;
    int keep_events = 10'000;
  };
  struct Log {
    base::log::Level level = base::log::Level::kInfo;
    base::log::Format format = base::log::Format::kText;
  };
  Node node;
  Source source;
  Podman podman;
  McProxy mcproxy;
  MciasOptions mcias;
  Oidc oidc;
  Api api;
  Metrics metrics;
  Registry registry;
  Data data;
  reconciler::Policy policy;  // without own_paths
  struct Drift {
    bool heal = true;
  };
  Drift drift;
  AlertsOptions alerts;
  Log log;

  // The folder of the registry: everything that has to outlive the process lives in it.
  std::string state_dir() const;
};

// kInvalid: the text is no DNS label, as the names of nodes in a repository are.
base::Result<crds::NodeName> parse_node_name(const std::string& text);

// What the defaults depend on.
struct Environment {
  std::string host_name;
  bool root = false;
  std::string home;         // $HOME
  std::string state_home;   // $XDG_STATE_HOME; empty: $HOME/.local/state
  std::string runtime_dir;  // $XDG_RUNTIME_DIR
  bool mcp_group = false;   // the machine has a group `mcp`
  static Environment current();
};

// Registry <XDG state directory>/mcp/mcp.db; API socket /run/mcp/agent.sock for root, else
// $XDG_RUNTIME_DIR/mcp/agent.sock, and beside the registry where that variable is missing. Root's
// is for the group `mcp`, where there is one.
Config default_config(const Environment& environment);

struct LoadedConfig {
  Config config;
  std::vector<crds::Diagnostic> problems;  // not empty: do not start
};

// `file` is the name that diagnostics carry.
LoadedConfig parse_config(std::string_view text, const std::string& file,
                          const Environment& environment);
// The error is that the file cannot be read.
base::Result<LoadedConfig> load_config(const std::string& path, const Environment& environment);

// ---------------------------------------------------------------- mcp-agent check

// One question to the environment; success gives what to say about it.
struct CheckProbe {
  std::string what;
  std::function<base::Result<std::string>()> ask;
};

// The findings of the file, then of each probe in order. Probes run even when the file has
// problems, as far as the file could be read.
std::vector<Finding> check_config(const LoadedConfig& loaded,
                                  const std::vector<CheckProbe>& probes);

}  // namespace agent
