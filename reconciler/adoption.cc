#include "reconciler/adoption.h"

#include <algorithm>

#include "reconciler/component.h"
#include "reconciler/normalise.h"

namespace reconciler {
namespace {

const ServiceDesired* definition_of(const ComponentKey& key, const Desired& desired) {
  const auto service = desired.services.find(key.service);
  if (service == desired.services.end() || !service->second.components.contains(key.component))
    return nullptr;
  return &service->second;
}

bool is_ours(const ComponentKey& key, const Adoption& adoption, const Desired& desired) {
  // Of a node of another name it is somebody else's, as one with labels is.
  return adoption.node == desired.node &&
         (!adoption.revision.empty() || definition_of(key, desired) != nullptr);
}

base::Error differs(const ComponentKey& key, const ObservedContainer& container,
                    const std::string& what) {
  return base::make_error(
      base::Code::kConflict,
      "container " + container.name + " cannot become " + key.text() + ": " + what,
      "adopt it with the definition that mcp adopt proposes for it");
}

}  // namespace

std::map<ContainerId, AdoptedContainer> adopted_containers(const Desired& desired,
                                                           const Memory& memory) {
  std::map<ContainerId, AdoptedContainer> out;
  for (const auto& [key, component] : memory.components) {
    const auto& adoption = component.adopted;
    if (!adoption || !is_ours(key, *adoption, desired)) continue;
    const ServiceDesired* service = definition_of(key, desired);
    Owner owner{key, adoption->node, adoption->spec_hash, adoption->revision, adoption->slot, {}};
    if (owner.revision.empty()) owner.revision = service->revision;
    out.emplace(adoption->container,
                AdoptedContainer{std::move(owner), adoption->image, adoption->ports});
  }
  return out;
}

void show_as_adopted(const std::map<ContainerId, AdoptedContainer>& adopted,
                     ObservedContainer& container) {
  const auto found = adopted.find(container.id);
  if (found == adopted.end()) return;
  container.owner = found->second.owner;
  container.image = found->second.image;
  container.ports = found->second.ports;
}

base::Result<Adoption> accept_adoption(const ComponentKey& key, const NodeName& node,
                                       const ComponentDesired& component,
                                       const ObservedContainer& container, bool in_pod,
                                       const std::vector<std::string>& image_names, TimePoint now) {
  if (container.owner)
    return differs(key, container, "it is managed already, as " + container.owner->key.text());
  if (container.state != ContainerState::kRunning)
    return differs(key, container, "it is " + std::string(name(container.state)));
  const std::string& image = component.spec.image;
  const bool has_image =
      same_image(container.image, image) ||
      std::any_of(image_names.begin(), image_names.end(),
                  [&](const std::string& other) { return same_image(other, image); });
  if (!has_image)
    return differs(key, container, "it runs " + container.image + ", and " + image + " is defined");
  if (!component.spec.routes.empty())
    return differs(key, container,
                   "routes need a port that it does not publish; add them when it is adopted");
  ObservedContainer as_ours = container;
  as_ours.owner = Owner{key, node, component.spec_hash, {}, Slot::kFirst, {}};
  as_ours.image = image;
  if (in_pod)
    std::erase_if(as_ours.ports, [&](const crds::PortMapping& port) {
      return std::find(component.spec.ports.begin(), component.spec.ports.end(), port) ==
             component.spec.ports.end();
    });
  if (const auto changes = drift(component, as_ours); !changes.empty())
    return differs(key, container, text(changes));
  const bool second = container.name == container_name(key, Slot::kSecond);
  return Adoption{container.id,
                  node,
                  component.spec_hash,
                  image,
                  as_ours.ports,
                  second ? Slot::kSecond : Slot::kFirst,
                  now,
                  {}};
}

std::optional<Adoption> keep_adoption(const Adoption& adoption, const ComponentKey& key,
                                      const Desired& desired, const Observed& observed,
                                      TimePoint now) {
  if (!observed.containers.contains(adoption.container)) return std::nullopt;
  Adoption next = adoption;
  if (!next.revision.empty()) return next;
  if (is_ours(key, adoption, desired)) {
    next.revision = definition_of(key, desired)->revision;
    return next;
  }
  // A clock that has stepped back makes it no longer.
  if (now < next.since) next.since = now;
  if (now - next.since >= kAdoptionTime) return std::nullopt;
  return next;
}

}  // namespace reconciler
