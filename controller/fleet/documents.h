#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"

// What agents say, as values. A field that an agent does not send keeps its default, and one that
// is not known here is ignored, so that CLI and agent of different versions get along.
namespace controller {

struct Condition {
  std::string type;    // Ready | Reconciling | Stalled
  std::string status;  // True | False | Unknown
  std::string reason;
  std::string message;
  std::optional<base::TimePoint> since;
};

struct Drift {
  std::string field;
  std::string expected;
  std::string actual;
};

struct PortStatus {
  std::string name;
  int host_port = 0;
  int container_port = 0;
};

struct RouteStatus {
  std::string listener;
  std::string hostname;
  std::string mode;
  bool registered = false;  // it leads to a container of the component
  std::string health;       // of what it leads to; empty: not known
  std::string problem;      // empty: none
  std::optional<base::TimePoint> certificate_until;
};

// How the last rollout of a component went, or goes. Times are counted from its begin; absent: not
// reached.
struct RolloutStatus {
  using Phase = std::optional<base::Millis>;
  std::string revision;
  std::string from;  // the version that it replaces; empty: none, or not another image
  std::string to;
  std::optional<base::TimePoint> begun;
  Phase started;
  Phase ready;
  Phase switched;
  Phase drained;
  Phase finished;
  int64_t requests = 0;  // what its routes saw; counted when it has finished
  int64_t failed = 0;
  int64_t held = 0;
  std::string error;  // why it failed; empty: it did not
};

struct ComponentStatus {
  std::string name;
  std::string image;
  std::string version;
  std::string state;
  bool ready = false;
  int restarts = 0;
  std::optional<base::TimePoint> started_at;
  std::string container_name;
  std::string container_id;
  std::string cause;                    // why it is as it is: field, commit, event
  std::string last_exit;                // "exited with 137"; empty: never
  std::vector<std::string> last_lines;  // that it said before that
  std::string waiting_for;              // empty: nothing
  std::vector<PortStatus> ports;
  std::vector<RouteStatus> routes;
  std::optional<RolloutStatus> rollout;
  std::vector<Drift> drift;
};

struct Hold {
  std::string reason;
  std::string message;
};

// Until then the agent makes no change to the service.
struct Suspension {
  std::optional<base::TimePoint> until;  // none: until it is resumed
  std::string reason;                    // empty: not said
};

struct ServiceStatus {
  std::string name;
  std::string path;  // its file in the repository
  std::string node;
  bool active = true;
  std::string revision;  // the commit in which its definition came into force
  std::string last_ready_revision;
  std::optional<Hold> hold;
  std::optional<Suspension> suspended;
  std::string goes_to;  // another node is to have it; empty: none
  std::string data_on;  // it waits for its data, which is on that node; empty: it does not
  std::vector<Condition> conditions;
  std::vector<ComponentStatus> components;
};

struct SourceStatus {
  std::string url;
  std::string branch;
  std::optional<base::TimePoint> last_fetch;
  std::string last_error;  // empty: none
  int64_t syncs_done = 0;
};

// What is wrong, and was worth telling somebody.
struct AlertStatus {
  std::string name;
  std::string severity;  // info | warning | critical
  std::string service;   // empty: the node
  std::string summary;
  std::optional<base::TimePoint> since;
};

struct NodeStatus {
  std::string node;
  std::string agent_version;
  std::string revision;
  std::string held_revision;  // fetched, and not used: its signature is not believed
  std::string last_ready_revision;
  SourceStatus source;
  std::string routes;        // "managed", "not managed": the node has no proxy, "unavailable"
  std::string routes_error;  // why they are unavailable
  std::vector<AlertStatus> alerts;
  std::vector<std::string> deaf;  // receivers of alerts that could not be reached, and why
  std::vector<Condition> conditions;
  std::vector<ServiceStatus> services;
  std::string document;  // the JSON as it came
};

struct Event {
  int64_t id = 0;
  std::optional<base::TimePoint> time;
  std::string type;  // Normal | Warning
  std::string service;
  std::string component;
  std::string reason;
  std::string message;
  std::string cause;
  std::string revision;
  std::string document;  // the JSON as it came
};

struct HistoryItem {
  std::string revision;
  std::optional<base::TimePoint> time;
  bool ready = false;
  std::string message;
};

struct ServiceDetail {
  ServiceStatus status;
  std::vector<HistoryItem> history;  // newest first
  std::vector<Event> events;         // newest last
  std::string document;              // the JSON as it came
};

struct ServiceSpec {
  std::string name;
  std::string path;
  std::string revision;
  std::string toml;
};

// A route that mc-proxy has, whoever set it.
struct ProxyRoute {
  std::string listener;
  std::string hostname;
  std::string mode;
  std::string backend;
  std::string health;
  std::string problem;
  bool served = false;
  std::string owner;
  std::string service;    // empty: none of this node's
  std::string component;  // empty: likewise, or it is forwarded to another node
  std::string document;   // the JSON as it came
};

struct ProxyRoutes {
  bool managed = false;
  std::string error;  // mc-proxy does not answer: the routes are those of the last time
  std::vector<ProxyRoute> routes;
};

struct DoctorFinding {
  std::string level;  // "ok", "warning", "error"
  std::string check;
  std::string message;
  std::string hint;
};

struct DoctorReport {
  std::string node;
  std::string version;
  std::optional<base::TimePoint> at;  // the node's clock
  std::vector<DoctorFinding> findings;
};

struct PlanProblem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string field;
  std::string message;
  std::string hint;
  std::string text;
};

