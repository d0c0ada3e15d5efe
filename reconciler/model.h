#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/core/result.h"
#include "base/core/strong.h"
#include "base/core/time.h"
#include "crds/types/tree.h"
#include "crds/types/types.h"

// What the pure core takes and gives. Plain values: copyable, comparable, owned by whoever holds
// them. Times are wall-clock and come in as data.
namespace reconciler {

using base::Millis;
using base::TimePoint;
using crds::ComponentName;
using crds::NodeName;
using crds::ServiceName;

using Revision = base::Id<struct RevisionTag>;        // a git commit, 40 hexadecimal digits
using ContainerId = base::Id<struct ContainerIdTag>;  // podman's full container id

struct ComponentKey {
  ServiceName service;
  ComponentName component;
  std::string text() const { return service.str() + "/" + component.str(); }
  friend auto operator<=>(const ComponentKey&, const ComponentKey&) = default;
};

// One of the two places that containers of a component alternate between, so that a new one can
// be made while the old one serves. Its container is named "<service>.<component>" (kFirst) or
// "<service>.<component>.2" (kSecond).
enum class Slot { kFirst, kSecond };
std::string container_name(const ComponentKey& key, Slot slot);

// ---------------------------------------------------------------- routes

// A name at a port of mc-proxy. An address of its own that a listener may have is mc-proxy's
// matter.
struct RouteKey {
  uint16_t port = 0;     // of the listener
  std::string hostname;  // lower case
  std::string text() const { return hostname + ":" + std::to_string(port); }
  friend auto operator<=>(const RouteKey&, const RouteKey&) = default;
};

// What mc-proxy is asked to keep.
struct RouteSpec {
  RouteKey key;
  std::string backend;  // "127.0.0.1:23456"
  crds::Route::Mode mode = crds::Route::Mode::kL4;
  crds::Route::Protocol protocol = crds::Route::Protocol::kH1;  // what the backend speaks
  bool send_proxy_protocol = false;
  std::string certificate;  // L7: PEM file, absolute or below mc-proxy's own folder
  // New connections wait until the route is set again without it, so long at most; zero: none do.
  Millis hold{0};
  friend bool operator==(const RouteSpec&, const RouteSpec&) = default;
};

// Since mc-proxy started; of one route or of several.
struct Traffic {
  int64_t requests = 0;
  int64_t failed = 0;  // answered with 5xx; L7 only
  int64_t held = 0;    // had to wait
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

// ---------------------------------------------------------------- desired: what git says

// What a revision means by one commit, field by field.
struct FieldChange {
  std::string field;  // "image", "env.LOG_LEVEL", "ports"
  std::string from;   // empty: was not there
  std::string to;     // empty: is gone
  friend bool operator==(const FieldChange&, const FieldChange&) = default;
};

struct ComponentDesired {
  crds::Component spec;   // complete: every default is filled in
  std::string spec_hash;  // of what a container is made from; see normalise.h
  std::string wish;       // hash of what the agent alone acts on; see agent_fields()
  bool rolls = false;     // false: the old container stops before the new one starts
  std::string cause;      // why it is as it is: "image: web:v1 -> web:v2 (commit 1a2b3c4, ...)"
  friend bool operator==(const ComponentDesired&, const ComponentDesired&) = default;
};

struct ServiceDesired {
  crds::Service definition;  // as written, before defaults
  Revision revision;         // the commit in which this definition came into force here
  std::string path;          // its file in the repository
  std::map<ComponentName, ComponentDesired> components;
  // Set when a newer revision holds this service back (an invalid definition, a guarded removal);
  // what is above is the last good one and stays in force.
  struct Hold {
    std::string reason;   // InvalidDefinition | PolicyViolation | PruneHeld | NoMatchingNode
    std::string message;  // what is wrong and what to do
    friend bool operator==(const Hold&, const Hold&) = default;
  };
  std::optional<Hold> hold;
  // Another node is to have it, and this one serves it still: until it is ready there (then
  // Desired::handovers has it), or, with data, until the operator says so. Empty: it stays.
  NodeName goes_to;
  // It is to run here, and waits: its data is on this other node. Empty: it does not wait.
  NodeName data_on;
  friend bool operator==(const ServiceDesired&, const ServiceDesired&) = default;
};

// What can be asked of another node's mc-proxy: whether it serves a name.
struct PeerName {
  RouteKey key;
  crds::Route::Mode mode = crds::Route::Mode::kL4;
  bool proxy_protocol = false;  // its listener expects a PROXY header, as from an edge
  friend bool operator==(const PeerName&, const PeerName&) = default;
};

// A service without data goes to another node. What this node has of it, its containers or the edge
// of its routes, stays as it was until it is ready there.
struct Handover {
  NodeName to;
  std::string address;  // of that node; empty: not said
  std::vector<PeerName> names;
  bool followed = false;  // a third node is the edge of its routes, and may learn of it later
  friend bool operator==(const Handover&, const Handover&) = default;
};

struct Desired {
  NodeName node;
  Revision revision;  // the commit that was resolved last
  std::map<ServiceName, ServiceDesired> services;
  // Definitions that are invalid and have no last good one, by service: the diagnostics.
  std::map<ServiceName, std::string> unusable;
  std::set<ServiceName> refused;  // those of `unusable` that ask for what the policy forbids
  // What resolving other files keeps, when those are unreadable later.
  crds::Fleet fleet;
  std::map<NodeName, crds::Node> nodes;
  // [drift] heal of the node's agent: what holds where neither service nor fleet says anything.
  bool heal_drift = true;
  // So many services that are defined nowhere may be removed at once, although no memory knows
  // them: what the commit, or the operator, has approved.
  int approved_removals = 0;
  // The registry was lost, and the tree is empty or has files that cannot be read: what it does not
  // say may be wanted all the same.
  bool doubtful = false;
  // Where nothing was known before: services without data that the tree gives to other nodes.
  std::set<ServiceName> elsewhere;
  // What this node forwards to others: passthrough of a name to the node that has it.
  struct Edge {
    ComponentKey key;  // whose route it is
    Revision revision;
    RouteSpec spec;
    NodeName node;       // that has the service
    std::string former;  // backend until the handover of the service is over; empty: none
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  std::vector<Edge> edges;
  std::map<ServiceName, Handover> handovers;  // that are under way
  std::vector<std::string> problems;          // that belong to no service: a bad node or fleet file
  friend bool operator==(const Desired&, const Desired&) = default;
};

// ---------------------------------------------------------------- observed: what the node says

enum class ContainerState { kCreated, kRunning, kPaused, kExited, kUnknown };
std::string_view name(ContainerState state);

// The labels that say that a container is ours; see labels.h.
struct Owner {
  ComponentKey key;
  NodeName node;
  std::string spec_hash;
  Revision revision;
  Slot slot = Slot::kFirst;
  std::map<std::string, uint16_t> leases;  // route name -> host port
  friend bool operator==(const Owner&, const Owner&) = default;
};

struct ObservedContainer {
  ContainerId id;
  std::string name;
  ContainerState state = ContainerState::kUnknown;
  std::optional<Owner> owner;  // none: not ours, and never touched
  std::string image;           // the reference that it was created from
  std::vector<crds::PortMapping> ports;
  int exit_code = 0;
  TimePoint started_at{};  // zero: never
  TimePoint exited_at{};   // zero: never
  // What it said in the end, oldest line first, harmless to show; none: it runs, or was not asked.
  std::optional<std::vector<std::string>> last_lines;
  int pid = 0;  // of its first process on this host; 0: not running or not visible
  friend bool operator==(const ObservedContainer&, const ObservedContainer&) = default;
};

// By name: RouteKey::text().
using TrafficByName = std::map<std::string, Traffic>;

struct ObservedRoute {
  RouteSpec spec;
  std::string owner;     // see owner_of_routes()
  std::string listener;  // as mc-proxy names it: ":8443"
  bool served = false;
  std::string health;   // of the backend: "up", "down", "unknown"
  std::string problem;  // why it is not served, or what is about to go wrong
  std::optional<TimePoint> certificate_until;
  int64_t open = 0;      // connections to the present backend
  int64_t draining = 0;  // to former ones
  Traffic traffic;
  friend bool operator==(const ObservedRoute&, const ObservedRoute&) = default;
};

// Who this agent is to mc-proxy: "mcp/<node>".
std::string owner_of_routes(const NodeName& node);

// What mc-proxy said.
struct ObservedProxy {
  std::optional<base::Error> error;  // it did not answer; routes are of the last time
  TimePoint asked_at{};  // when the list that `routes` are of was asked for; zero: never
  std::map<RouteKey, ObservedRoute> routes;  // everybody's
};

// What probing knows of one run of a container.
struct Readiness {
  bool ready = false;  // the last probe passed, or none was needed since it passed once
  int failures_in_row = 0;
  std::string message;  // of the last failure
  friend bool operator==(const Readiness&, const Readiness&) = default;
};

// What is known of a service on the node that takes it over.
struct PeerAnswer {
  enum class State { kUnknown, kNotReady, kReady };
  NodeName node;
  State state = State::kUnknown;
  std::string message;  // why it is not ready, or what tells that it is
  friend bool operator==(const PeerAnswer&, const PeerAnswer&) = default;
};

// The branch's newest commit, where its signature is not believed.
struct HeldCommit {
  Revision revision;
  base::Error why;
  friend bool operator==(const HeldCommit&, const HeldCommit&) = default;
};

struct Observed {
  std::optional<base::Error>
      runtime_error;  // podman did not answer; containers are of the last time
  std::optional<base::Error> registry_error;  // the last write to the registry failed
  std::optional<base::Error> source_error;    // the remote did not answer; the last good holds
  std::optional<HeldCommit> commit_held;      // the newest commit is not used
  std::map<ContainerId, ObservedContainer> containers;
  std::map<ContainerId, Readiness> readiness;  // absent: not probed yet in this run
  std::optional<ObservedProxy> proxy;          // none: this node's routes are not managed
  std::set<uint16_t> busy_ports;               // TCP ports of this host that something listens on
  std::set<ComponentKey> in_flight;         // a step of theirs, other than a pull, has not returned
  std::set<std::string> pulling;            // images whose pull has not returned
  std::map<ServiceName, PeerAnswer> peers;  // absent: not asked yet
};

// ---------------------------------------------------------------- memory: what only we know

struct BackOff {
  int attempts = 0;
  TimePoint next_at{};
  friend bool operator==(const BackOff&, const BackOff&) = default;
};

enum class StepKind { kPullImage, kCreate, kStart, kRoute, kStop, kRemove };
std::string_view name(StepKind kind);

struct Failure {
  StepKind step = StepKind::kCreate;
  base::Error error;
  friend bool operator==(const Failure&, const Failure&) = default;
};

// How a process ended.
struct Exit {
  int code = 0;
  TimePoint at{};
  std::vector<std::string> lines;  // that it said last; empty: none, or not known
  friend bool operator==(const Exit&, const Exit&) = default;
};

// The first moments of a container that took over from another.
struct Trial {
  ContainerId container;
  TimePoint since{};        // when the routes were switched to it
  bool counted = false;     // mc-proxy has been asked since then, and said what follows
  TrafficByName before;     // of its routes at that moment
  double failure_rate = 0;  // of its predecessor: failed / requests
  bool passed = false;      // nothing of this is looked at any more
  friend bool operator==(const Trial&, const Trial&) = default;
};

// From the first step toward a definition to the end: the times of its phases (zero: not reached)
// and what its routes saw. The receipt, once it has finished.
struct Rollout {
  Revision revision;
  bool replaces = false;  // an older container served when it began
  TimePoint begun{};
  TimePoint started{};   // the new container runs
  TimePoint ready{};     // and is ready
  TimePoint switched{};  // and has the routes
  TimePoint drained{};   // the old one has no connection left, or its time was over
  TimePoint finished{};
  bool counted = false;  // mc-proxy has been asked since it began, and said what follows
  TrafficByName before;  // of its routes when it began
  Traffic seen;          // since then, when it finished
  std::string error;     // why it failed; empty: it did not
  friend bool operator==(const Rollout&, const Rollout&) = default;
};

// How long a handover has been under way. It is remembered under a component's name that no
// component has: "handover:<node>".
struct HandoverMemory {
  TimePoint since{};
  TimePoint ready{};       // since when it is known to be ready there; zero: it is not
  bool witnessed = false;  // something has been able to tell
  friend bool operator==(const HandoverMemory&, const HandoverMemory&) = default;
};

// A container that others made, and that an operator has given into our care. It has no labels of
// ours: this takes their place.
struct Adoption {
  ContainerId container;
  NodeName node;
  std::string spec_hash;                 // of the definition that was accepted for it
  std::string image;                     // as that definition has it, and
  std::vector<crds::PortMapping> ports;  // what it publishes: of a pod's member podman says others
  Slot slot = Slot::kFirst;
  TimePoint since{};  // when it was accepted
  Revision revision;  // that defined the component first; empty: none has, and it is not ours yet
  friend bool operator==(const Adoption&, const Adoption&) = default;
};

// What was as desired: this container, made of this definition, or none that runs.
struct Settled {
  ContainerId container;
  std::string spec_hash;
  std::string wish;      // hash of what the agent alone acts on
  bool stopped = false;  // nothing runs, because active is false
  bool left = false;     // since then we ourselves have stopped or removed it, to mend something
  friend bool operator==(const Settled&, const Settled&) = default;
};

struct ComponentMemory {
  std::map<std::pair<Slot, std::string>, uint16_t> leases;  // (slot, route name) -> host port
  std::optional<Millis> stop_timeout;  // as defined last, for when it is not defined any more
  std::string wanted_hash;             // what the fields below speak of; another hash forgets them
  bool image_missing = false;          // a create said so; a pull is next
  bool image_pulled = false;           // and has worked
  std::set<uint16_t> refused_ports;    // leases that the host would not give
  BackOff step_back_off;
  std::optional<Failure> failure;  // of the last step; cleared by success
  bool rollout_failed = false;     // wanted_hash was tried beside an older container and failed
  bool rollout_over = false;       // and failed requests: it is not tried again
  std::string rollout_error;
  std::string rollout_wish;  // hash of what the agent alone acts on, when it failed
  BackOff rollout_back_off;

