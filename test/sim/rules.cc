#include "test/sim/rules.h"

#include <algorithm>
#include <map>

namespace sim {

using reconciler::ComponentKey;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using Kind = test::FakeRuntime::Kind;

// Whether it does its work, as far as anything in its definition could tell.
bool Rules::serves(const ObservedContainer& container) const {
  const reconciler::ContainerSpec* spec = runtime_.spec(container.id);
  if (spec == nullptr || container.state != ContainerState::kRunning) return false;
  const bool checked = spec->component.health || !spec->component.routes.empty();
  return !checked || answers(container);
}

void Rules::before(const test::FakeRuntime::Call& call, base::TimePoint now) {
  if (call.kind != Kind::kStart && call.kind != Kind::kStop && call.kind != Kind::kRemove) return;
  const auto found = runtime_.containers().find(reconciler::ContainerId(call.subject));
  if (found == runtime_.containers().end()) return;
  const ObservedContainer& container = found->second;
  if (!container.owner)
    return violated("rule 1: a foreign container is touched: " + container.name);
  if (call.kind == Kind::kStop) stopping(container, now);
  if (call.kind == Kind::kRemove) removing(container);
}

// Rule 2: what serves is not stopped while the component is wanted, unless another one serves or
// the component cannot have two at a time.
void Rules::stopping(const ObservedContainer& container, base::TimePoint now) {
  const auto unaware = unaware_until_.find(container.owner->key);
  if (unaware != unaware_until_.end() && now < unaware->second) return;
  const auto& services = branch_.head().tree.services;
  const auto wanted = services.find(container.owner->key.service);
  if (wanted == services.end() || !serves(container)) return;
  const crds::Service& service = wanted->second.value;
  const auto component = std::find_if(
      service.components.begin(), service.components.end(),
      [&](const auto& candidate) { return candidate.name == container.owner->key.component; });
  if (component == service.components.end()) return;
  const bool one_at_a_time =
      component->strategy == crds::Strategy::kRecreate || !component->ports.empty();
  // The agent may not have fetched the head yet: only what both say binds it.
  const auto& known = loop_()->view({}).desired.services;
  const auto here = known.find(service.name);
  if (here == known.end() || here->second.definition != service || !service.active || one_at_a_time)
    return;
  const auto another = [&](const auto& entry) {
    const ObservedContainer& other = entry.second;
    return other.id != container.id && other.owner && other.owner->key == container.owner->key &&
           serves(other);
  };
  const auto& all = runtime_.containers();
  if (std::none_of(all.begin(), all.end(), another))
    violated("rule 2: " + container.name + " serves, and is stopped before another one does");
}

// Rule 5: what a suspicious revision removes stays.
void Rules::removing(const ObservedContainer& container) {
  const reconciler::ServiceName& service = container.owner->key.service;
  const auto& tree = branch_.head().tree;
  if (tree.services.empty() && tree.broken.empty() && !may_go.contains(service)) {
    // Its last container, and not one of two.
    const auto& all = runtime_.containers();
    const auto same = std::count_if(all.begin(), all.end(), [&](const auto& entry) {
      return entry.second.owner && entry.second.owner->key == container.owner->key;
    });
    if (same == 1 && serves(container))
      violated("rule 5: " + container.name + " is removed because the tree is empty");
  }
}

void Rules::after_step() {
  std::map<ComponentKey, int> count;
  for (const auto& [id, container] : runtime_.containers())
    if (container.owner && ++count[container.owner->key] > 2)
      violated("rule 3: more than two containers of " + container.owner->key.text());
  std::map<uint16_t, ComponentKey> leases;
  for (const auto& [key, memory] : loop_()->memory().components)
    for (const auto& [place, port] : memory.leases)
      if (!leases.emplace(port, key).second)
        violated("rule 6: one host port is leased twice: " + std::to_string(port));
}

void Rules::converged(const reconciler::Desired& desired) {
  std::map<ComponentKey, std::vector<const ObservedContainer*>> ours;
  for (const auto& [id, container] : runtime_.containers())
    if (container.owner) ours[container.owner->key].push_back(&container);
  for (const auto& [service_name, service] : desired.services)
    for (const auto& [component_name, component] : service.components) {
      const ComponentKey key{service_name, component_name};
      const auto containers = ours.extract(key);
      const size_t count = containers.empty() ? 0 : containers.mapped().size();
      if (!service.definition.active) {
        for (size_t i = 0; i < count; ++i)
          if (containers.mapped()[i]->state == ContainerState::kRunning)
            violated("rule 7: " + key.text() + " is inactive, and runs");
        continue;
      }
      if (count != 1)
        violated("rule 3: " + key.text() + " has " + std::to_string(count) + " containers");
      else if (!answers(*containers.mapped().front()) ||
               containers.mapped().front()->owner->spec_hash != component.spec_hash)
        violated("rule 7: " + key.text() + " does not run as defined");
    }
  if (!ours.empty()) violated("rule 3: an orphan is left: " + ours.begin()->first.text());
}

}  // namespace sim
