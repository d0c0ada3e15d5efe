#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reconciler/model.h"

namespace reconciler {

// Host ports for routes: 10000 to 60000, one for every (component, slot, route), kept as long as
// the component exists. The choice is a function of the name, so that a lost registry leads to
// the same ports where they are free.
inline constexpr uint16_t kFirstLeasePort = 10000;
inline constexpr uint16_t kLastLeasePort = 60000;
// From here on Linux gives ports to any connection that goes out (ip_local_port_range in
// https://docs.kernel.org/networking/ip-sysctl.html), also while a container restarts: they are
// leased when there are no others.
inline constexpr uint16_t kFirstEphemeralPort = 32768;

// All host ports that a new lease must avoid. Gathered when first asked: most passes never ask.
class PortsInUse {
 public:
  // `decided`: the components that are not in `memory` any more, because this pass is done with
  // them. `fixed`: the TCP ports that definitions ask for by number. All must outlive this.
  PortsInUse(const Observed& observed, const Memory& memory, const Memory& decided,
             const std::set<uint16_t>& fixed)
      : observed_(observed), memory_(memory), decided_(decided), fixed_(fixed) {}
  // A definition wants this very port: no lease may keep it.
  bool is_fixed(uint16_t port) const { return fixed_.contains(port); }
  void take(uint16_t port) { all().insert(port); }
  bool contains(uint16_t port) { return all().contains(port); }

 private:
  std::set<uint16_t>& all();
  const Observed& observed_;
  const Memory& memory_;
  const Memory& decided_;
  const std::set<uint16_t>& fixed_;
  std::optional<std::set<uint16_t>> ports_;
};

// Gives every route of the component a lease in that slot; present ones stay, those of routes that
// are no more go. False: no port is free.
bool lease_ports(const ComponentKey& key, const crds::Component& component, Slot slot,
                 PortsInUse& in_use, ComponentMemory& memory);

// The leases of one slot by route name.
std::map<std::string, uint16_t> leases_of(const ComponentMemory& memory, Slot slot);

// Whether these are they.
bool has_leases(const ComponentMemory& memory, Slot slot,
                const std::map<std::string, uint16_t>& leases);

// What a container with these leases publishes: its fixed ports, and 127.0.0.1:<lease> for routes
// (nothing on the host's own network).
std::vector<crds::PortMapping> published_ports(const crds::Component& component,
                                               const std::map<std::string, uint16_t>& leases);

// The container's variables: its own, and PORT or PORT_<NAME> with the port to listen on.
std::map<std::string, std::string> environment(const crds::Component& component,
                                               const std::map<std::string, uint16_t>& leases);

}  // namespace reconciler
