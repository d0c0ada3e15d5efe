#include "controller/fleet/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace controller {
namespace {

using Json = nlohmann::ordered_json;

// A member of the given type, or the default: an agent of another version may not send it.
std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return {};
  if (it->is_string()) return it->get<std::string>();
  if (it->is_object()) return text(*it, "message");
  return it->dump(-1, ' ', false, Json::error_handler_t::replace);
}

int64_t number(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<int64_t>() : 0;
}

bool truth(const Json& object, const char* key, bool otherwise = false) {
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

std::optional<base::TimePoint> time(const Json& object, const char* key) {
  auto parsed = base::parse_rfc3339(text(object, key));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

template <class Item, class Read>
std::vector<Item> list(const Json& object, const char* key, Read read) {
  std::vector<Item> items;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return items;
  for (const Json& one : *it)
    if (one.is_object()) items.push_back(read(one));
  return items;
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<base::Millis> millis(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? std::optional(base::Millis(it->get<int64_t>()))
                                               : std::nullopt;
}

RolloutStatus rollout(const Json& j) {
  RolloutStatus r;
  r.revision = text(j, "revision");
  r.from = text(j, "from");
  r.to = text(j, "to");
  r.begun = time(j, "begun");
  if (const auto phases = j.find("phases"); phases != j.end() && phases->is_object()) {
    r.started = millis(*phases, "startedMs");
    r.ready = millis(*phases, "readyMs");
    r.switched = millis(*phases, "switchedMs");
    r.drained = millis(*phases, "drainedMs");
    r.finished = millis(*phases, "finishedMs");
  }
  r.requests = number(j, "requests");
  r.failed = number(j, "failed");
  r.held = number(j, "held");
  r.error = text(j, "error");
  return r;
}

Condition condition(const Json& j) {
  return {text(j, "type"), text(j, "status"), text(j, "reason"), text(j, "message"),
          time(j, "since")};
}

ComponentStatus component(const Json& j) {
  ComponentStatus c;
  c.name = text(j, "name");
  c.image = text(j, "image");
  c.version = text(j, "version");
  c.state = text(j, "state");
  c.ready = truth(j, "ready");
  c.restarts = static_cast<int>(number(j, "restarts"));
  c.started_at = time(j, "startedAt");
  c.container_name = text(j, "containerName");
  c.container_id = text(j, "containerId");
  c.cause = text(j, "cause");
  c.last_exit = text(j, "lastExit");
  if (const auto lines = j.find("lastLines"); lines != j.end() && lines->is_array())
    for (const Json& line : *lines)
      if (line.is_string()) c.last_lines.push_back(line.get<std::string>());
  c.waiting_for = text(j, "waitingFor");
  c.ports = list<PortStatus>(j, "ports", [](const Json& p) {
    return PortStatus{text(p, "name"), static_cast<int>(number(p, "hostPort")),
                      static_cast<int>(number(p, "containerPort"))};
  });
  c.routes = list<RouteStatus>(j, "routes", [](const Json& r) {
    return RouteStatus{text(r, "listener"),           text(r, "hostname"), text(r, "mode"),
                       truth(r, "registered"),        text(r, "health"),   text(r, "problem"),
                       time(r, "certificateNotAfter")};
  });
  if (const auto it = j.find("rollout"); it != j.end() && it->is_object()) c.rollout = rollout(*it);
  c.drift = list<Drift>(j, "drift", [](const Json& d) {
    return Drift{text(d, "field"), text(d, "expected"), text(d, "actual")};
  });
  return c;
}

ServiceStatus service(const Json& j) {
  ServiceStatus s;
  s.name = text(j, "name");
  s.path = text(j, "path");
  s.node = text(j, "node");
  s.active = truth(j, "active", true);
  s.revision = text(j, "revision");
  s.last_ready_revision = text(j, "lastReadyRevision");
  if (const auto hold = j.find("hold"); hold != j.end() && hold->is_object())
    s.hold = Hold{text(*hold, "reason"), text(*hold, "message")};
  if (const auto suspended = j.find("suspended"); suspended != j.end() && suspended->is_object())
    s.suspended = Suspension{time(*suspended, "until"), text(*suspended, "reason")};
  s.goes_to = text(j, "goesTo");
  s.data_on = text(j, "dataOn");
  s.conditions = list<Condition>(j, "conditions", condition);
  s.components = list<ComponentStatus>(j, "components", component);
  return s;
}

Event event(const Json& j) {
  Event e;
  e.id = number(j, "id");
  e.time = time(j, "time");
  e.type = text(j, "type");
  e.service = text(j, "service");
  e.component = text(j, "component");
  e.reason = text(j, "reason");
  e.message = text(j, "message");
  e.cause = text(j, "cause");
  e.revision = text(j, "revision");
  e.document = dump(j);
  return e;
}

PlanProblem problem(const Json& j) {
  return {text(j, "file"),
          static_cast<int>(number(j, "line")),
          static_cast<int>(number(j, "column")),
          text(j, "field"),
          text(j, "message"),
          text(j, "hint"),
          text(j, "text")};
}

PlanChange change(const Json& j) {
  PlanChange c{
      text(j, "service"), text(j, "component"), text(j, "action"), truth(j, "downtime"), {}};
  c.fields = list<PlanField>(j, "fields", [](const Json& f) {
    return PlanField{text(f, "field"), text(f, "from"), text(f, "to")};
  });
  return c;
}

base::Result<Json> parse(std::string_view json, const char* what, Json::value_t type) {
  Json parsed = Json::parse(json, nullptr, false);
  if (parsed.type() == type) return parsed;
  return base::make_error(base::Code::kInternal, std::string("the agent's answer is not ") + what,
                          "is it an mcp-agent of this version? ('mcp version' shows both)");
}

// A list as it is, or as the member `key` of an object.
base::Result<Json> parse_list(std::string_view json, const char* what, const char* key) {
  Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_object() && parsed.contains(key)) parsed = Json(parsed[key]);
  if (parsed.is_array()) return Json{{key, parsed}};
  return parse(json, what, Json::value_t::array);
}

constexpr auto kObject = Json::value_t::object;

}  // namespace

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  const auto it = std::find_if(conditions.begin(), conditions.end(),
                               [&](const Condition& one) { return one.type == type; });
  return it == conditions.end() ? nullptr : &*it;
}

