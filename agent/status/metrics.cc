#include <algorithm>
#include <map>

#include "agent/status/json.h"
#include "agent/status/picture.h"
#include "agent/status/route_status.h"
#include "reconciler/routes.h"

namespace agent {
namespace {

using base::metrics::Exposition;
using Labels = Exposition::Labels;

int64_t seconds(base::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Labels with_condition(Labels labels, const reconciler::Condition& condition) {
  labels.insert(labels.end(), {{"type", condition.type},
                               {"status", std::string(reconciler::name(condition.status))},
                               {"reason", condition.reason}});
  return labels;
}

// Seconds since the newest commit, as long as the node has not been ready with it.
int64_t lag(const View& view) {
  const bool ready =
      !view.observed.commit_held && view.desired.revision == view.memory.ready_revision;
  if (ready || !view.source.newest_commit) return 0;
  return std::max<int64_t>(0, seconds(view.at) - seconds(*view.source.newest_commit));
}

template <class Instrument>
void add(Exposition& out, const std::vector<std::string_view>& names,
         const base::metrics::Labelled<Instrument>& family) {
  family.each([&](const std::vector<std::string>& values, const Instrument& one) {
    Labels labels;
    for (size_t i = 0; i < names.size(); ++i) labels.emplace_back(names[i], values[i]);
    out.sample(labels, one);
  });
}

void add_services(Exposition& out, const View& view) {
  std::map<std::pair<std::string, std::string>, int64_t> by_condition;
  out.gauge("mcp_service_ready", "1 while the service's Ready condition is True.");
  for (const auto& [name, service] : view.memory.services) {
    bool ready = false;
    for (const auto& condition : service.conditions) {
      const std::string status(reconciler::name(condition.status));
      ++by_condition[{condition.type, status}];
      ready |= condition.type == "Ready" && status == "True";
    }
    out.sample({{"service", name.str()}}, int64_t{ready});
  }
  out.gauge("mcp_services", "Services by condition.");
  for (const auto& [key, count] : by_condition)
    out.sample({{"type", key.first}, {"status", key.second}}, count);
  out.gauge("mcp_service_condition", "1 for each condition that a service has.");
  for (const auto& [name, service] : view.memory.services)
    for (const auto& condition : service.conditions)
      out.sample(with_condition({{"service", name.str()}}, condition), int64_t{1});
  out.gauge("mcp_node_condition", "1 for each condition that the node has.");
  for (const auto& condition : view.memory.conditions)
    out.sample(with_condition({}, condition), int64_t{1});
}

void add_containers(Exposition& out, const View& view) {
  std::map<std::string, int64_t> by_state;
  for (const auto& [id, container] : view.observed.containers)
    if (container.owner && container.owner->node == view.desired.node)
      ++by_state[std::string(reconciler::name(container.state))];
  out.gauge("mcp_containers", "Containers of ours by state.");
  for (const auto& [state, count] : by_state) out.sample({{"state", state}}, count);
  out.gauge("mcp_component_restarts",
            "Restarts that healed the component since its container was made.");
  for (const auto& [key, memory] : view.memory.components)
    out.sample({{"service", key.service.str()}, {"component", key.component.str()}},
               int64_t{memory.restarts});
}

void add_routes(Exposition& out, const View& view) {
  if (!view.observed.proxy) return;
  out.gauge("mcp_proxy_up", "1 while mc-proxy answers.", int64_t{routes_error(view).is_null()});
  const Picture picture(view);
  std::map<RouteState, int64_t> by_state;
  std::map<reconciler::RouteKey, base::TimePoint> certificates;
  for (const auto& [service_name, service] : view.desired.services) {
    if (!service.definition.active) continue;
    for (const auto& [component_name, component] : service.components)
      for (const crds::Route& route : component.spec.routes) {
        const RouteState state = route_state(picture, {service_name, component_name}, route);
        ++by_state[state];
        if (state != RouteState::kRegistered) continue;
        const auto key = reconciler::key_of(route);
        if (const auto until = view.observed.proxy->routes.at(key).certificate_until)
          certificates[key] = *until;
      }
  }
  out.gauge("mcp_routes", "Routes that definitions ask for, by what mc-proxy has.");
  for (const auto& [state, word] :
       {std::pair(RouteState::kRegistered, "registered"),
        std::pair(RouteState::kMissing, "missing"), std::pair(RouteState::kTaken, "taken")})
    out.sample({{"state", word}}, by_state[state]);
  out.gauge("mcp_route_certificate_not_after_timestamp_seconds",
            "When the certificate of a route expires.");
  for (const auto& [key, until] : certificates)
    out.sample({{"port", std::to_string(key.port)}, {"hostname", key.hostname}}, seconds(until));
}

void add_source(Exposition& out, const View& view, const Meters& meters) {
  out.gauge("mcp_source_up", "1 while the last fetch worked.",
            int64_t{view.source.last_fetch && !view.source.last_error});
  out.gauge("mcp_source_last_success_timestamp_seconds",
            "When the git remote answered last; 0: never.",
            view.source.last_fetch ? seconds(*view.source.last_fetch) : 0);
  out.gauge("mcp_source_lag_seconds",
            "Age of the newest commit while the node has not been ready with it, else 0.",
            lag(view));
  out.histogram("mcp_source_fetch_duration_seconds", "Questions to the git remote.");
  add(out, {"result"}, meters.fetches);
}

void add_work(Exposition& out, const View& view, const Meters& meters) {
  out.histogram("mcp_reconcile_duration_seconds",
                "Plans, with what was written down before their steps.");
  out.sample({}, meters.reconciles);
  out.counter("mcp_reconciles_total", "Plans by what they left the node at.");
  add(out, {"outcome"}, meters.outcomes);
  out.gauge("mcp_steps_running", "Steps that have not returned.",
            static_cast<int64_t>(view.running.size()));
  out.gauge("mcp_steps_waiting", "Steps of the newest plan that found no place among them.",
            view.waiting);
  out.histogram("mcp_step_duration_seconds", "Steps by what they do.");
  add(out, {"kind", "result"}, meters.steps);
  out.histogram("mcp_rollout_duration_seconds", "Rollouts from their begin to their end.");
  add(out, {"result"}, meters.rollouts);
  out.counter("mcp_drift_healed_total",
              "Containers that differed from their definition and were put right.");
  add(out, {"how"}, meters.healed);
}

void add_podman(Exposition& out, const View& view, const Meters& meters) {
  out.gauge("mcp_runtime_up", "1 while podman answers.", int64_t{!view.observed.runtime_error});
  out.histogram("mcp_podman_request_duration_seconds", "Calls of podman that have an end.");
  add(out, {"call"}, meters.podman);
  out.counter("mcp_podman_request_errors_total",
              "Calls of podman without an answer, or with one that is an error.");
  add(out, {"call", "code"}, meters.podman_errors);
}

void add_registry(Exposition& out, const View& view, const Meters& meters,
                  const std::map<std::pair<std::string, bool>, int64_t>& events) {
  out.gauge("mcp_registry_up", "1 while the registry takes writes.",
            int64_t{!view.observed.registry_error});
  out.histogram("mcp_registry_write_duration_seconds", "Commits to the registry.");
  out.sample({}, meters.registry_writes);
  out.counter("mcp_registry_write_errors_total", "Commits that failed; each is tried again.");
  out.sample({}, meters.registry_errors);
  out.counter("mcp_events_total", "Events stored since the agent started.");
  for (const auto& [key, count] : events)
    out.sample({{"type", key.second ? "Warning" : "Normal"}, {"reason", key.first}}, count);
  out.counter("mcp_events_dropped_total", "Events lost while the registry took no writes.");
  out.sample({}, meters.events_dropped);
}

void add_alerts(Exposition& out, const AlertsState& alerts) {
  std::map<std::pair<std::string, std::string>, int64_t> firing;
  for (const Alert& alert : alerts.firing)
    ++firing[{alert.name, std::string(name(alert.severity))}];
  out.gauge("mcp_alerts", "Alerts that fire.");
  for (const auto& [key, count] : firing)
    out.sample({{"alert", key.first}, {"severity", key.second}}, count);
  out.gauge("mcp_alert_receiver_up", "1 unless the last message did not reach the receiver.");
  for (const ReceiverState& receiver : alerts.receivers)
    out.sample({{"receiver", receiver.name}}, int64_t{!receiver.error});
  out.counter("mcp_alert_messages_total", "Messages to receivers of alerts, and failed attempts.");
  for (const ReceiverState& receiver : alerts.receivers) {
    out.sample({{"receiver", receiver.name}, {"result", "success"}}, receiver.delivered);
    out.sample({{"receiver", receiver.name}, {"result", "error"}}, receiver.failed);
  }
}

}  // namespace

std::string metrics_text(const View& view, std::string_view version,
                         const std::map<std::pair<std::string, bool>, int64_t>& events,
                         const Meters& meters, base::metrics::Format format) {
  Exposition out(format);
  out.gauge("mcp_build_info", "The program that answers.");
  out.sample({{"version", std::string(version)}, {"node", view.desired.node.str()}}, int64_t{1});
  add_services(out, view);
  add_containers(out, view);
  add_routes(out, view);
  add_source(out, view, meters);
  add_work(out, view, meters);
  add_podman(out, view, meters);
  add_registry(out, view, meters, events);
  add_alerts(out, view.alerts);
  base::metrics::add_process(out);
  return std::move(out).text();
}

}  // namespace agent
