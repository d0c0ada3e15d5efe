#include "crds/claims.h"

#include <set>
#include <utility>

namespace crds {
namespace {

std::string indexed(const std::string& path, const char* list, size_t index) {
  return path + "." + list + "[" + std::to_string(index) + "]";
}

struct Taken {
  ServiceName by;
  const Located<Service>* at;  // null: by its last good definition
  std::string field;
};

// The claims of one key by their addresses.
using Takers = std::map<std::string, Taken>;

bool is_v4(const std::string& ip) {
  return !ip.empty() && ip.find(':') == std::string::npos;
}

// Who has an address that meets this one, `except` aside. [::] takes IPv4 as well (bindv6only is
// off).
const Taken* find_taker(const Takers& takers, const std::string& ip, const ServiceName* except) {
  const auto counts = [&](const auto& entry) {
    return except == nullptr || entry.second.by != *except;
  };
  for (const std::string& other : {ip, std::string(), std::string("::"), std::string("0.0.0.0")}) {
    if (other == "0.0.0.0" && !is_v4(ip)) continue;
    if (const auto found = takers.find(other); found != takers.end() && counts(*found))
      return &found->second;
  }
  const bool any = ip.empty() || ip == "::";
  if (!any && ip != "0.0.0.0") return nullptr;
  for (const auto& entry : takers)
    if (counts(entry) && (any || is_v4(entry.first))) return &entry.second;
  return nullptr;
}

}  // namespace

std::vector<Claim> claims_of(const Service& service, const std::string& domain) {
  std::vector<Claim> out;
  if (!service.active) return out;
  const std::string own_node = service.node.empty() ? "/" + service.name.str() : service.node.str();
  const std::string default_host = service.name.str() + "." + domain;
  for (size_t i = 0; i < service.components.size(); ++i) {
    const Component& component = service.components[i];
    const std::string path = "components[" + std::to_string(i) + "]";
    const auto on = [&](const std::string& node) {
      return node.starts_with('/') ? std::string() : " on node " + node;
    };
    for (size_t k = 0; k < component.ports.size(); ++k) {
      const PortMapping& port = component.ports[k];
      if (port.host_port == 0) continue;
      const std::string number = std::to_string(port.host_port) + "/" + port.protocol;
      out.push_back({own_node + " port " + number, port.host_ip,
                     "host port " + number + on(own_node), indexed(path, "ports", k)});
    }
    for (size_t k = 0; k < component.routes.size(); ++k) {
      const Route& route = component.routes[k];
      const std::string host = route.hostname.empty() ? default_host : route.hostname;
      const std::string listener = ":" + std::to_string(route.port);
      for (const std::string& node : {own_node, route.edge}) {
        if (node.empty() || (&node != &own_node && node == own_node && !out.empty() &&
                             out.back().field == indexed(path, "routes", k)))
          continue;
        out.push_back({node + " route " + listener + " " + host, "",
                       "host name " + host + " on listener " + listener + on(node),
                       indexed(path, "routes", k)});
      }
    }
  }
  return out;
}

std::vector<Clash> find_clashes(const std::vector<const Located<Service>*>& services,
                                const std::map<ServiceName, Service>& last_good,
                                const std::vector<ServiceName>& broken, const std::string& domain) {
  std::map<std::string, Takers> taken;
  for (const ServiceName& name : broken)
    if (const auto held = last_good.find(name); held != last_good.end())
      for (const Claim& claim : claims_of(held->second, domain))
        taken[claim.key].emplace(claim.ip, Taken{name, nullptr, claim.field});
  // What a service has and goes on to want is its own, wherever its file sorts.
  for (const Located<Service>* service : services) {
    const auto known = last_good.find(service->value.name);
    if (known == last_good.end()) continue;
    std::set<std::pair<std::string, std::string>> held;
    for (const Claim& claim : claims_of(known->second, domain)) held.emplace(claim.key, claim.ip);
    for (const Claim& claim : claims_of(service->value, domain))
      if (held.contains({claim.key, claim.ip}))
        taken[claim.key].emplace(claim.ip, Taken{service->value.name, service, claim.field});
  }
  std::vector<Clash> out;
  for (const Located<Service>* service : services) {
    std::map<std::string, Takers> own;
    const size_t before = out.size();
    for (const Claim& claim : claims_of(service->value, domain)) {
      const Taken* taker = find_taker(taken[claim.key], claim.ip, &service->value.name);
      if (taker == nullptr) taker = find_taker(own[claim.key], claim.ip, nullptr);
      if (taker != nullptr) out.push_back({service, claim, taker->by, taker->at, taker->field});
      own[claim.key].emplace(claim.ip, Taken{service->value.name, service, claim.field});
    }
    if (out.size() == before)
      for (auto& [key, takers] : own) taken[key].merge(takers);
  }
  return out;
}

}  // namespace crds
