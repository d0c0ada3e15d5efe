#include "reconciler/reconcile.h"

#include <algorithm>
#include <unordered_set>

#include "base/core/text.h"
#include "reconciler/adoption.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"
#include "reconciler/fixed_ports.h"
#include "reconciler/handover.h"
#include "reconciler/prune_guard.h"
#include "reconciler/service_conditions.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

// Finds what is mostly asked for in the map's order, without the way down the tree.
template <class Map>
class InOrder {
 public:
  explicit InOrder(Map& map) : map_(map), next_(map.begin()) {}
  // end() when the key is not there.
  auto find(const typename Map::key_type& key) {
    if (next_ == map_.end() || next_->first != key) next_ = map_.find(key);
    return next_ == map_.end() ? next_ : next_++;
  }
  auto end() const { return map_.end(); }
  // Empty when the key is not there.
  auto extract(const typename Map::key_type& key) {
    const auto found = find(key);
    return found == map_.end() ? typename Map::node_type() : map_.extract(found);
  }

 private:
  Map& map_;
  decltype(std::declval<Map&>().begin()) next_;
};

ByComponent ours(const Observed& observed, const NodeName& node) {
  ByComponent out;
  for (const auto& [id, container] : observed.containers)
    if (container.owner && container.owner->node == node)
      out[container.owner->key].push_back(&container);
  return out;
}

// Whose time of rest has not come to its end.
std::set<ServiceName> suspended_services(const Desired& desired, TimePoint now) {
  std::set<ServiceName> out;
  for (const auto& [name, service] : desired.services) {
    const auto& suspend = service.definition.suspend;
    if (suspend && (!suspend->until || now < *suspend->until)) out.insert(name);
  }
  return out;
}

class Pass {
 public:
  Pass(const Desired& desired, const Observed& observed, Memory memory, TimePoint now)
      : desired_(desired),
        observed_(observed),
        memory_(std::move(memory)),
        now_(now),
        suspended_(suspended_services(desired, now)),
        containers_(ours(observed, desired.node)),
        fixed_ports_(desired, containers_),
        claims_(desired, observed, suspended_),
        in_use_(observed, memory_, out_.next, fixed_ports_.tcp()) {
    out_.next.ready_revision = memory_.ready_revision;
  }

  void run() {
    // Where nothing is known, nothing is concluded.
    if (desired_.revision.empty() || observed_.runtime_error) {
      const std::vector<Condition> last = memory_.conditions;
      out_.next = std::move(memory_);
      if (observed_.runtime_error)
        for (auto& [service_name, service] : out_.next.services)
          service.conditions =
              conditions_of_unknown(*observed_.runtime_error, service.conditions, now_);
      out_.next.conditions =
          node_conditions(desired_, observed_, out_.next.services, {}, last, now_);
      return;
    }
    judge_adoptions();
    hand_over();
    for (const auto& [service_name, service] : desired_.services) visit(service_name);
    // First what is to have a name, then what had it.
    forward_edges();
    guard_unknown();
    remove_undesired();
    keep_adoptions();
    remove_stale_routes();
    InOrder findings(findings_);
    for (const auto& [service_name, service] : desired_.services)
      conclude(service_name, service, findings);
    for (const auto& [service_name, unused] : desired_.unusable)
      out_.next.services[service_name] = {
          conditions_of_unusable(desired_, service_name, before(service_name).conditions, now_),
          before(service_name).ready_revision};
    out_.next.conditions = node_conditions(desired_, observed_, out_.next.services, unfinished_,
                                           memory_.conditions, now_);
    const bool ready =
        !out_.next.conditions.empty() && out_.next.conditions.front().status == Status::kTrue;
    if (ready) out_.next.ready_revision = desired_.revision;
  }

  Outcome outcome() && { return std::move(out_); }
  std::map<ComponentKey, Finding> findings() && { return std::move(findings_); }

