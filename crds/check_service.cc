#include <algorithm>
#include <set>

#include "base/core/text.h"
#include "crds/convert.h"
#include "crds/graph.h"
#include "crds/schema.h"
#include "crds/suggest.h"
#include "crds/types/names.h"

namespace crds {
namespace {

class ServiceCheck {
 public:
  ServiceCheck(const Service& service, const Value& spec, Findings& findings)
      : service_(service), list_(*spec.find("components")), findings_(findings) {}

  void run() {
    for (const Component& component : service_.components) names_.push_back(component.name.str());
    check_names();
    for (size_t i = 0; i < names_.size(); ++i) {
      check_dependencies(i);
      check_ports(i);
      check_routes(i);
      check_volumes(i);
      check_rollout(i);
      check_health(i);
    }
    check_cycles();
  }

 private:
  static std::string path(size_t component) {
    return "components[" + std::to_string(component) + "]";
  }
  Place place(size_t component, std::string_view key) const {
    const Value* value = list_.items[component].find(key);
    return value == nullptr ? list_.items[component].at : value->at;
  }
  Place place(size_t component, std::string_view key, size_t index) const {
    return list_.items[component].find(key)->items[index].at;
  }

  Place place_of(size_t component, size_t route, std::string_view key) const {
    const Value& table = list_.items[component].find("routes")->items[route];
    const Value* value = table.find(key);
    return value == nullptr ? table.at : value->at;
  }

  void check_names() {
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto [known, is_new] = first.emplace(names_[i], i);
      if (is_new) continue;
      for (size_t at : {known->second, i})
        findings_.add(place(at, "name"), path(at) + ".name",
                      "the component name '" + names_[i] + "' is used twice", "rename one of them");
    }
  }

  void check_dependencies(size_t i) {
    const auto& needed = service_.components[i].depends_on;
    for (size_t k = 0; k < needed.size(); ++k) {
      if (std::find(names_.begin(), names_.end(), needed[k].str()) != names_.end()) continue;
      if (findings_.problems.size() >= kMaxProblems) return;
      findings_.add(place(i, "depends_on", k), path(i) + ".depends_on[" + std::to_string(k) + "]",
                    "no component of this service is named '" + needed[k].str() + "'",
                    suggest(needed[k].str(), names_, "components here"));
    }
  }

  void check_cycles() {
    std::vector<std::vector<size_t>> needs(names_.size());
    for (size_t i = 0; i < names_.size(); ++i)
      for (const ComponentName& name : service_.components[i].depends_on)
        if (const auto at = std::find(names_.begin(), names_.end(), name.str()); at != names_.end())
          needs[i].push_back(at - names_.begin());
    for (const Tangle& tangle : find_tangles(needs)) {
      std::vector<std::string> round;
      for (size_t i : tangle.cycle) round.push_back(names_[i]);
      round.push_back(round.front());
      findings_.add(place(tangle.cycle.front(), "depends_on"),
                    path(tangle.cycle.front()) + ".depends_on",
                    "the components need each other: " + base::join(round, " -> "),
                    "remove one of these dependencies");
    }
  }

  void check_ports(size_t i) {
    const Component& component = service_.components[i];
    const bool host = component.network == "host";
    const bool fixed = std::any_of(component.ports.begin(), component.ports.end(),
                                   [](const PortMapping& port) { return port.host_port != 0; });
    if (host && !component.ports.empty())
      findings_.add(place(i, "ports"), path(i) + ".ports",
                    "ports cannot be published from the host's network",
                    "remove ports, or name another network");
    else if (component.strategy == Strategy::kRolling && (fixed || host))
      findings_.add(place(i, "strategy"), path(i) + ".strategy",
                    std::string("two containers cannot run at once with ") +
                        (host ? "the host's network" : "a fixed host port"),
                    "use strategy = recreate, or a route instead");
  }

