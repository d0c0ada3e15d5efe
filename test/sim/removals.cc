#include <algorithm>
#include <iterator>

#include "reconciler/conditions.h"
#include "test/sim/simulation.h"

// Commits that take much away, the word of who meant it, and the rule for both.
namespace sim {

using reconciler::ServiceName;

namespace {

constexpr base::Millis kAWord = std::chrono::minutes(2);  // until the agent has acted on it

}  // namespace

// Rule 5: the services of a node are what its revisions said, less what one that removes little, or
// that somebody approved, does not have any more.
void Rules::removals_are_held(base::TimePoint now) {
  const reconciler::Desired& desired = loop_()->desired();
  if (!alone || desired.revision.empty()) return;
  const bool approved = now < approved_until_;
  if (desired.revision != guarded_at_ && !in_force_.empty()) {
    const Branch::Said& said = branch_.said(desired.revision);
    std::set<ServiceName> left, gone;
    for (const ServiceName& name : in_force_)
      (said.services.contains(name) ? left : gone).insert(name);
    const size_t few =
        std::max(static_cast<size_t>(said.fleet.prune_max),
                 in_force_.size() * static_cast<size_t>(said.fleet.prune_percent) / 100);
    if (approved || gone.size() <= said.approved || (!said.none_is_good && gone.size() <= few))
      in_force_ = std::move(left);
  }
  guarded_at_ = desired.revision;
  if (approved) {
    approved_.insert(desired.revision);
    std::erase_if(in_force_, [&](const auto& name) { return !desired.services.contains(name); });
  }
  for (const ServiceName& name : in_force_)
    if (!desired.services.contains(name))
      violated("rule 5: the removal of " + name.str() + " is not held");
  for (const auto& [name, service] : desired.services) in_force_.insert(name);
}

void Simulation::disturb_removals() {
  switch (removals_.below(6)) {
    case 0:
    case 1:
      for (const char* name : kServiceNames)
        if (!services_.contains(name)) services_[name] = random_service(name);
      push(0);
      return happened("commit: many services");
    case 2:
    case 3:
      return push_removals();
    case 4:
      branch_.vanish();
      return happened("commit: the folder of the definitions is gone");
    default:
      approve_removals();
  }
}

void Simulation::push_removals() {
  if (services_.size() < 2) return;
  const size_t count = 1 + removals_.below(services_.size() - 1);
  for (size_t i = 0; i < count; ++i) services_.erase(removals_.pick(services_).first);
  const bool meant = removals_.chance(40);
  // Whoever counts wrong has said nothing.
  push(meant ? static_cast<int>(count - (removals_.chance(30) ? 1 : 0)) : 0);
  happened(meant ? "commit: many removals, approved" : "commit: many removals");
}

void Simulation::approve_removals() {
  node_.rules.removals_approved(node_.now + kAWord);
  node_.loop->request_sync(true);
  happened("removals approved by hand");
}

// What is removed by mistake runs on, and is healed, until somebody says that it was meant, or
// takes it back.
void Simulation::hold_removals() {
  // A node in the middle of its peace: five services and more, all of which serve.
  branch_.fleet.reset();
  for (const char* name : kServiceNames) {
    if (services_.contains(name)) continue;
    crds::Service& service = services_[name];
    service.name = ServiceName(name);
    service.components.push_back({.name = crds::ComponentName("main"), .image = "app:v3"});
  }
  push(0);
  come_to_rest();
  const auto before = node_.runtime.containers();
  const int effects = node_.runtime.effects(), route_effects = node_.router.effects();
  const auto all = services_;
  const uint64_t how = removals_.below(3);
  if (how == 0) {
    branch_.vanish();
  } else {
    while (services_.size() > (how == 1 ? 0 : 2)) services_.erase(removals_.pick(services_).first);
    push(0);
  }
  const bool killed = removals_.chance(50);
  live_until(node_.now + base::Millis(removals_.below(60'000)), false);
  if (killed) node_.crash();
  live_until(node_.now + kSettleTime, false);
  if (node_.runtime.effects() != effects || node_.runtime.containers() != before ||
      node_.router.effects() != route_effects)
    node_.rules.violated("rule 5: something is done though removals are held");
  for (const auto& [name, service] : all) {
    const auto& known = node_.loop->memory().services;
    const auto memory = known.find(ServiceName(name));
    const std::string reason = memory == known.end() || memory->second.conditions.empty()
                                   ? "not there"
                                   : memory->second.conditions.front().reason;
    const bool held = how == 0 || !services_.contains(name);
    if (held != (reason == reconciler::reason::kPruneHeld))
      node_.rules.violated("rule 5: " + name + " is " + reason);
  }
  std::vector<reconciler::ContainerId> ours;
  for (const auto& [id, container] : node_.runtime.containers())
    if (node_.rules.owner(container) && container.state == reconciler::ContainerState::kRunning)
      ours.push_back(id);
  node_.runtime.kill(removals_.pick(ours));
  node_.loop->hint();
  live_until(node_.now + kSettleTime, false);
  node_.rules.converged(node_.loop->view(node_.now).desired);
  if (how == 0 || removals_.chance(30)) {
    services_ = all;
    push(0);
  } else if (removals_.chance(50)) {
    approve_removals();
  } else {
    push(static_cast<int>(all.size() - services_.size()));
  }
  come_to_rest();
  if (node_.loop->desired().services.size() != services_.size())
    node_.rules.violated("rule 5: what was approved is not done, or what was taken back is");
}

}  // namespace sim