 private:
  // Decides a service after those that it depends on; a cycle is cut where it closes (definitions
  // with one do not pass validation).
  void visit(const ServiceName& service_name) {
    const ServiceDesired& service = desired_.services.at(service_name);
    if (!service.data_on.empty() || is_over(service_name)) return;
    if (!visited_.insert(&service).second) return;
    for (const ServiceName& dependency : service.definition.depends_on)
      if (desired_.services.contains(dependency)) visit(dependency);
    for (const auto& [component_name, component] : service.components)
      visit_component(service_name, service, component_name, component);
  }

  void visit_component(const ServiceName& service_name, const ServiceDesired& service,
                       const ComponentName& component_name, const ComponentDesired& component) {
    if (!visited_components_.insert(&component).second) return;
    for (const ComponentName& other : component.spec.depends_on) {
      const auto found = service.components.find(other);
      if (found != service.components.end())
        visit_component(service_name, service, other, found->second);
    }
    decide_one({service_name, component_name}, service, component);
  }

  void decide_one(const ComponentKey& key, const ServiceDesired& service,
                  const ComponentDesired& component) {
    static const std::vector<const ObservedContainer*> kNone;
    const auto list = containers_in_order_.find(key);
    const bool suspended = suspended_.contains(key.service);
    ComponentInput input{
        key,
        desired_.node,
        service,
        component,
        list == containers_in_order_.end() ? kNone : list->second,
        observed_,
        suspended ? remembered(key) : take(key),
        claims_.of(key, service, component),
        now_,
        service.definition.heal_drift.value_or(
            desired_.fleet.heal_drift.value_or(desired_.heal_drift)),
        fixed_ports_.must_leave(key) ? std::string() : dependency_gate(service, component),
        fixed_ports_.gate(key, component.spec),
        fixed_ports_.conflict(key, component.spec)};
    Decision decision = decide(std::move(input), in_use_);
    if (suspended) stand_still(*service.definition.suspend, remembered(key), decision);
    keep(key, std::move(decision));
  }

  // Nothing is done, and what would be is told. Whether it answers is still asked.
  static void stand_still(const crds::Suspend& suspend, const ComponentMemory& before,
                          Decision& decision) {
    std::vector<FieldChange> drift = std::move(decision.next.drift);
    const bool same_wish = decision.next.settled == before.settled;
    decision.next = before;
    if (same_wish) decision.next.drift = std::move(drift);
    decision.follow_routes = false;
    const bool as_desired = decision.phase == Phase::kReady || decision.phase == Phase::kStopped;
    const bool only_asks = !decision.step && decision.reason == reason::kProbing;
    if (as_desired || only_asks) return;
    const std::string then = decision.step ? "then: " + in_words(*decision.step) : decision.message;
    decision.phase = Phase::kFailing;
    decision.reason = reason::kSuspended;
    decision.message = suspension_text(suspend) + "; " + then;
    decision.step.reset();
    decision.wake_at.reset();
  }

  void keep(const ComponentKey& key, Decision decision) {
    if (decision.step && !observed_.in_flight.contains(key))
      out_.plan.steps.push_back(std::move(*decision.step));
    out_.follow_routes |= decision.follow_routes;
    for (Probe& probe : decision.probes) out_.probes.push_back(std::move(probe));
    wake(decision.wake_at);
    // A step that has not returned will change what is remembered: nothing is concluded before.
    const bool waits = observed_.in_flight.contains(key) && memory_.components.contains(key);
    // Services, components and undesired containers mostly come in their order.
    const auto end = out_.next.components.end();
    if (taken_ && taken_.key() == key) {
      taken_.mapped() = std::move(decision.next);
      out_.next.components.insert(end, std::move(taken_));
    } else if (waits) {
      out_.next.components.emplace_hint(end, key, remembered(key));
    } else {
      out_.next.components.emplace_hint(end, key, std::move(decision.next));
    }
    findings_.emplace_hint(findings_.end(), key, std::move(static_cast<Finding&>(decision)));
  }