  void check_routes(size_t i) {
    const Component& component = service_.components[i];
    std::set<std::string> variables;
    for (size_t k = 0; k < component.routes.size(); ++k) {
      const Route& route = component.routes[k];
      const std::string variable = port_variable(route);
      const std::string field = path(i) + ".routes[" + std::to_string(k) + "]";
      if (!variables.insert(variable).second)
        findings_.add(place(i, "routes", k), field,
                      "two routes of this component would both be " + variable,
                      route.name.empty() ? "give each a name" : "rename one of them");
      else if (route.target_port == 0 && component.env.contains(variable))
        findings_.add(place(i, "env"), path(i) + ".env",
                      variable + " is set by a route and cannot be set here",
                      "remove it, or set target_port in the route");
      check_protocol(place_of(i, k, "backend_protocol"), field + ".backend_protocol", route);
    }
  }

  void check_protocol(const Place& at, const std::string& field, const Route& route) {
    if (!route.backend_protocol) return;
    const bool tls = route.backend_protocol == Route::Protocol::kTls;
    const std::string protocol(name(*route.backend_protocol));
    if (!tls && route.mode == Route::Mode::kL4)
      findings_.add(
          at, field,
          "an l4 route passes the client's TLS on: the service speaks tls, not " + protocol,
          "set mode to l7, or remove backend_protocol");
    else if (route.backend_tls && *route.backend_tls != tls)
      findings_.add(at, field,
                    "backend_tls = " + std::string(tls ? "false" : "true") +
                        " and backend_protocol = " + protocol + " contradict each other",
                    "remove backend_tls");
  }

  void check_volumes(size_t i) {
    const auto& volumes = service_.components[i].volumes;
    std::set<std::string> targets;
    for (size_t k = 0; k < volumes.size(); ++k)
      if (!targets.insert(volumes[k].target).second)
        findings_.add(place(i, "volumes", k), path(i) + ".volumes[" + std::to_string(k) + "]",
                      "two volumes are mounted at " + volumes[k].target, "remove one of them");
  }

  void check_rollout(size_t i) {
    const Value* table = list_.items[i].find("rollout");
    if (table == nullptr) return;
    const RolloutSettings& rollout = service_.components[i].rollout;
    const auto check = [&](const char* key, base::Millis value, std::chrono::minutes most) {
      if (value > most) add_rollout(i, *table, key, "at most " + base::to_duration(most));
    };
    check("watch", rollout.watch, std::chrono::minutes(10));
    check("drain", rollout.drain, std::chrono::minutes(10));
    check("hold", rollout.hold, std::chrono::minutes(5));
    // mc-proxy counts in seconds.
    if (rollout.hold % std::chrono::seconds(1) != base::Millis(0))
      add_rollout(i, *table, "hold", "whole seconds");
  }

  void add_rollout(size_t i, const Value& table, const char* key, const std::string& wanted) {
    const Value& value = *table.find(key);
    findings_.add(value.at, path(i) + ".rollout." + key,
                  "found '" + value.text + "', expected " + wanted);
  }

  void check_health(size_t i) {
    const Component& component = service_.components[i];
    if (!component.health || std::holds_alternative<CmdCheck>(component.health->check)) return;
    const std::string& port = component.health->port;
    const Value& table = *list_.items[i].find("health");
    const Value* value = table.find("port");
    if (port.empty()) {
      if (component.routes.empty() && component.ports.empty())
        findings_.add(table.at, path(i) + ".health",
                      "the component has neither a route nor a port that could be asked",
                      "set port = \"8080\", or check with cmd");
      return;
    }
    const bool digits = port.find_first_not_of("0123456789") == std::string::npos;
    if (digits) {
      if (const int number = std::stoi(port); number < 1 || number > 65535)
        findings_.add(value->at, path(i) + ".health.port",
                      "the port " + port + " is not one of 1 to 65535");
      return;
    }
    std::vector<std::string> routes;
    for (const Route& route : component.routes)
      if (!route.name.empty()) routes.push_back(route.name);
    if (std::find(routes.begin(), routes.end(), port) != routes.end()) return;
    findings_.add(value->at, path(i) + ".health.port",
                  "no route of this component is named '" + port + "'",
                  suggest(port, routes, "routes here"));
  }

  const Service& service_;
  const Value& list_;
  Findings& findings_;
  std::vector<std::string> names_;
};

}  // namespace

void check_service(const Service& service, const Value& spec, Findings& findings) {
  ServiceCheck(service, spec, findings).run();
}

}  // namespace crds
