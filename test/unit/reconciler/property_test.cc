#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "reconciler/conditions.h"
#include "reconciler/leases.h"
#include "reconciler/normalise.h"
#include "reconciler/reconcile.h"
#include "reconciler/resolve.h"
#include "samples.h"

// What holds whatever stands in a registry and whatever podman says.
namespace reconciler {
namespace {

using test::at;

const NodeName kSelf("rift");

template <class T>
T pick(std::initializer_list<T> values) {
  return *rc::gen::elementOf(std::vector<T>(values));
}
bool chance(int percent) {
  return *rc::gen::inRange(0, 100) < percent;
}
int below(int limit) {
  return *rc::gen::inRange(0, limit);
}
TimePoint some_time() {
  return at(below(4000) - 2000);
}

ComponentKey some_key() {
  return test::key(pick<std::string>({"a", "b", "c"}), pick<std::string>({"main", "side"}));
}

crds::Component some_component(const std::string& name) {
  crds::Component out = test::component(name, pick<std::string>({"app:v1", "app:v2"}));
  if (chance(40)) out.ports = {{"", static_cast<uint16_t>(80 + below(3)), 80, "tcp"}};
  if (chance(40)) out.routes = {{.name = pick<std::string>({"", "rest"})}};
  if (chance(30)) out.health = crds::Health{.check = crds::CmdCheck{{"true"}}};
  if (chance(20)) out.health = crds::Health{.check = crds::TcpCheck{}, .port = "rest"};
  if (chance(20)) out.network = "host";
  if (chance(10)) out.privileged = true;
  if (chance(10)) out.cap_add = {"NET_ADMIN"};
  if (chance(20)) out.volumes = {{pick<std::string>({"/srv/a", "/etc", "cache"}), "/data", {}}};
  if (chance(30)) out.strategy = crds::Strategy::kRecreate;
  if (chance(50))
    out.restart = crds::Restart{static_cast<crds::Restart::Policy>(below(4)),
                                chance(50) ? std::optional(below(3)) : std::nullopt};
  for (const char* other : {"main", "side", "nobody"})
    if (chance(15)) out.depends_on.emplace_back(other);
  return out;
}

std::vector<crds::Service> some_services() {
  std::vector<crds::Service> services;
  for (const char* name : {"a", "b", "c"}) {
    if (chance(20)) continue;
    crds::Service one = test::service(name, {some_component("main")});
    if (chance(50)) one.components.push_back(some_component("side"));
    one.active = chance(80);
    // Circles do not pass validation; nothing may hang on one all the same.
    for (const char* other : {"a", "b", "c", "nobody"})
      if (chance(15)) one.depends_on.emplace_back(other);
    services.push_back(std::move(one));
  }
  return services;
}

Desired some_desired() {
  Desired out = resolve(test::snapshot(1, some_services()), kSelf, nullptr, false);
  if (chance(10)) out.unusable[ServiceName("c")] = "broken";
  if (chance(5)) out.revision = Revision();
  return out;
}

std::string hash_of(const Desired& desired, const ComponentKey& key) {
  const auto service = desired.services.find(key.service);
  if (service == desired.services.end()) return "gone";
  const auto component = service->second.components.find(key.component);
  return component == service->second.components.end() ? "gone" : component->second.spec_hash;
}

ObservedContainer some_container(const Desired& desired, int number) {
  ObservedContainer out;
  out.id = ContainerId("id" + std::to_string(number));
  out.state = static_cast<ContainerState>(below(5));
  out.image = pick<std::string>({"app:v1", "app:v2", ""});
  out.exit_code = pick<int>({0, 1, 137});
  out.started_at = chance(20) ? TimePoint{} : some_time();
  out.exited_at = chance(50) ? TimePoint{} : some_time();
  if (chance(30)) out.ports = {{"", static_cast<uint16_t>(80 + below(3)), 80, "tcp"}};
  if (chance(85)) {
    Owner owner;
    owner.key = some_key();
    owner.node = chance(85) ? kSelf : NodeName("elsewhere");
    owner.spec_hash = chance(60) ? hash_of(desired, owner.key) : "other";
    owner.slot = static_cast<Slot>(below(2));
    if (chance(40)) owner.leases["rest"] = static_cast<uint16_t>(20000 + below(4));
    out.owner = owner;
  }
  out.name = out.owner ? container_name(out.owner->key, out.owner->slot) : "foreign";
  return out;
}

Observed some_observed(const Desired& desired) {
  Observed out;
  const int count = below(9);
  for (int i = 0; i < count; ++i) {
    const ObservedContainer one = some_container(desired, i);
    out.containers[one.id] = one;
    if (chance(50)) out.readiness[one.id] = {chance(50), below(5), "no answer"};
  }
  if (chance(10)) out.in_flight.insert(some_key());
  if (chance(10)) out.pulling.insert("app:v1");
  if (chance(5)) out.runtime_error = base::unavailable("away");
  for (int i = 0; i < 3; ++i) out.busy_ports.insert(static_cast<uint16_t>(20000 + below(4)));
  return out;
}

BackOff some_back_off() {
  BackOff out;
  out.attempts = below(30);
  out.next_at = some_time();
  return out;
}

Memory some_memory(const Desired& desired) {
  Memory out;
  for (int i = below(5); i > 0; --i) {
    const ComponentKey key = some_key();
    ComponentMemory one;
    one.wanted_hash = chance(70) ? hash_of(desired, key) : "other";
    one.healthy_hash = pick<std::string>({"", "other", hash_of(desired, key)});
    one.image_missing = chance(20);
    one.image_pulled = chance(20);
    one.rollout_failed = chance(20);
    one.heal_pending = chance(20);
    one.resume = chance(20);
    one.restarts = below(5);
    one.step_back_off = some_back_off();
    one.rollout_back_off = some_back_off();
    for (int k = below(6); k > 0; --k) one.heals.push_back(some_time());
    if (chance(30))
      one.leases[{static_cast<Slot>(below(2)), "rest"}] = static_cast<uint16_t>(20000 + below(4));
    if (chance(20)) one.refused_ports.insert(20001);
    if (chance(30))
      one.failure = Failure{static_cast<StepKind>(below(5)),
                            base::make_error(static_cast<base::Code>(below(10)), "failed")};
    out.components[key] = one;
  }
  return out;
}

bool same(const Outcome& a, const Outcome& b) {
  return a.plan == b.plan && a.probes == b.probes && a.next == b.next && a.wake_at == b.wake_at;
}

TEST(Reconcile, HoldsItsPromisesOnAnything) {
  EXPECT_TRUE(rc::check("any desired, observed and memory", [] {
    const Desired desired = some_desired();
    const Observed observed = some_observed(desired);
    const Memory memory = some_memory(desired);
    const Outcome outcome = reconcile(desired, observed, memory, at(0));
    RC_ASSERT(same(outcome, reconcile(desired, observed, memory, at(0))));
    std::set<ComponentKey> keys;
    for (const Step& step : outcome.plan.steps) {
      RC_ASSERT(keys.insert(step.key).second);
      RC_ASSERT(!observed.in_flight.contains(step.key));
      RC_ASSERT(!step.cause.empty());
      RC_ASSERT(!observed.runtime_error);
      if (step.kind == StepKind::kPullImage) RC_ASSERT(!observed.pulling.contains(step.image));
      if (step.container.empty()) continue;
      const ObservedContainer& touched = observed.containers.at(step.container);
      RC_ASSERT(touched.owner.has_value());
      RC_ASSERT(touched.owner->node == kSelf);
      RC_ASSERT(touched.owner->key == step.key);
      RC_ASSERT(!desired.unusable.contains(step.key.service) ||
                desired.services.contains(step.key.service));
    }
    // A time that has come would wake the loop for ever.
    if (outcome.wake_at) RC_ASSERT(*outcome.wake_at > at(0));
    for (const auto& [service, after] : outcome.next.services) {
      if (after.conditions.empty()) continue;
      RC_ASSERT(after.conditions.front().type == "Ready");
    }
    // Ready says that every component has exactly what it should.
    if (observed.runtime_error || desired.revision.empty()) return;
    for (const auto& [name, service] : desired.services) {
      const Condition& ready = outcome.next.services.at(name).conditions.front();
      if (ready.status != Status::kTrue || !service.definition.active) continue;
      for (const auto& [component_name, component] : service.components) {
        int right = 0, all = 0;
        for (const auto& [id, one] : observed.containers) {
          if (!one.owner || one.owner->key != ComponentKey{name, component_name} ||
              one.owner->node != kSelf)
            continue;
          ++all;
          const bool ended = one.state == ContainerState::kExited && one.exit_code == 0;
          right += one.owner->spec_hash == component.spec_hash &&
                   (one.state == ContainerState::kRunning || ended);
        }
        RC_ASSERT(right == 1);
        RC_ASSERT(all == 1);
      }
    }
  }));
}

TEST(Reconcile, LooksTwiceAndSaysTheSame) {
  EXPECT_TRUE(rc::check("a pass without steps changes nothing in the next one", [] {
    const Desired desired = some_desired();
    const Observed observed = some_observed(desired);
    const Outcome first = reconcile(desired, observed, some_memory(desired), at(0));
    const Outcome second = reconcile(desired, observed, first.next, at(0));
    if (first.plan.steps.empty() && second.plan.steps.empty()) {
      const Outcome third = reconcile(desired, observed, second.next, at(0));
      RC_ASSERT(third.next == second.next);
    }
  }));
}

TEST(Reconcile, AConvergedNodeIsLeftAlone) {
  EXPECT_TRUE(rc::check("what is as desired is not touched", [] {
    Desired desired = some_desired();
    desired.revision = test::revision(1);
    Observed observed;
    Memory memory;
    int number = 0;
    std::set<uint16_t> ports;
    for (auto& [name, service] : desired.services) {
      service.definition.active = true;
      for (auto& [component_name, component] : service.components) {
        for (crds::PortMapping& port : component.spec.ports)
          port.host_port = static_cast<uint16_t>(1000 + ++number);
        component.spec.restart = crds::Restart{};
        component.spec_hash =
            spec_hash(container_fields(component.spec, service.definition.restarted_at));
        ObservedContainer one;
        one.id = ContainerId("id" + std::to_string(++number));
        one.state = ContainerState::kRunning;
        one.started_at = at(-1000);
        one.image = component.spec.image;
        one.owner = Owner{{name, component_name},      kSelf, component.spec_hash, service.revision,
                          static_cast<Slot>(below(2)), {}};
        for (const crds::Route& route : component.spec.routes)
          one.owner->leases[route.name] = static_cast<uint16_t>(20000 + ++number);
        one.ports = published_ports(component.spec, one.owner->leases);
        observed.containers[one.id] = one;
        observed.readiness[one.id] = {.ready = true};
      }
    }
    // A check by a route's name, where there is no such route, fails for good.
    for (const auto& [name, service] : desired.services)
      for (const auto& [component_name, component] : service.components)
        if (component.spec.health &&
            std::holds_alternative<crds::TcpCheck>(component.spec.health->check) &&
            (component.spec.routes.empty() || component.spec.routes[0].name != "rest"))
          return;
    const Outcome first = reconcile(desired, observed, memory, at(0));
    RC_ASSERT(first.plan.steps.empty());
    const Outcome second = reconcile(desired, observed, first.next, at(5000));
    RC_ASSERT(second.plan.steps.empty());
    RC_ASSERT(second.next == first.next);
  }));
}

TEST(Resolve, WhateverIsCommittedNothingBeyondThePolicyComesIntoForce) {
  EXPECT_TRUE(rc::check("in any order of commits", [] {
    Policy policy;
    policy.host_network = chance(30);
    Desired desired = resolve(test::snapshot(1, some_services()), kSelf, nullptr, false, policy);
    for (int commit = 2; commit < 5; ++commit) {
      for (const auto& [name, service] : desired.services)
        for (const auto& [component_name, component] : service.components)
          RC_ASSERT(violations(component.spec, policy).empty());
      for (const ServiceName& name : desired.refused) RC_ASSERT(desired.unusable.contains(name));
      desired = resolve(test::snapshot(commit, some_services()), kSelf, &desired, true, policy);
    }
  }));
}

// Three of one component, and each of them could be meant.
TEST(Reconcile, ManyContainersOfOneComponentBecomeOne) {
  const Desired desired = resolve(test::snapshot(1, {test::service("a")}), kSelf, nullptr, false);
  Observed observed;
  for (int i = 0; i < 3; ++i) {
    ObservedContainer one;
    one.id = ContainerId("id" + std::to_string(i));
    one.name = "c" + std::to_string(i);
    one.state = i == 0 ? ContainerState::kExited : ContainerState::kRunning;
    one.started_at = at(-100);
    one.image = "app:v1";
    one.owner = Owner{test::key("a"),
                      kSelf,
                      hash_of(desired, test::key("a")),
                      {},
                      i == 2 ? Slot::kSecond : Slot::kFirst,
                      {}};
    observed.containers[one.id] = one;
  }
  std::vector<std::string> told;
  Memory memory;
  for (int i = 0; i < 10; ++i) {
    Outcome outcome = reconcile(desired, observed, memory, at(0));
    memory = outcome.next;
    if (outcome.plan.steps.empty()) break;
    const Step& step = outcome.plan.steps.at(0);
    told.push_back(step.id);
    if (step.kind == StepKind::kRemove) observed.containers.erase(step.container);
    if (step.kind == StepKind::kStop)
      observed.containers.at(step.container).state = ContainerState::kExited;
  }
  EXPECT_EQ(told,
            (std::vector<std::string>{"a/main remove c0", "a/main stop c2", "a/main remove c2"}));
}

TEST(Reconcile, ALongChainOfDependenciesIsWalked) {
  std::vector<crds::Service> services;
  for (int i = 0; i < 10'000; ++i) {
    services.push_back(test::service("s" + std::to_string(i)));
    if (i > 0) services.back().depends_on.emplace_back("s" + std::to_string(i - 1));
  }
  const Desired desired = resolve(test::snapshot(1, services), kSelf, nullptr, false);
  const Outcome outcome = reconcile(desired, {}, {}, at(0));
  ASSERT_EQ(outcome.plan.steps.size(), 1u);
  EXPECT_EQ(outcome.plan.steps[0].key, test::key("s0"));
}

}  // namespace
}  // namespace reconciler
