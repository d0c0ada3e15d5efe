#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/core/strong.h"
#include "base/core/time.h"

// The kinds of a desired-state repository as C++ values. What is valid, and what each field means
// to a person, is said once, in crds/*.yaml; these types hold a definition that passed.
namespace crds {

using ServiceName = base::Id<struct ServiceNameTag>;
using ComponentName = base::Id<struct ComponentNameTag>;
using NodeName = base::Id<struct NodeNameTag>;

using Labels = std::map<std::string, std::string>;

struct PortMapping {
  std::string host_ip;     // empty: all addresses
  uint16_t host_port = 0;  // 0: podman chooses
  uint16_t container_port = 0;
  std::string protocol = "tcp";  // tcp | udp | sctp
  friend auto operator<=>(const PortMapping&, const PortMapping&) = default;
};

struct Volume {
  std::string source;  // an absolute path on the node, or the name of a podman volume
  std::string target;
  std::vector<std::string> options;  // "ro", "z", ...
  friend bool operator==(const Volume&, const Volume&) = default;
};

struct Device {
  std::string source;  // on the node
  std::string target;  // in the container
  std::string permissions = "rwm";
  friend bool operator==(const Device&, const Device&) = default;
};

struct Restart {
  enum class Policy { kNo, kOnFailure, kAlways, kUnlessStopped };
  Policy policy = Policy::kUnlessStopped;
  std::optional<int> max_retries;  // on-failure:N
  friend bool operator==(const Restart&, const Restart&) = default;
};

struct HttpCheck {
  std::string path;
  friend bool operator==(const HttpCheck&, const HttpCheck&) = default;
};
struct TcpCheck {
  friend bool operator==(const TcpCheck&, const TcpCheck&) = default;
};
struct CmdCheck {
  std::vector<std::string> argv;  // run inside the container
  friend bool operator==(const CmdCheck&, const CmdCheck&) = default;
};

struct Health {
  std::variant<HttpCheck, TcpCheck, CmdCheck> check;
  // http and tcp: a route's name, or a container port as digits; empty: the first route, else the
  // first port.
  std::string port;
  base::Millis interval{2000};
  base::Millis timeout{1000};
  int retries = 3;  // failures in a row before it counts as unhealthy
  base::Millis start_period{30000};
  friend bool operator==(const Health&, const Health&) = default;
};

struct Route {
  enum class Mode { kL4, kL7 };
  enum class Protocol { kH1, kH2c, kTls };  // h2c: HTTP/2 without TLS
  std::string name;                         // "rest" -> PORT_REST; empty -> PORT
  uint16_t port = 443;                      // listener of mc-proxy
  Mode mode = Mode::kL4;
  std::string hostname;             // empty: <service>.<fleet.domain>
  uint16_t target_port = 0;         // container port; 0: the host port itself
  std::optional<bool> backend_tls;  // default: l4 true, l7 false
  // Says more than backend_tls, which then is left out or says the same.
  std::optional<Protocol> backend_protocol;
  std::string edge;  // node whose mc-proxy forwards the name here

  Protocol protocol() const {
    return backend_protocol.value_or(backend_tls.value_or(mode == Mode::kL4) ? Protocol::kTls
                                                                             : Protocol::kH1);
  }
  friend bool operator==(const Route&, const Route&) = default;
};

struct Secret {
  std::string name;
  std::string target;  // "env:NAME" or an absolute path
  friend bool operator==(const Secret&, const Secret&) = default;
};

enum class Strategy { kAutomatic, kRolling, kRecreate };

// How traffic moves from one container of a component to the next.
struct RolloutSettings {
  base::Millis watch{10'000};  // a new one that fails so soon goes back to the old one
  base::Millis drain{30'000};  // the old one's connections have so long to end
  base::Millis hold{30'000};   // new ones wait so long while there is no container to go to
  friend bool operator==(const RolloutSettings&, const RolloutSettings&) = default;
};

struct Component {
  ComponentName name;
  std::string image;    // empty: <fleet.registry>/<service>[-<component>]:<version>
  std::string network;  // empty: podman's default; "host" is the node's own
  std::string user;
  std::optional<Restart> restart;  // default: unless-stopped
  std::vector<PortMapping> ports;
  std::vector<Volume> volumes;
  std::vector<std::string> cmd;
  std::map<std::string, std::string> env;
  std::vector<Secret> secrets;
  uint64_t memory_bytes = 0;  // 0: no limit
  double cpus = 0;            // 0: no limit
  bool privileged = false;
  std::vector<std::string> cap_add;   // "NET_ADMIN": upper case, without "CAP_"; "ALL"
  std::vector<std::string> cap_drop;  // the same
  std::vector<Device> devices;
  std::optional<base::Millis> stop_timeout;  // default: 10 s
  std::vector<ComponentName> depends_on;
  Strategy strategy = Strategy::kAutomatic;
  std::optional<Health> health;
  std::vector<Route> routes;
  RolloutSettings rollout;
  friend bool operator==(const Component&, const Component&) = default;
};

// The agent makes no change to the service before the time is over.
struct Suspend {
  std::optional<base::TimePoint> until;  // none: until the field is taken out
  std::string reason;
  friend bool operator==(const Suspend&, const Suspend&) = default;
};

struct Service {
  ServiceName name;
  Labels labels;       // YAML metadata.labels
  Labels annotations;  // YAML metadata.annotations
  NodeName node;       // empty: placed by labels
  Labels placement;    // placement.labels
  bool active = true;
  std::string version;
  std::vector<ServiceName> depends_on;
  std::optional<base::TimePoint> restarted_at;
  std::optional<Suspend> suspend;
  std::optional<bool> heal_drift;  // drift.heal; none: the fleet's default, else the agent's
  std::string path;
  std::map<std::string, std::string> build_images;  // image -> Dockerfile
  std::vector<Component> components;
  friend bool operator==(const Service&, const Service&) = default;
};

struct Node {
  NodeName name;
  std::string address;
  std::string agent;  // https://host:9444 | ssh://user@host | unix:///path
  Labels labels;
  bool schedulable = true;
  double cpus = 0;            // capacity; 0: not said
  uint64_t memory_bytes = 0;  // capacity; 0: not said
  friend bool operator==(const Node&, const Node&) = default;
};

struct Fleet {
  std::string name;
  std::string registry;  // "registry.example.net/team"
  std::string domain;    // "svc.example.net"
  // A revision that removes more of a node's services than max(prune_max, prune_percent of them)
  // is held until somebody approves it.
  int prune_max = 3;
  int prune_percent = 30;
  // Defaults for components that do not say.
  std::string network;
  std::string user;
  std::optional<Restart> restart;
  std::optional<base::Millis> stop_timeout;
  std::optional<bool> heal_drift;
  friend bool operator==(const Fleet&, const Fleet&) = default;
};

}  // namespace crds
