#include "test/sim/rules.h"

#include <algorithm>
#include <deque>
#include <map>

#include "reconciler/adoption.h"
#include "reconciler/component.h"
#include "reconciler/reconcile.h"
#include "reconciler/routes.h"

namespace sim {

using reconciler::ComponentKey;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using Kind = test::FakeRuntime::Kind;

std::optional<reconciler::Owner> Rules::owner(const ObservedContainer& container) const {
  if (container.owner) return container.owner;
  const auto adopted = reconciler::adopted_containers(loop_()->desired(), loop_()->memory());
  const auto found = adopted.find(container.id);
  return found == adopted.end() ? std::nullopt : std::optional(found->second.owner);
}

// Called after every step: nothing is copied.
void Rules::each_of_ours(const std::function<void(const reconciler::Owner&)>& look) const {
  std::optional<std::map<reconciler::ContainerId, reconciler::AdoptedContainer>> adopted;
  for (const auto& [id, container] : runtime_.containers()) {
    if (container.owner) {
      look(*container.owner);
      continue;
    }
    if (!adopted) adopted = reconciler::adopted_containers(loop_()->desired(), loop_()->memory());
    if (const auto found = adopted->find(id); found != adopted->end()) look(found->second.owner);
  }
}

// Whether it does its work, as far as anything in its definition could tell.
bool Rules::serves(const ObservedContainer& container) const {
  const reconciler::ContainerSpec* spec = runtime_.spec(container.id);
  if (spec == nullptr || container.state != ContainerState::kRunning) return false;
  const bool checked = spec->component.health || !spec->component.routes.empty();
  return !checked || answers(container);
}

void Rules::before(const test::FakeRuntime::Call& call, base::TimePoint now) {
  bounded(call, now);
  if (call.kind == Kind::kCreate) untold_.push_back(call.name);
  if (call.kind != Kind::kStart && call.kind != Kind::kStop && call.kind != Kind::kRemove) return;
  const auto found = runtime_.containers().find(reconciler::ContainerId(call.subject));
  if (found == runtime_.containers().end()) return;
  ObservedContainer container = found->second;
  container.owner = owner(container);
  if (!container.owner)
    return violated("rule 1: a foreign container is touched: " + container.name);
  untold_.push_back(reconciler::container_name(container.owner->key, container.owner->slot));
  suspension_is_kept(container, now);
  if (call.kind == Kind::kStop) stopping(container, now);
  if (call.kind == Kind::kStop) still_routed(container, now);
  const bool undesired = !loop_()->desired().services.contains(container.owner->key.service);
  if (call.kind == Kind::kRemove || (call.kind == Kind::kStop && undesired)) removing(container);
}

// What was on its way when the agent learned of it is let through.
void Rules::suspension_is_kept(const ObservedContainer& container, base::TimePoint now) {
  const auto since = suspended_since_.find(container.owner->key.service);
  if (since != suspended_since_.end() && now > since->second + std::chrono::minutes(2))
    violated("suspended: " + container.name + " is touched");
}

void Rules::note_suspensions(base::TimePoint now) {
  std::map<reconciler::ServiceName, base::TimePoint> still;
  for (const auto& [name, service] : loop_()->desired().services) {
    const auto& suspend = service.definition.suspend;
    if (!suspend || (suspend->until && now >= *suspend->until)) continue;
    const auto known = suspended_since_.find(name);
    still[name] = known == suspended_since_.end() ? now : known->second;
  }
  suspended_since_ = std::move(still);
}

// Rule 2: what serves is not stopped while the component is wanted, unless another one serves or
// the component cannot have two at a time.
void Rules::stopping(const ObservedContainer& container, base::TimePoint now) {
  if (unaware(container.owner->key, now)) return;
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
  // What was on its way when the definition came is judged by the one before.
  const auto running = loop_()->view({}).running;
  if (std::any_of(running.begin(), running.end(), [&](const reconciler::Step& step) {
        return step.container == container.id && step.revision != here->second.revision;
      }))
    return;
  if (!another_serves(container) && !unreachable(container))
    violated("rule 2: " + container.name + " serves, and is stopped before another one does");
}

// It is meant to be reached by its names, and mc-proxy has none that leads to it.
bool Rules::unreachable(const ObservedContainer& container) const {
  const reconciler::ContainerSpec* spec = runtime_.spec(container.id);
  if (!loop_()->observed().proxy || spec == nullptr || spec->component.routes.empty()) return false;
  const auto& routes = router_.routes();
  return std::none_of(routes.begin(), routes.end(), [&](const auto& route) {
    return backend_of(route.second.spec) == &runtime_.containers().at(container.id);
  });
}

bool Rules::unaware(const ComponentKey& key, base::TimePoint now) const {
  const auto until = unaware_until_.find(key);
  return until != unaware_until_.end() && now < until->second;
}

bool Rules::another_serves(const ObservedContainer& container) const {
  const auto& all = runtime_.containers();
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) {
    const ObservedContainer& other = entry.second;
    return other.id != container.id && other.owner && other.owner->key == container.owner->key &&
           serves(other);
  });
}