  std::string healthy_hash;       // the last that was ready
  std::vector<TimePoint> heals;   // recent starts of a container that had ended, oldest first
  std::optional<Exit> last_exit;  // that was not wished for; podman forgets it at the next start
  int restarts = 0;               // heals since wanted_hash was first created
  bool heal_pending = false;      // it was stopped because it was unhealthy, and is to start again
  bool resume = false;  // it was stopped because active was false, and starts when it is not

  std::optional<Trial> trial;      // a new container has got the traffic, and is being watched
  TrafficByName baseline;          // of its routes, when what serves took them over
  TimePoint held_since{};          // its routes hold new connections; zero: they do not
  std::optional<Rollout> rollout;  // of wanted_hash: under way, or the last one's receipt
  std::optional<HandoverMemory> handover;  // see there
  std::optional<Adoption> adopted;

  std::optional<Settled> settled;
  std::vector<FieldChange> drift;  // what others have changed of it since, until that is mended
  friend bool operator==(const ComponentMemory&, const ComponentMemory&) = default;
};

enum class Status { kTrue, kFalse, kUnknown };
std::string_view name(Status status);

// As kstatus has them. type: Ready | Reconciling | Stalled. Reasons are listed in conditions.h.
struct Condition {
  std::string type;
  Status status = Status::kUnknown;
  std::string reason;
  std::string message;
  TimePoint since{};
  friend bool operator==(const Condition&, const Condition&) = default;
};

struct ServiceMemory {
  std::vector<Condition> conditions;
  Revision ready_revision;                 // of the definition that was Ready last
  std::optional<crds::Suspend> suspended;  // as its definition says, while its time is not over
  friend bool operator==(const ServiceMemory&, const ServiceMemory&) = default;
};

struct Memory {
  std::map<ComponentKey, ComponentMemory> components;
  std::map<ServiceName, ServiceMemory> services;
  std::vector<Condition> conditions;  // of the node
  Revision ready_revision;            // the last that was Ready as a whole
  friend bool operator==(const Memory&, const Memory&) = default;
};

// ---------------------------------------------------------------- plan: what to do next

// What podman is asked to create.
struct ContainerSpec {
  std::string name;
  Owner owner;
  crds::Component component;               // its ports, env and routes are as written
  std::vector<crds::PortMapping> ports;    // fixed and leased, what to publish
  std::map<std::string, std::string> env;  // with PORT and PORT_<NAME>
  std::vector<std::string> aliases;        // names on its network
  friend bool operator==(const ContainerSpec&, const ContainerSpec&) = default;
};

// One idempotent call. Exactly the fields that its kind needs are set.
struct Step {
  std::string id;  // stable: "<service>/<component> create <container name>"
  StepKind kind = StepKind::kCreate;
  ComponentKey key;
  Revision revision;
  std::string cause;           // the field, commit, event or drift that asks for it
  std::string container_name;  // all but kPullImage and kRoute
  ContainerId container;       // kStart, kStop, kRemove
  // kStart: it had run, and ended without our wish; kCreate: the last one was not as asked for
  bool heals = false;
  bool failed = false;                 // kRemove: its last words are worth keeping
  std::string image;                   // kPullImage, kCreate
  std::optional<ContainerSpec> spec;   // kCreate
  std::optional<Millis> stop_timeout;  // kStop; none: the container's own
  std::vector<RouteSpec> routes;       // kRoute: to be set, all or none,
  std::vector<RouteKey> unroutes;      // and to be removed, with them
  friend bool operator==(const Step&, const Step&) = default;
};

struct Plan {
  std::vector<Step> steps;  // at most one a component; independent of each other
  friend bool operator==(const Plan&, const Plan&) = default;
};

// A check that the shell is asked to repeat every `interval` until the plan no longer names it.
struct Probe {
  ContainerId container;
  TimePoint started_at{};  // the run that is meant
  crds::Health health;
  std::string address;       // http and tcp: host address to connect to
  uint16_t port = 0;         // http and tcp
  bool until_ready = false;  // true: not needed once it has passed
  friend bool operator==(const Probe&, const Probe&) = default;
};

// A question that the shell is asked to put again and again until the outcome no longer has it. The
// answer becomes Observed::peers.
struct PeerQuestion {
  ServiceName service;
  Handover handover;
  Revision revision;  // that made the other node its own
  friend bool operator==(const PeerQuestion&, const PeerQuestion&) = default;
};

struct Outcome {
  Plan plan;
  std::vector<Probe> probes;
  std::vector<PeerQuestion> questions;
  std::vector<ServiceName> handed_over;  // are nothing of this node's any more: let_go() of them
  bool follow_routes = false;  // something waits for connections to end: ask mc-proxy often
  Memory next;
  std::optional<TimePoint> wake_at;  // when time alone can change the outcome
};

}  // namespace reconciler
