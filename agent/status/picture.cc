#include "agent/status/picture.h"

#include <algorithm>

#include "reconciler/conditions.h"
#include "reconciler/readiness.h"
#include "reconciler/reconcile.h"

namespace agent {

using reconciler::ComponentKey;
using reconciler::ComponentName;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using reconciler::ServiceName;

Picture::Picture(const View& from) : view(from) {
  decisions = reconciler::explain(view.desired, view.observed, view.memory, view.at);
  for (const auto& [id, container] : view.observed.containers)
    if (container.owner && container.owner->node == view.desired.node)
      containers[container.owner->key].push_back(&container);
  for (auto& [key, list] : containers) {
    const reconciler::ComponentDesired* wanted = desired(key);
    const auto rank = [&](const ObservedContainer* container) {
      const bool present = wanted && container->owner->spec_hash == wanted->spec_hash;
      return std::pair(!present, container->state != ContainerState::kRunning);
    };
    std::stable_sort(list.begin(), list.end(),
                     [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  }
  for (const reconciler::Step& step : view.running) {
    const reconciler::ComponentDesired* wanted = desired(step.key);
    // Another definition has overtaken it: nobody waits for that image any more.
    const bool overtaken = step.kind == reconciler::StepKind::kPullImage &&
                           (!wanted || wanted->spec.image != step.image);
    if (!overtaken) running[step.key] = &step;
  }
  for (const auto& [service, unused] : view.desired.services) services.insert(service);
  for (const auto& [service, unused] : view.desired.unusable) services.insert(service);
  for (const auto& [key, unused] : containers) services.insert(key.service);
}

const reconciler::ServiceDesired* Picture::desired(const ServiceName& service) const {
  const auto found = view.desired.services.find(service);
  return found == view.desired.services.end() ? nullptr : &found->second;
}

const reconciler::ComponentDesired* Picture::desired(const ComponentKey& key) const {
  const auto* service = desired(key.service);
  if (!service) return nullptr;
  const auto found = service->components.find(key.component);
  return found == service->components.end() ? nullptr : &found->second;
}

const reconciler::Finding* Picture::decision(const ComponentKey& key) const {
  const auto found = decisions.find(key);
  return found == decisions.end() ? nullptr : &found->second;
}

std::set<ComponentName> Picture::components(const ServiceName& service) const {
  std::set<ComponentName> names;
  if (const auto* wanted = desired(service))
    for (const auto& [component, unused] : wanted->components) names.insert(component);
  for (auto at = containers.lower_bound({service, {}});
       at != containers.end() && at->first.service == service; ++at)
    names.insert(at->first.component);
  return names;
}

bool Picture::ready(const ObservedContainer& container) const {
  const ComponentKey& key = container.owner->key;
  const auto* wanted = desired(key);
  // What podman does not confirm is not claimed.
  if (view.observed.runtime_error || !wanted) return false;
  if (container.state != ContainerState::kRunning) {
    // One that was to end, and has, is as it should be.
    const auto* made_of_it = decision(key);
    return made_of_it && made_of_it->reason == reconciler::reason::kCompleted &&
           container.state == ContainerState::kExited &&
           container.owner->spec_hash == wanted->spec_hash;
  }
  if (container.owner->spec_hash == wanted->spec_hash)
    return reconciler::judge(wanted->spec, container, view.observed, false, view.at).state ==
           reconciler::Verdict::kReady;
  // One of an earlier definition: it serves until its successor is ready.
  const auto* made_of_it = decision(key);
  return made_of_it && made_of_it->available;
}

const ObservedContainer* Picture::serving(const ComponentKey& key) const {
  const auto found = containers.find(key);
  if (found == containers.end()) return nullptr;
  const Containers& all = found->second;
  const auto is_ready = [&](const auto* container) { return ready(*container); };
  const auto runs = [](const auto* container) {
    return container->state == ContainerState::kRunning;
  };
  if (const auto it = std::find_if(all.begin(), all.end(), is_ready); it != all.end()) return *it;
  if (const auto it = std::find_if(all.begin(), all.end(), runs); it != all.end()) return *it;
  return all.front();
}

}  // namespace agent
