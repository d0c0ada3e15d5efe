#include "reconciler/fixed_ports.h"

#include <algorithm>

#include "reconciler/component.h"

namespace reconciler {
namespace {

bool meet(std::string_view a, std::string_view b) {
  const auto any = [](std::string_view ip) { return ip.empty() || ip == "0.0.0.0" || ip == "::"; };
  return any(a) || any(b) || a == b;
}

}  // namespace

FixedPorts::FixedPorts(const Desired& desired, const ByComponent& containers) {
  for (const auto& [service_name, service] : desired.services)
    for (const auto& [component_name, component] : service.components)
      if (service.definition.active && !component.spec.ports.empty())
        wishes_.push_back({{service_name, component_name}, &component.spec});
  if (wishes_.empty()) return;
  for (const Wish& wish : wishes_)
    for (const crds::PortMapping& port : wish.spec->ports)
      if (port.host_port != 0) owners_.try_emplace(place(port));
  find_holders(containers);
  for (const bool holders : {true, false})
    for (const Wish& wish : wishes_) claim(wish, holders);
  for (const auto& [place, holders] : held_)
    for (const Claim& held : holders)
      if (other_at(owners_, place, held.ip, *held.key) != nullptr) leaving_.insert(*held.key);
  for (const auto& [place, claims] : owners_)
    if (place.second == "tcp") tcp_.insert(place.first);
}

template <class Message>
std::string FixedPorts::about(const ComponentKey& key, const crds::Component& component,
                              const Claims& claims, Message message) {
  for (const crds::PortMapping& port : component.ports) {
    if (port.host_port == 0) continue;
    if (const ComponentKey* other = other_at(claims, place(port), port.host_ip, key))
      return message(std::to_string(port.host_port) + "/" + port.protocol, *other);
  }
  return "";
}

std::string FixedPorts::conflict(const ComponentKey& key, const crds::Component& component) const {
  return about(key, component, owners_, [](const std::string& port, const ComponentKey& other) {
    return "host port " + port + " belongs to " + other.text() + " (give one of them another port)";
  });
}

std::string FixedPorts::gate(const ComponentKey& key, const crds::Component& component) const {
  return about(key, component, held_, [](const std::string& port, const ComponentKey& other) {
    return "waiting for " + other.text() + " to leave host port " + port;
  });
}

void FixedPorts::find_holders(const ByComponent& containers) {
  for (const auto& [key, list] : containers)
    for (const ObservedContainer* container : list) {
      if (!has_process(*container)) continue;
      for (const crds::PortMapping& port : container->ports)
        if (owners_.contains(place(port))) held_[place(port)].push_back({port.host_ip, &key});
    }
}

const ComponentKey* FixedPorts::other_at(const Claims& claims, const Place& place,
                                         std::string_view ip, const ComponentKey& key) {
  const auto found = claims.find(place);
  if (found == claims.end()) return nullptr;
  for (const Claim& claim : found->second)
    if (*claim.key != key && meet(claim.ip, ip)) return claim.key;
  return nullptr;
}

void FixedPorts::claim(const Wish& wish, bool holders) {
  for (const crds::PortMapping& port : wish.spec->ports) {
    if (port.host_port == 0) continue;
    const auto held = held_.find(place(port));
    const bool holds =
        held != held_.end() && std::any_of(held->second.begin(), held->second.end(),
                                           [&](const Claim& one) { return *one.key == wish.key; });
    if (holds == holders && other_at(owners_, place(port), port.host_ip, wish.key) == nullptr)
      owners_.at(place(port)).push_back({port.host_ip, &wish.key});
  }
}

}  // namespace reconciler