  // A dependency is waited for while it is on its way, or has nothing that serves. One whose
  // newest rollout failed, and whose old container serves, holds nobody back.
  std::string dependency_gate(const ServiceDesired& service,
                              const ComponentDesired& component) const {
    for (const ServiceName& name : service.definition.depends_on) {
      const auto dependency = desired_.services.find(name);
      if (desired_.unusable.contains(name))
        return "waiting for service " + name.str() + ", whose definition is invalid";
      if (dependency == desired_.services.end() || !dependency->second.data_on.empty())
        continue;  // another node's
      if (!dependency->second.definition.active)
        return "waiting for service " + name.str() + ", which is stopped";
      for (const auto& [component_name, unused] : dependency->second.components)
        if (!serves({name, component_name})) return "waiting for service " + name.str();
    }
    for (const ComponentName& name : component.spec.depends_on)
      if (!serves({service.definition.name, name})) return "waiting for component " + name.str();
    return "";
  }

  bool serves(const ComponentKey& key) const {
    const auto found = findings_.find(key);
    if (found == findings_.end()) return true;  // the cut of a cycle
    return found->second.phase == Phase::kReady ||
           (found->second.phase == Phase::kFailing && found->second.available);
  }

  void hand_over() {
    for (const auto& [service, handover] : desired_.handovers) {
      const ComponentKey key = handover_key(service, handover);
      if (suspended_.contains(service)) {
        out_.next.components.emplace(key, remembered(key));
        continue;
      }
      const auto answer = observed_.peers.find(service);
      Standing standing = judge_handover(
          service, handover, answer == observed_.peers.end() ? nullptr : &answer->second,
          remembered(key), now_);
      // What serves nothing here has nothing to hand over.
      const auto here = desired_.services.find(service);
      standing.over |= here != desired_.services.end() && !here->second.goes_to.empty() &&
                       !has_containers(here->second);
      if (standing.over) {
        out_.handed_over.push_back(service);
        unfinished_.push_back(service.str() + " (handed over to " + handover.to.str() + ")");
      } else {
        out_.questions.push_back({service, handover, desired_.revision});
      }
      wake(standing.wake_at);
      out_.next.components.emplace(key, standing.next);
      standings_.emplace(service, std::move(standing));
    }
  }

  bool has_containers(const ServiceDesired& service) const {
    return std::any_of(service.components.begin(), service.components.end(),
                       [&](const auto& component) {
                         return containers_.contains({service.definition.name, component.first});
                       });
  }

  // Nothing of this node's any more, once whoever drives this has let go of it.
  bool is_over(const ServiceName& service) const {
    const auto standing = standings_.find(service);
    return standing != standings_.end() && standing->second.over;
  }

  void wake(const std::optional<TimePoint>& at) {
    if (at && (!out_.wake_at || *at < *out_.wake_at)) out_.wake_at = at;
  }

  // After the registry was lost, nothing but the labels of containers tells of a service that is
  // defined nowhere: whether its definition was removed, and with how many others, is not known.
  void guard_unknown() {
    InOrder findings(findings_);
    const ServiceName* last = nullptr;
    size_t all = 0;
    for (const auto& [key, list] : containers_) {
      all += last == nullptr || *last != key.service ? 1 : 0;
      last = &key.service;
      if (findings.find(key) != findings.end()) continue;
      if (!desired_.services.contains(key.service) && !desired_.unusable.contains(key.service) &&
          !desired_.elsewhere.contains(key.service) && !memory_.components.contains(key))
        unknown_.insert(key.service);
    }
    // What an emptied tree has had held is left of another one.
    const bool emptied =
        desired_.unusable.empty() &&
        std::all_of(desired_.services.begin(), desired_.services.end(), [](const auto& service) {
          return service.second.hold && service.second.hold->reason == reason::kPruneHeld;
        });
    const auto why = removals_held(desired_, unknown_.size(), all,
                                   emptied             ? kNoneIsLeft
                                   : desired_.doubtful ? "there are files that cannot be read"
                                                       : "");
    if (!why) return unknown_.clear();
    for (const ServiceName& service : unknown_)
      out_.next.services[service].conditions =
          conditions_of_stalled(reason::kPruneHeld, *why, before(service).conditions, now_);
  }

