#include "reconciler/leases.h"

#include <algorithm>
#include <cstdlib>

#include "base/core/text.h"
#include "crds/types/names.h"

namespace reconciler {

std::set<uint16_t>& PortsInUse::all() {
  if (ports_) return *ports_;
  ports_ = observed_.busy_ports;
  ports_->insert(fixed_.begin(), fixed_.end());
  for (const auto& [id, container] : observed_.containers)
    for (const crds::PortMapping& port : container.ports) ports_->insert(port.host_port);
  // A route that could not be taken away yet must not lead to somebody else.
  if (observed_.proxy)
    for (const auto& [key, route] : observed_.proxy->routes)
      ports_->insert(static_cast<uint16_t>(
          std::atoi(route.spec.backend.substr(route.spec.backend.rfind(':') + 1).c_str())));
  for (const Memory* memory : {&memory_, &decided_})
    for (const auto& [key, component] : memory->components)
      for (const auto& [place, port] : component.leases) ports_->insert(port);
  return *ports_;
}

bool lease_ports(const ComponentKey& key, const crds::Component& component, Slot slot,
                 PortsInUse& in_use, ComponentMemory& memory) {
  std::erase_if(memory.leases, [&](const auto& lease) {
    return lease.first.first == slot &&
           std::none_of(component.routes.begin(), component.routes.end(),
                        [&](const auto& route) { return route.name == lease.first.second; });
  });
  constexpr int kRange = kLastLeasePort - kFirstLeasePort + 1;
  constexpr int kPreferred = kFirstEphemeralPort - kFirstLeasePort;
  for (const crds::Route& route : component.routes) {
    const std::pair<Slot, std::string> place(slot, route.name);
    if (memory.leases.contains(place)) continue;
    const std::string hash =
        base::sha256_hex(container_name(key, slot) + "/" + route.name).substr(0, 8);
    const int start = static_cast<int>(std::stoul(hash, nullptr, 16) % kPreferred);
    int tries = 0;
    const auto candidate = [&] {
      return static_cast<uint16_t>(kFirstLeasePort +
                                   (tries < kPreferred ? (start + tries) % kPreferred : tries));
    };
    for (const auto& [other, port] : memory.leases) in_use.take(port);
    while (tries < kRange &&
           (in_use.contains(candidate()) || memory.refused_ports.contains(candidate())))
      ++tries;
    if (tries == kRange) return false;
    memory.leases[place] = candidate();
    in_use.take(candidate());
  }
  return true;
}

std::map<std::string, uint16_t> leases_of(const ComponentMemory& memory, Slot slot) {
  std::map<std::string, uint16_t> out;
  for (const auto& [place, port] : memory.leases)
    if (place.first == slot) out.emplace(place.second, port);
  return out;
}

bool has_leases(const ComponentMemory& memory, Slot slot,
                const std::map<std::string, uint16_t>& leases) {
  size_t count = 0;
  for (const auto& [place, port] : memory.leases) {
    if (place.first != slot) continue;
    const auto lease = leases.find(place.second);
    if (lease == leases.end() || lease->second != port) return false;
    ++count;
  }
  return count == leases.size();
}

std::vector<crds::PortMapping> published_ports(const crds::Component& component,
                                               const std::map<std::string, uint16_t>& leases) {
  if (component.network == "host") return {};
  std::vector<crds::PortMapping> ports = component.ports;
  for (const crds::Route& route : component.routes) {
    const auto lease = leases.find(route.name);
    if (lease == leases.end()) continue;
    ports.push_back({"127.0.0.1", lease->second,
                     route.target_port == 0 ? lease->second : route.target_port, "tcp"});
  }
  return ports;
}

std::map<std::string, std::string> environment(const crds::Component& component,
                                               const std::map<std::string, uint16_t>& leases) {
  std::map<std::string, std::string> env = component.env;
  for (const crds::Route& route : component.routes) {
    const auto lease = leases.find(route.name);
    if (lease == leases.end()) continue;
    // A route with a target port says where the program listens already.
    const bool on_host = component.network == "host";
    const uint16_t port = route.target_port == 0 || on_host ? lease->second : route.target_port;
    env.emplace(crds::port_variable(route), std::to_string(port));
  }
  return env;
}

}  // namespace reconciler