struct PlanField {
  std::string field;
  std::string from;
  std::string to;
};

struct PlanChange {
  std::string service;
  std::string component;
  std::string action;  // create | replace | update | remove | stop | start
  bool downtime = false;
  std::vector<PlanField> fields;
};

// What would not come into force: a removal that the prune guard holds, a policy that forbids it.
struct PlanHold {
  std::string service;
  std::string reason;
  std::string message;
};

struct PlanDocument {
  bool valid = true;
  std::vector<PlanProblem> problems;
  std::vector<PlanChange> changes;
  std::vector<PlanHold> held;
  std::string document;  // the JSON as it came
};

struct AdoptionLoss {
  std::string field;
  std::string value;
  std::string consequence;
};

struct AdoptionPart {
  std::string component;
  std::string container_id;
  std::string container_name;
  std::optional<base::TimePoint> started_at;
  std::vector<AdoptionLoss> losses;
};

// Who else starts and stops the containers, and what to do about it.
struct AdoptionManager {
  std::string kind;
  std::string name;
  std::string advice;
};

// What could become a service on one node. Without parts there is nothing.
struct AdoptionProposal {
  std::string node;
  std::string toml;
  std::vector<AdoptionPart> parts;
  std::vector<std::pair<std::string, std::string>> left_out;  // container, and why
  std::vector<AdoptionManager> managers;
  std::vector<std::string> other_containers;
  std::string document;  // the JSON as it came
};

// The condition of that type; null when there is none.
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);
bool is_true(const std::vector<Condition>& conditions, std::string_view type);

// kInternal when the text is not the document that is meant.
base::Result<NodeStatus> parse_status(std::string_view json);
base::Result<ServiceDetail> parse_service(std::string_view json);
base::Result<ServiceSpec> parse_spec(std::string_view json);
base::Result<ProxyRoutes> parse_routes(std::string_view json);
base::Result<DoctorReport> parse_doctor(std::string_view json);
base::Result<PlanDocument> parse_plan(std::string_view json);
base::Result<AdoptionProposal> parse_adoption(std::string_view json);
base::Result<Event> parse_event(std::string_view json);
base::Result<std::vector<Event>> parse_events(std::string_view json);

}  // namespace controller