  void remove_undesired() {
    InOrder findings(findings_);
    for (const auto& [key, list] : containers_) {
      if (findings.find(key) != findings.end() || unknown_.contains(key.service)) continue;
      if (desired_.unusable.contains(key.service) || is_over(key.service)) {
        const bool known = is_over(key.service) || memory_.components.contains(key);
        if (known) out_.next.components.emplace(key, remembered(key));
        continue;
      }
      if (suspended_.contains(key.service)) {
        Decision stays;
        stays.next = remembered(key);
        keep(key, std::move(stays));
        continue;
      }
      if (const std::string heir = awaited_heir(key, list); !heir.empty()) {
        Decision waits;
        waits.next = remembered(key);
        waits.message = heir;
        unfinished_.push_back(key.text() + " (" + heir + ")");
        keep(key, std::move(waits));
        continue;
      }
      Decision decision =
          decide_removal(key, desired_.revision, list, claims_.none(), remembered(key), now_);
      unfinished_.push_back(key.text() + " (" + decision.message + ")");
      keep(key, std::move(decision));
    }
  }

  // A name that goes from one service to another goes when the other is ready for it.
  std::string awaited_heir(const ComponentKey& key,
                           const std::vector<const ObservedContainer*>& containers) const {
    const ComponentRoutes routes = claims_.none();
    for (const ObservedContainer* container : containers)
      for (const ObservedRoute* route : leading_to(routes, *container)) {
        const ComponentKey* heir = successor(routes, *route, key);
        const auto finding = heir == nullptr ? findings_.end() : findings_.find(*heir);
        if (finding != findings_.end() && finding->second.phase == Phase::kProgressing)
          return "until " + heir->text() + " has " + route->spec.key.text();
      }
    return "";
  }

  void forward_edges() {
    if (!observed_.proxy) return;
    for (const Desired::Edge& edge : desired_.edges) {
      if (!claims_.forwards(edge)) {
        unfinished_.push_back("edge " + edge.spec.key.text() + " (a service of this node has it)");
        continue;
      }
      const auto standing = standings_.find(edge.key.service);
      const bool moved = standing != standings_.end() && standing->second.ready_there;
      Decision decision = decide_edge(edge, moved, *observed_.proxy, owner_of_routes(desired_.node),
                                      remembered(edge.key), now_);
      if (decision.phase != Phase::kReady)
        unfinished_.push_back(decision.message);
      else if (!moved && !edge.former.empty() && standing != standings_.end())
        unfinished_.push_back("edge " + edge.spec.key.text() + " (" + standing->second.message +
                              ")");
      keep(edge.key, std::move(decision));
    }
  }

  // Before anything else is taken out of what is remembered.
  void judge_adoptions() {
    for (const auto& [key, component] : memory_.components)
      if (component.adopted)
        adoptions_.emplace(key, keep_adoption(*component.adopted, key, desired_, observed_, now_));
  }

  void keep_adoptions() {
    for (auto& [key, adoption] : adoptions_) {
      if (adoption && adoption->revision.empty()) wake(adoption->since + kAdoptionTime);
      const auto kept = out_.next.components.find(key);
      if (kept != out_.next.components.end())
        kept->second.adopted = std::move(adoption);
      else if (adoption)
        out_.next.components[key].adopted = std::move(adoption);
    }
  }

  // Nobody's any more: one step for all of them.
  void remove_stale_routes() {
    std::vector<RouteKey> stale = claims_.stale();
    if (stale.empty() || observed_.in_flight.contains(ComponentKey{})) return;
    if (!unknown_.empty() || desired_.doubtful) {
      unfinished_.push_back(std::to_string(stale.size()) +
                            " routes that nothing defines (left, because the registry was lost and "
                            "the repository says less than it may mean; to remove them: mcp sync "
                            "--allow-prune)");
      return;
    }
    out_.plan.steps.push_back(route_step({}, desired_.revision, "(stale)", {}, std::move(stale),
                                         "no service of this node has them"));
  }