const ObservedContainer* Rules::backend_of(const reconciler::RouteSpec& route) const {
  for (const auto& [id, container] : runtime_.containers())
    if (container.owner)
      for (const auto& [name, port] : container.owner->leases)
        if (reconciler::backend_at(port) == route.backend) return &container;
  return nullptr;
}

// Rule 2: a route is not led to what does not serve while there is something that does.
void Rules::before(const test::FakeRouter::Call& call, base::TimePoint now) {
  if (call.kind != test::FakeRouter::Kind::kApply) return;
  if (call.owner != reconciler::owner_of_routes(loop_()->desired().node))
    violated("rule 1: routes are set in the name of " + call.owner);
  for (const reconciler::RouteSpec& route : call.upserts) {
    if (!route.backend.starts_with("127.0.0.1:")) continue;  // an edge: another node's matter
    const ObservedContainer* backend = backend_of(route);
    if (backend == nullptr && !unaware_of(route))
      violated("rule 2: " + route.key.text() + " is led to nothing: " + route.backend);
    else if (backend != nullptr && route.hold.count() == 0 && !unaware(backend->owner->key, now) &&
             !serves(*backend) && another_serves(*backend))
      violated("rule 2: " + route.key.text() + " is led to " + backend->name +
               ", which does not serve, and another one does");
  }
}

// Somebody has removed what was behind it.
bool Rules::unaware_of(const reconciler::RouteSpec& route) const {
  const auto& known = loop_()->memory().components;
  return std::any_of(known.begin(), known.end(), [&](const auto& component) {
    return unaware_until_.contains(component.first) &&
           std::any_of(component.second.leases.begin(), component.second.leases.end(),
                       [&](const auto& lease) {
                         return reconciler::backend_at(lease.second) == route.backend;
                       });
  });
}

// What has a route that could lead elsewhere is not stopped.
void Rules::still_routed(const ObservedContainer& container, base::TimePoint now) {
  if (router_.down || now < routes_unaware_until_ || unaware(container.owner->key, now) ||
      !serves(container) || !another_serves(container))
    return;
  for (const auto& [key, route] : router_.routes())
    if (route.owner == reconciler::owner_of_routes(loop_()->desired().node) &&
        backend_of(route.spec) == &container && route.spec.hold.count() == 0)
      violated("rule 2: " + container.name + " is stopped, and " + key.text() + " leads to it");
}

void Rules::routes_converged(const reconciler::Desired& desired) {
  std::set<reconciler::RouteKey> wanted;
  for (const auto& edge : desired.edges) wanted.insert(edge.spec.key);
  for (const auto& [service_name, service] : desired.services) {
    if (!service.definition.active) continue;
    for (const auto& [component_name, component] : service.components)
      for (const crds::Route& route : component.spec.routes) {
        const reconciler::RouteKey& key = *wanted.insert(reconciler::key_of(route)).first;
        const reconciler::ObservedRoute* there = router_.find(key);
        const ObservedContainer* backend = there == nullptr ? nullptr : backend_of(there->spec);
        if (backend == nullptr || !serves(*backend) || there->spec.hold.count() != 0 ||
            backend->owner->key != ComponentKey{service_name, component_name})
          violated("rule 7: " + key.text() + " does not lead to its container");
      }
  }
  for (const auto& [key, route] : router_.routes())
    if (route.owner == reconciler::owner_of_routes(desired.node) && !wanted.contains(key))
      violated("rule 3: a route is left: " + key.text());
}

