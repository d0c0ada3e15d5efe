#include "crds/claims.h"

#include <algorithm>

namespace crds {
namespace {

std::string indexed(const std::string& path, const char* list, size_t index) {
  return path + "." + list + "[" + std::to_string(index) + "]";
}

// Whether two addresses of one port can meet: [::] takes IPv4 as well (bindv6only is off).
bool overlap(const std::string& a, const std::string& b) {
  const auto is_any = [](const std::string& ip) { return ip.empty() || ip == "::"; };
  const auto is_v4 = [](const std::string& ip) { return ip.find(':') == std::string::npos; };
  if (is_any(a) || is_any(b) || a == b) return true;
  return is_v4(a) && is_v4(b) && (a == "0.0.0.0" || b == "0.0.0.0");
}

struct Taken {
  std::string ip;
  ServiceName by;
  const Located<Service>* at;  // null: by its last good definition
  std::string field;
};

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
  std::map<std::string, std::vector<Taken>> taken;
  for (const ServiceName& name : broken)
    if (const auto held = last_good.find(name); held != last_good.end())
      for (const Claim& claim : claims_of(held->second, domain))
        taken[claim.key].push_back({claim.ip, name, nullptr, claim.field});
  // What a service has and goes on to want is its own, wherever its file sorts.
  for (const Located<Service>* service : services) {
    const auto known = last_good.find(service->value.name);
    if (known == last_good.end()) continue;
    const auto held = claims_of(known->second, domain);
    for (const Claim& claim : claims_of(service->value, domain))
      if (std::any_of(held.begin(), held.end(),
                      [&](const Claim& h) { return h.key == claim.key && h.ip == claim.ip; }))
        taken[claim.key].push_back({claim.ip, service->value.name, service, claim.field});
  }
  std::vector<Clash> out;
  for (const Located<Service>* service : services) {
    const auto claims = claims_of(service->value, domain);
    const size_t before = out.size();
    for (size_t i = 0; i < claims.size(); ++i) {
      const auto& others = taken[claims[i].key];
      const auto other = std::find_if(others.begin(), others.end(), [&](const Taken& t) {
        return t.by != service->value.name && overlap(t.ip, claims[i].ip);
      });
      const bool twice = std::any_of(claims.begin(), claims.begin() + i, [&](const Claim& c) {
        return c.key == claims[i].key && overlap(c.ip, claims[i].ip);
      });
      if (other != others.end())
        out.push_back({service, claims[i], other->by, other->at, other->field});
      else if (twice)
        out.push_back({service, claims[i], service->value.name, service, claims[i].field});
    }
    if (out.size() > before) continue;
    for (const Claim& claim : claims)
      taken[claim.key].push_back({claim.ip, service->value.name, service, claim.field});
  }
  return out;
}

}  // namespace crds
