#include <algorithm>
#include <utility>

#include "base/core/text.h"
#include "reconciler/conditions.h"
#include "reconciler/machine.h"
#include "reconciler/normalise.h"
#include "reconciler/readiness.h"

namespace reconciler {
namespace {

constexpr char kState[] = "state";
constexpr char kRoute[] = "route ";

}  // namespace

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

void Machine::look_for_drift() {
  const auto& settled = d_.next.settled;
  const bool same_wish = settled && settled->spec_hash == in_.desired.spec_hash &&
                         settled->wish == wish() &&
                         settled->stopped != in_.service.definition.active;
  if (!same_wish) {
    d_.next.settled.reset();
    d_.next.drift.clear();
    return;
  }
  if (settled->left) return;  // it is being mended, and stays drift until that is done
  d_.next.drift.clear();
  if (settled->stopped) {
    for (const ObservedContainer* container : in_.containers)
      if (has_process(*container))
        d_.next.drift.push_back({kState, "exited", std::string(name(container->state))});
    return;
  }
  const auto found = std::find_if(
      in_.containers.begin(), in_.containers.end(),
      [&](const ObservedContainer* container) { return container->id == settled->container; });
  if (found == in_.containers.end())
    d_.next.drift.push_back({kState, "running", "missing"});
  else
    d_.next.drift = changes_of(**found);
}

std::vector<FieldChange> Machine::changes_of(const ObservedContainer& container) const {
  std::vector<FieldChange> changes;
  const bool ended = container.state == ContainerState::kExited;
  const bool ours = d_.next.heal_pending || d_.next.resume;
  const bool done = container.exit_code == 0 && is_over(*in_.desired.spec.restart, container);
  if (is_down(container) && !(ended && (ours || done)))
    changes.push_back({kState, "running", std::string(name(container.state))});
  for (FieldChange& change : drift(in_.desired, container)) changes.push_back(std::move(change));
  const bool routes_known = runs(container) && in_.routes.managed() && !in_.routes.proxy->error &&
                            d_.next.held_since == TimePoint{};
  if (!routes_known) return changes;
  const auto wanted = routes_to(in_.routes, in_.key.service, container, Millis(0));
  for (const RouteSpec& spec : missing(in_.routes, wanted)) {
    const auto there = in_.routes.proxy->routes.find(spec.key);
    const bool gone = there == in_.routes.proxy->routes.end();
    // One that leads to another container of ours was led there by us.
    if (!gone && there->second.spec.backend != spec.backend && leads_to_us(spec.key)) continue;
    const std::string backend = gone ? "(none)" : there->second.spec.backend;
    changes.push_back({std::string(kRoute) + spec.key.text(), spec.backend,
                       !gone && backend == spec.backend ? backend + ", set otherwise" : backend});
  }
  return changes;
}

bool Machine::needs_a_hand() const {
  const auto& drift = d_.next.drift;
  return std::any_of(drift.begin(), drift.end(), [](const FieldChange& change) {
    return change.field != kState || change.to != name(ContainerState::kExited);
  });
}

void Machine::tell_drift() {
  for (const ObservedContainer* container : in_.containers) {
    if (!runs(*container) || container->id != d_.next.settled->container) continue;
    const Verdict verdict = judge(in_.desired.spec, *container, in_.observed, false, in_.now);
    if (verdict.probe) d_.probes.push_back(*verdict.probe);
    if (verdict.again_at) wake(*verdict.again_at);
    d_.available = verdict.state == Verdict::kReady;
  }
  d_.final = true;
  fail(reason::kDrifted, text(d_.next.drift) +
                             "; would be mended, but drift.heal is false (mcp restart " +
                             in_.key.service.str() + " makes it as defined)");
}

}  // namespace reconciler
