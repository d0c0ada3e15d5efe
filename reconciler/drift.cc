#include <algorithm>
#include <utility>

#include "base/core/text.h"
#include "reconciler/component.h"
#include "reconciler/normalise.h"

namespace reconciler {

std::vector<FieldChange> drift(const ComponentDesired& desired,
                               const ObservedContainer& container) {
  std::vector<FieldChange> changes;
  if (!container.image.empty() && !same_image(container.image, desired.spec.image))
    changes.push_back({"image", desired.spec.image, container.image});
  std::vector<crds::PortMapping> wanted = published_ports(desired.spec, container.owner->leases);
  if (wanted == container.ports) return changes;
  const auto published = [](std::vector<crds::PortMapping> ports) {
    std::vector<std::string> out;
    for (const crds::PortMapping& port : ports)
      if (port.host_port != 0)
        out.push_back(
            (port.host_ip.empty() || port.host_ip == "0.0.0.0" ? "" : port.host_ip + ":") +
            std::to_string(port.host_port) + ":" + std::to_string(port.container_port) + "/" +
            port.protocol);
    std::sort(out.begin(), out.end());
    // One that is written twice is published once.
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return base::join(out, " ");
  };
  // A port that podman chose is not drift.
  const bool podman_chooses =
      std::any_of(desired.spec.ports.begin(), desired.spec.ports.end(),
                  [](const crds::PortMapping& port) { return port.host_port == 0; });
  const std::string expected = published(std::move(wanted));
  const std::string actual = published(container.ports);
  if (!podman_chooses && expected != actual) changes.push_back({"ports", expected, actual});
  return changes;
}

}  // namespace reconciler