// Rule 5: what a suspicious revision removes stays.
void Rules::removing(const ObservedContainer& container) {
  const reconciler::ServiceName& service = container.owner->key.service;
  if (may_go.contains(service) || let_go_.contains(service) ||
      approved_.contains(decided_by(container)) || !branch_.emptied(decided_by(container)))
    return;
  // Its last container, and not one of two.
  const auto& all = runtime_.containers();
  const auto same = std::count_if(all.begin(), all.end(), [&](const auto& entry) {
    return entry.second.owner && entry.second.owner->key == container.owner->key;
  });
  if (same == 1 && serves(container))
    violated("rule 5: " + container.name + " is removed because the tree is empty");
}

void Rules::note_let_go() {
  let_go_.clear();
  const reconciler::Desired& desired = loop_()->desired();
  each_of_ours([&](const reconciler::Owner& owner) {
    if (!desired.services.contains(owner.key.service) &&
        !desired.unusable.contains(owner.key.service) &&
        loop_()->memory().components.contains(owner.key))
      let_go_.insert(owner.key.service);
  });
}

reconciler::Revision Rules::decided_by(const ObservedContainer& container) const {
  for (const reconciler::Step& step : loop_()->view({}).running)
    if (step.container == container.id) return step.revision;
  return loop_()->desired().revision;
}

// Rule 8: nothing is tried without end. Much happens to a container here within ten minutes (it is
// killed, removed, redefined), but a loop without pauses makes hundreds of calls.
void Rules::bounded(const test::FakeRuntime::Call& call, base::TimePoint now) {
  if (call.kind == Kind::kList || call.kind == Kind::kInspect) return;
  constexpr size_t kMost = 150;
  const std::string& who = call.kind == Kind::kPull ? call.subject : call.name;
  std::deque<base::TimePoint>& calls = calls_[who];
  calls.push_back(now);
  while (!calls.empty() && (now - calls.front() > std::chrono::minutes(10) || calls.front() > now))
    calls.pop_front();
  if (calls.size() > kMost)
    violated("rule 8: more than " + std::to_string(kMost) + " calls for " + who +
             " within 10 minutes");
}

// What a Ready service runs: exactly one container a component, of the definition in force.
void Rules::status_is_true() {
  const reconciler::Desired& desired = loop_()->desired();
  std::map<ComponentKey, int> right;
  each_of_ours([&](const reconciler::Owner& owner) {
    const auto service = desired.services.find(owner.key.service);
    if (service == desired.services.end()) return;
    const auto component = service->second.components.find(owner.key.component);
    if (component != service->second.components.end() &&
        component->second.spec_hash == owner.spec_hash)
      ++right[owner.key];
  });
  const auto is_ready = [](const reconciler::ServiceMemory& one) {
    return !one.conditions.empty() && one.conditions.front().status == reconciler::Status::kTrue;
  };
  for (const auto& [service_name, memory] : loop_()->memory().services) {
    const auto service = desired.services.find(service_name);
    if (!is_ready(memory) || service == desired.services.end() ||
        !service->second.definition.active)
      continue;
    for (const auto& [component_name, component] : service->second.components) {
      const ComponentKey key{service_name, component_name};
      if (unaware_until_.contains(key) || right[key] == 1) continue;
      // A new agent says less than it remembers.
      if (is_ready(loop_()->view({}).memory.services.at(service_name)))
        violated("status: " + key.text() + " is Ready, and " + std::to_string(right[key]) +
                 " containers are as defined");
    }
  }
}

// Rule 4: a definition that is held is the last good one, to the letter.
void Rules::held_is_last_good() {
  if (loop_()->desired().revision == looked_at_) return;
  looked_at_ = loop_()->desired().revision;
  if (!branch_.emptied(looked_at_)) note_let_go();
  for (const auto& [name, service] : loop_()->desired().services) {
    if (!service.hold) {
      last_good_[name] = service;
      continue;
    }
    const auto good = last_good_.find(name);
    if (good == last_good_.end()) continue;
    if (service.components != good->second.components || service.revision != good->second.revision)
      violated("rule 4: the definition of " + name.str() +
               " is held, and is not the last good one");
  }
}