bool is_true(const std::vector<Condition>& conditions, std::string_view type) {
  const Condition* found = find_condition(conditions, type);
  return found != nullptr && found->status == "True";
}

base::Result<NodeStatus> parse_status(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a status document", kObject));
  NodeStatus status;
  status.node = text(j, "node");
  status.agent_version = text(j, "agentVersion");
  status.revision = text(j, "revision");
  status.last_ready_revision = text(j, "lastReadyRevision");
  status.held_revision = text(j, "heldRevision");
  if (const auto source = j.find("source"); source != j.end() && source->is_object()) {
    status.source = {text(*source, "url"), text(*source, "branch"), time(*source, "lastFetch"),
                     text(*source, "lastError"), number(*source, "syncsDone")};
  }
  if (const auto routes = j.find("routes"); routes != j.end() && routes->is_string())
    status.routes = routes->get<std::string>();
  status.routes_error = text(j, "routesError");
  status.alerts = list<AlertStatus>(j, "alerts", [](const Json& one) {
    return AlertStatus{text(one, "alert"), text(one, "severity"), text(one, "service"),
                       text(one, "summary"), time(one, "since")};
  });
  for (const std::string& deaf : list<std::string>(j, "alertReceivers", [](const Json& one) {
         const std::string error = text(one, "error");
         return error.empty() ? error : text(one, "name") + ": " + error;
       }))
    if (!deaf.empty()) status.deaf.push_back(deaf);
  status.conditions = list<Condition>(j, "conditions", condition);
  status.services = list<ServiceStatus>(j, "services", service);
  for (ServiceStatus& one : status.services)
    if (one.node.empty()) one.node = status.node;
  status.document = std::string(json);
  return status;
}

