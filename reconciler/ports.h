#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/model.h"

// The interfaces that the shell implements and the simulator fakes. Nothing throws across them.
// Every call is bounded by a deadline of its own (the implementation says which) and may be made
// from any thread unless a port says otherwise.
namespace reconciler {

// The container engine: podman through its REST API
// (https://docs.podman.io/en/latest/_static/api.html).
class Runtime {
 public:
  virtual ~Runtime() = default;

  // Every container, ours or not, running or not.
  virtual base::Result<std::vector<ObservedContainer>> list() = 0;

  // One container by id. kNotFound: it is gone.
  virtual base::Result<ObservedContainer> inspect(const ContainerId& id) = 0;

  // Done when the image is in local storage. kUnauthenticated, kNotFound and kUnavailable tell a
  // person what to mend.
  virtual base::Result<> pull(const std::string& image) = 0;

  // Makes the container, not started, and its network when that is missing. kNotFound: the image
  // is not in local storage (pull it). kConflict: the name is taken by a container with other
  // labels. A container of that name with the same owner and spec hash is success: its id.
  virtual base::Result<ContainerId> create(const ContainerSpec& spec) = 0;

  // Starts what is created or exited, resumes what is paused; a running one is success. Returns
  // what is observed afterwards. kConflict: a host port is taken. kNotFound: no such container.
  virtual base::Result<ObservedContainer> start(const ContainerId& id) = 0;

  // Stop signal, then kill after `timeout`; none: after the time that the container was made with.
  // Stopped already or gone is success.
  virtual base::Result<> stop(const ContainerId& id, std::optional<Millis> timeout) = 0;

  // Gone already is success. Anonymous volumes go with it, named ones stay.
  virtual base::Result<> remove(const ContainerId& id) = 0;

  // The end of what it has said on both streams, oldest line first, at most `count` lines.
  virtual base::Result<std::vector<std::string>> last_lines(const ContainerId& id, int count) = 0;
};

// The node's TLS proxy: mc-proxy through its admin API (docs/mc-proxy.md).
class ProxyRouter {
 public:
  virtual ~ProxyRouter() = default;

  // Every route, ours or not.
  virtual base::Result<std::vector<ObservedRoute>> list() = 0;

  // Sets and removes routes in one go: all or nothing. A route to remove may be missing. kConflict:
  // another owner has a route of these, and nothing is changed. kInvalid: mc-proxy would not serve
  // one of them (no such listener, a bad certificate).
  virtual base::Result<> apply(const std::string& owner, const std::vector<RouteSpec>& upserts,
                               const std::vector<RouteKey>& removes) = 0;
};

// Whether a container answers. A bare TCP connect is not believed: rootless port forwarders accept
// before the application listens.
class Prober {
 public:
  virtual ~Prober() = default;
  // One attempt, at most health.timeout long. The error is why it is not ready.
  virtual base::Result<> probe(const Probe& probe) = 0;
};

// Everything that a revision says, before it is resolved for a node.
struct Snapshot {
  Revision revision;
  crds::Tree tree;
  // Removals that commits since the last snapshot approve (trailer `Mcp-Approve-Prune: <n>`).
  int approved_removals = 0;
  // The node that has the data of each service that keeps any, as history says (see placement.h).
  std::map<ServiceName, NodeName> data_nodes = {};
};

// Where definitions come from: a branch of a git repository.
class Source {
 public:
  virtual ~Source() = default;
  // Asks the remote. None: the branch stands where the last snapshot was taken. An error changes
  // nothing, and the next call tries again.
  virtual base::Result<std::optional<Snapshot>> poll() = 0;
  // The newest commit, as of the last poll, when it is not used though it was fetched: its
  // signature is not believed.
  virtual std::optional<HeldCommit> held() const { return std::nullopt; }
  // When the branch's head, as of the last poll, was committed. None: it is not known.
  virtual std::optional<TimePoint> newest_commit() const { return std::nullopt; }
};

// What can be learned of other nodes without asking their agents. One call ends within some
// seconds.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual PeerAnswer ask(const PeerQuestion& question) = 0;
};

// Where the outcome of a revision is told to those who cannot ask this node.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // Replaces what was said before. An error: nobody can see it yet, say it again.
  virtual base::Result<> publish(const std::string& document) = 0;
};

struct Event {
  int64_t id = 0;  // monotonic; 0 until it is stored
  TimePoint time{};
  bool warning = false;
  ServiceName service;      // empty: the node
  ComponentName component;  // empty: the service
  std::string reason;       // Pulled, Created, Started, Stopped, Removed, StepFailed, a condition's
  std::string message;      // what
  std::string cause;        // why
  Revision revision;
  std::string step = {};  // the id of the step that it tells of; for the log, and not stored
  friend bool operator==(const Event&, const Event&) = default;
};

// A definition that became Ready, or did not: what `mcp history` lists and rollback goes back to.
struct RolloutRecord {
  ServiceName service;
  Revision revision;
  TimePoint time{};
  bool ready = false;
  std::string message;
  friend bool operator==(const RolloutRecord&, const RolloutRecord&) = default;
};

// One atomic write; what is empty is not touched.
struct Transaction {
  std::optional<Desired> desired;
  std::map<ComponentKey, ComponentMemory> components;
  std::set<ComponentKey> forgotten_components;
  std::map<ServiceName, ServiceMemory> services;
  std::set<ServiceName> forgotten_services;
  // conditions and ready_revision of the node
  std::optional<std::pair<std::vector<Condition>, Revision>> node;
  std::vector<Event> events;
  std::vector<RolloutRecord> rollouts;
  bool empty() const;
};

// The registry: what has to outlive the agent. Called from the loop's thread alone.
class Store {
 public:
  virtual ~Store() = default;
  struct Saved {
    std::optional<Desired> desired;
    Memory memory;
  };
  virtual base::Result<Saved> load() = 0;
  // All of it or nothing. When it returns success, a kill -9 cannot lose it. kCorrupt: all that was
  // stored is gone, and the next commit has to bring everything; any other error leaves it as it
  // was.
  virtual base::Result<> commit(const Transaction& transaction) = 0;
};

// Runs slow work elsewhere and brings the result back. `work` may run on any thread; `done` is
// called on the loop's thread, never from inside submit().
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void submit(std::function<void()> work, std::function<void()> done) = 0;
};

// TCP ports of this host that something listens on.
class HostPorts {
 public:
  virtual ~HostPorts() = default;
  virtual std::set<uint16_t> listening() = 0;
};

}  // namespace reconciler