// Rule 9, and of the branch only what is believed.
void Rules::policy_is_kept() {
  for (const auto& [id, container] : runtime_.containers())
    if (const auto* spec = runtime_.spec(id))
      for (const std::string& what : reconciler::violations(spec->component, policy))
        violated("rule 9: " + container.name + ": " + what);
  if (branch_.held() && loop_()->desired().revision == branch_.held()->revision)
    violated("rule 9: a commit is used that is not believed");
}

// Rule 10: each call that changes something is told of, with its cause and its revision.
void Rules::told(const reconciler::Event& event) {
  told_.push_back(event);
  static const std::set<std::string> kOfSteps = {"Created", "Started",    "Stopped",
                                                 "Removed", "StepFailed", "ImageMissing"};
  if (event.component.empty() || !kOfSteps.contains(event.reason)) return;
  if (event.cause.empty() || event.revision.empty())
    violated("rule 10: " + event.reason +
             " is told without a cause or a revision: " + event.message);
  const auto done = std::find_if(untold_.begin(), untold_.end(), [&](const std::string& name) {
    const ComponentKey key{event.service, event.component};
    return name == reconciler::container_name(key, reconciler::Slot::kFirst) ||
           name == reconciler::container_name(key, reconciler::Slot::kSecond);
  });
  if (done != untold_.end()) untold_.erase(done);
}

void Rules::recorded(const Store& store) {
  if (!untold_.empty()) violated("rule 10: nothing tells what was done to " + untold_.front());
  const auto& all = store.events();
  if (all.size() < told_.size() || !std::equal(told_.rbegin(), told_.rend(), all.rbegin()))
    violated("rule 10: what was told is not what is written down");
}

std::map<std::pair<ComponentKey, std::string>, uint16_t> Rules::leases_in_use(
    const reconciler::Memory& memory, bool of_stopped) const {
  std::map<std::pair<ComponentKey, std::string>, uint16_t> leases;
  for (const auto& [key, component] : memory.components)
    for (const auto& [place, port] : component.leases)
      if (const auto* container = runtime_.find(reconciler::container_name(key, place.first));
          container != nullptr && container->owner && container->owner->key == key &&
          container->owner->leases.contains(place.second) &&
          (of_stopped || reconciler::has_process(*container)))
        leases[{key, container->name + "/" + place.second}] = port;
  return leases;
}

void Rules::leases_kept(const std::map<std::pair<ComponentKey, std::string>, uint16_t>& before,
                        bool unwritten, base::TimePoint now) {
  reconciler::Memory memory = loop_()->memory();
  if (unwritten) {
    reconciler::Observed observed;
    observed.containers = runtime_.containers();
    memory = reconciler::reconcile(loop_()->desired(), observed, std::move(memory), now).next;
  }
  const auto after = leases_in_use(memory, true);
  for (const auto& [whose, port] : before)
    if (const auto known = after.find(whose); known == after.end() || known->second != port)
      violated("rule 6: the new agent does not know the port of " + whose.second);
}

void Rules::after_step(base::TimePoint now) {
  note_suspensions(now);
  status_is_true();
  held_is_last_good();
  removals_are_held(now);
  policy_is_kept();
  std::map<ComponentKey, int> count;
  each_of_ours([&](const reconciler::Owner& owner) {
    if (++count[owner.key] > 2) violated("rule 3: more than two containers of " + owner.key.text());
  });
  std::map<uint16_t, const ComponentKey*> leases;
  for (const auto& [key, memory] : loop_()->memory().components)
    for (const auto& [place, port] : memory.leases)
      if (!leases.emplace(port, &key).second)
        violated("rule 6: one host port is leased twice: " + std::to_string(port));
}

void Rules::converged(const reconciler::Desired& desired) {
  std::map<ComponentKey, std::vector<const ObservedContainer*>> ours;
  for (const auto& [id, container] : runtime_.containers())
    if (const auto whose = owner(container)) ours[whose->key].push_back(&container);
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
               owner(*containers.mapped().front())->spec_hash != component.spec_hash)
        violated("rule 7: " + key.text() + " does not run as defined");
    }
  if (loop_()->observed().proxy) routes_converged(desired);
  if (!ours.empty()) violated("rule 3: an orphan is left: " + ours.begin()->first.text());
}

}  // namespace sim