base::Result<ServiceDetail> parse_service(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a service", kObject));
  ServiceDetail detail{service(j), {}, list<Event>(j, "events", event), std::string(json)};
  detail.history = list<HistoryItem>(j, "history", [](const Json& h) {
    return HistoryItem{text(h, "revision"), time(h, "time"), truth(h, "ready"), text(h, "message")};
  });
  return detail;
}

base::Result<ServiceSpec> parse_spec(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a service's spec", kObject));
  return ServiceSpec{text(j, "name"), text(j, "path"), text(j, "revision"), text(j, "toml")};
}

base::Result<ProxyRoutes> parse_routes(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a list of routes", kObject));
  return ProxyRoutes{truth(j, "managed"), text(j, "error"),
                     list<ProxyRoute>(j, "routes", [](const Json& r) {
                       return ProxyRoute{text(r, "listener"),
                                         text(r, "hostname"),
                                         text(r, "mode"),
                                         text(r, "backend"),
                                         text(r, "health"),
                                         text(r, "problem"),
                                         truth(r, "served"),
                                         text(r, "owner"),
                                         text(r, "service"),
                                         text(r, "component"),
                                         dump(r)};
                     })};
}

base::Result<DoctorReport> parse_doctor(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "what an agent found", kObject));
  return DoctorReport{text(j, "node"), text(j, "version"), time(j, "at"),
                      list<DoctorFinding>(j, "findings", [](const Json& f) {
                        return DoctorFinding{text(f, "level"), text(f, "check"), text(f, "message"),
                                             text(f, "hint")};
                      })};
}

base::Result<PlanDocument> parse_plan(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a plan", kObject));
  PlanDocument plan{truth(j, "valid", true), {}, {}, {}, std::string(json)};
  plan.problems = list<PlanProblem>(j, "problems", problem);
  plan.changes = list<PlanChange>(j, "changes", change);
  plan.held = list<PlanHold>(j, "held", [](const Json& h) {
    return PlanHold{text(h, "service"), text(h, "reason"), text(h, "message")};
  });
  return plan;
}

base::Result<AdoptionProposal> parse_adoption(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "a proposal to adopt", kObject));
  AdoptionProposal proposal;
  proposal.node = text(j, "node");
  proposal.toml = text(j, "toml");
  proposal.document = std::string(json);
  proposal.parts = list<AdoptionPart>(j, "components", [](const Json& c) {
    return AdoptionPart{text(c, "name"), text(c, "containerId"), text(c, "containerName"),
                        time(c, "startedAt"), list<AdoptionLoss>(c, "losses", [](const Json& l) {
                          return AdoptionLoss{text(l, "field"), text(l, "value"),
                                              text(l, "consequence")};
                        })};
  });
  using Pair = std::pair<std::string, std::string>;
  proposal.left_out = list<Pair>(j, "leftOut", [](const Json& l) {
    return Pair{text(l, "containerName"), text(l, "reason")};
  });
  proposal.managers = list<AdoptionManager>(j, "managers", [](const Json& m) {
    return AdoptionManager{text(m, "kind"), text(m, "name"), text(m, "advice")};
  });
  if (const auto others = j.find("otherContainers"); others != j.end() && others->is_array())
    for (const Json& other : *others)
      if (other.is_string()) proposal.other_containers.push_back(other.get<std::string>());
  return proposal;
}

base::Result<Event> parse_event(std::string_view json) {
  MCP_TRY(const Json j, parse(json, "an event", kObject));
  return event(j);
}

base::Result<std::vector<Event>> parse_events(std::string_view json) {
  MCP_TRY(const Json j, parse_list(json, "a list of events", "events"));
  return list<Event>(j, "events", event);
}

}  // namespace controller
