#include <map>

#include "agent/status/json.h"
#include "agent/status/picture.h"
#include "agent/status/route_status.h"
#include "reconciler/routes.h"

namespace agent {
namespace {

// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
class Exposition {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " +
            std::string(type) + "\n";
  }

  void sample(const Labels& labels, int64_t value) {
    out_ += name_;
    for (size_t i = 0; i < labels.size(); ++i)
      out_ += (i == 0 ? "{" : ",") + std::string(labels[i].first) + "=\"" +
              escaped(labels[i].second) + "\"";
    out_ += (labels.empty() ? " " : "} ") + std::to_string(value) + "\n";
  }

  std::string text() && { return std::move(out_); }

 private:
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    return out;
  }

  std::string name_;
  std::string out_;
};

int64_t seconds(base::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void add_services(Exposition& out, const View& view) {
  std::map<std::pair<std::string, std::string>, int64_t> by_condition;
  out.family("mcp_service_ready", "gauge", "1 while the service's Ready condition is True.");
  for (const auto& [name, service] : view.memory.services) {
    bool ready = false;
    for (const auto& condition : service.conditions) {
      const std::string status(reconciler::name(condition.status));
      ++by_condition[{condition.type, status}];
      ready |= condition.type == "Ready" && status == "True";
    }
    out.sample({{"service", name.str()}}, ready);
  }
  out.family("mcp_services", "gauge", "Services by condition.");
  for (const auto& [key, count] : by_condition)
    out.sample({{"type", key.first}, {"status", key.second}}, count);
}

void add_containers(Exposition& out, const View& view) {
  std::map<std::string, int64_t> by_state;
  for (const auto& [id, container] : view.observed.containers)
    if (container.owner && container.owner->node == view.desired.node)
      ++by_state[std::string(reconciler::name(container.state))];
  out.family("mcp_containers", "gauge", "Containers of ours by state.");
  for (const auto& [state, count] : by_state) out.sample({{"state", state}}, count);
  out.family("mcp_component_restarts", "gauge",
             "Restarts that healed the component since its container was made.");
  for (const auto& [key, memory] : view.memory.components)
    out.sample({{"service", key.service.str()}, {"component", key.component.str()}},
               memory.restarts);
}

void add_routes(Exposition& out, const View& view) {
  if (!view.observed.proxy) return;
  out.family("mcp_proxy_up", "gauge", "1 while mc-proxy answers.");
  out.sample({}, routes_error(view).is_null());
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
  out.family("mcp_routes", "gauge", "Routes that definitions ask for, by what mc-proxy has.");
  for (const auto& [state, word] :
       {std::pair(RouteState::kRegistered, "registered"),
        std::pair(RouteState::kMissing, "missing"), std::pair(RouteState::kTaken, "taken")})
    out.sample({{"state", word}}, by_state[state]);
  out.family("mcp_route_certificate_not_after_timestamp_seconds", "gauge",
             "When the certificate of a route expires.");
  for (const auto& [key, until] : certificates)
    out.sample({{"port", std::to_string(key.port)}, {"hostname", key.hostname}}, seconds(until));
}

}  // namespace

std::string metrics_text(const View& view, std::string_view version,
                         const std::map<std::pair<std::string, bool>, int64_t>& events) {
  Exposition out;
  out.family("mcp_build_info", "gauge", "The program that answers.");
  out.sample({{"version", std::string(version)}, {"node", view.desired.node.str()}}, 1);
  add_services(out, view);
  add_containers(out, view);
  add_routes(out, view);
  out.family("mcp_source_up", "gauge", "1 while the last fetch worked.");
  out.sample({}, view.source.last_fetch && !view.source.last_error);
  out.family("mcp_source_last_success_timestamp_seconds", "gauge",
             "When the git remote answered last; 0: never.");
  out.sample({}, view.source.last_fetch ? seconds(*view.source.last_fetch) : 0);
  out.family("mcp_runtime_up", "gauge", "1 while podman answers.");
  out.sample({}, !view.observed.runtime_error);
  out.family("mcp_registry_up", "gauge", "1 while the registry takes writes.");
  out.sample({}, !view.observed.registry_error);
  out.family("mcp_steps_running", "gauge", "Steps that have not returned.");
  out.sample({}, static_cast<int64_t>(view.running.size()));
  out.family("mcp_events_total", "counter", "Events stored since the agent started.");
  for (const auto& [key, count] : events)
    out.sample({{"type", key.second ? "Warning" : "Normal"}, {"reason", key.first}}, count);
  return std::move(out).text();
}

}  // namespace agent