  const ComponentMemory& remembered(const ComponentKey& key) const {
    static const ComponentMemory kFresh;
    const auto found = memory_.components.find(key);
    return found == memory_.components.end() ? kFresh : found->second;
  }

  // For whom will say what is remembered next, and is asked once: keep() puts that in its place.
  // What a step will change, which has not returned, stays where it is.
  ComponentMemory take(const ComponentKey& key) {
    if (observed_.in_flight.contains(key)) return remembered(key);
    taken_ = remembered_in_order_.extract(key);
    return taken_ ? std::move(taken_.mapped()) : ComponentMemory{};
  }

  const ServiceMemory& before(const ServiceName& service) {
    static const ServiceMemory kNone;
    const auto found = services_before_.find(service);
    return found == services_before_.end() ? kNone : found->second;
  }

  void conclude(const ServiceName& service_name, const ServiceDesired& service,
                InOrder<std::map<ComponentKey, Finding>>& findings) {
    if (is_over(service_name) || desired_.unusable.contains(service_name)) return;
    auto before = services_before_.extract(service_name);
    const auto end = out_.next.services.end();
    ServiceMemory& next =
        (before ? out_.next.services.insert(end, std::move(before))
                : out_.next.services.emplace_hint(end, service_name, ServiceMemory{}))
            ->second;
    std::vector<Condition> last = std::move(next.conditions);
    const auto standing = standings_.find(service_name);
    if (!service.data_on.empty()) {
      next.conditions = conditions_of_waiting(service, desired_.node, last, now_);
    } else {
      std::vector<std::pair<ComponentName, const Finding*>> parts;
      for (const auto& [component_name, unused] : service.components)
        parts.emplace_back(component_name, &findings.find({service_name, component_name})->second);
      next.conditions = service_conditions(service, parts, last, now_);
    }
    if (!service.goes_to.empty() && standing != standings_.end() &&
        next.conditions.front().status == Status::kTrue)
      next.conditions =
          conditions_of_leaving(standing->second.message, standing->second.late, last, now_);
    const bool ready = next.conditions.front().status == Status::kTrue;
    next.suspended.reset();
    if (suspended_.contains(service_name)) {
      next.suspended = service.definition.suspend;
      wake(next.suspended->until);
    } else if (ready) {
      next.ready_revision = service.revision;
    }
  }

  const Desired& desired_;
  const Observed& observed_;
  Memory memory_;
  const TimePoint now_;
  const std::set<ServiceName> suspended_;
  const ByComponent containers_;
  const FixedPorts fixed_ports_;
  const RouteClaims claims_;
  PortsInUse in_use_;
  InOrder<const ByComponent> containers_in_order_{containers_};
  InOrder<std::map<ComponentKey, ComponentMemory>> remembered_in_order_{memory_.components};
  std::map<ComponentKey, ComponentMemory>::node_type taken_;
  InOrder<std::map<ServiceName, ServiceMemory>> services_before_{memory_.services};
  std::unordered_set<const ServiceDesired*> visited_;
  std::unordered_set<const ComponentDesired*> visited_components_;
  std::map<ComponentKey, Finding> findings_;
  std::map<ServiceName, Standing> standings_;
  std::set<ServiceName> unknown_;  // that no memory knows, and whose removal is held
  std::map<ComponentKey, std::optional<Adoption>> adoptions_;  // as they are from now on
  std::vector<std::string> unfinished_;  // removals and edges, and how they go
  Outcome out_;
};

}  // namespace

Outcome reconcile(const Desired& desired, const Observed& observed, Memory memory, TimePoint now) {
  Pass pass(desired, observed, std::move(memory), now);
  pass.run();
  return std::move(pass).outcome();
}

std::map<ComponentKey, Finding> explain(const Desired& desired, const Observed& observed,
                                        const Memory& memory, TimePoint now) {
  Pass pass(desired, observed, memory, now);
  pass.run();
  return std::move(pass).findings();
}

}  // namespace reconciler
