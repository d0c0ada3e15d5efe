#pragma once

#include <map>
#include <optional>
#include <string>

#include "reconciler/model.h"

// Containers that others made and that are ours by an operator's word. A commit that defines their
// component makes the word good; one that never comes must never cost anybody a container.
namespace reconciler {

// So long the commit may take.
inline constexpr Millis kAdoptionTime = std::chrono::minutes(10);

// What podman cannot say of such a container.
struct AdoptedContainer {
  Owner owner;
  std::string image;
  std::vector<crds::PortMapping> ports;
};

// Those that are ours now: their component is defined, or has been since they were accepted. Pure.
std::map<ContainerId, AdoptedContainer> adopted_containers(const Desired& desired,
                                                           const Memory& memory);

// Makes a container that podman tells of one of ours when it is adopted.
void show_as_adopted(const std::map<ContainerId, AdoptedContainer>& adopted,
                     ObservedContainer& container);

// The adoption that an operator accepts: `container` becomes what `component` asks for. kConflict
// when it is somebody's already, does not run, or is of another image or other ports. `in_pod`: its
// ports are the pod's, of which it may have some. `image_names`: further names of its image.
base::Result<Adoption> accept_adoption(const ComponentKey& key, const NodeName& node,
                                       const ComponentDesired& component,
                                       const ObservedContainer& container, bool in_pod,
                                       const std::vector<std::string>& image_names, TimePoint now);

// What becomes of it. None: its container is gone, or its time is over.
std::optional<Adoption> keep_adoption(const Adoption& adoption, const ComponentKey& key,
                                      const Desired& desired, const Observed& observed,
                                      TimePoint now);

}  // namespace reconciler
