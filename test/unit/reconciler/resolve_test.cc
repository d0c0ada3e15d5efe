#include "reconciler/resolve.h"

#include <gtest/gtest.h>

#include "reconciler/conditions.h"
#include "reconciler/normalise.h"
#include "samples.h"

namespace reconciler {
namespace {

using test::component;
using test::problem;
using test::revision;
using test::service;
using test::snapshot;

const NodeName kSelf("rift");

Desired resolved(const Snapshot& what, const Desired* before = nullptr, bool approve = false) {
  return resolve(what, kSelf, before, approve);
}

const ServiceDesired& web(const Desired& desired) {
  return desired.services.at(ServiceName("web"));
}

// A tree in which the file of `name` is invalid.
Snapshot with_broken(int number, const std::string& name,
                     const std::vector<crds::Service>& others = {}) {
  Snapshot out = snapshot(number, others);
  out.tree.problems = {problem("services/" + name + ".toml")};
  out.tree.broken[ServiceName(name)] = out.tree.problems;
  return out;
}

TEST(Resolve, TakesWhatIsThisNodes) {
  crds::Service here = service("here"), there = service("there"), anywhere = service("anywhere");
  here.node = kSelf;
  there.node = NodeName("elsewhere");
  const Desired desired = resolved(snapshot(1, {here, there, anywhere}));
  EXPECT_EQ(desired.services.size(), 2u);
  EXPECT_FALSE(desired.services.contains(ServiceName("there")));
}

TEST(Resolve, SaysTheCause) {
  const Desired first = resolved(snapshot(1, {service("web")}));
  const auto cause = [](const Desired& d) {
    return web(d).components.at(ComponentName("main")).cause;
  };
  EXPECT_EQ(cause(first), "new (commit 0000001, services/web.toml)");
  const Desired second =
      resolved(snapshot(2, {service("web", {component("main", "app:v2")})}), &first);
  EXPECT_EQ(cause(second), "image: app:v1 -> app:v2 (commit 0000002, services/web.toml)");
  const Desired third =
      resolved(snapshot(3, {service("web", {component("main", "app:v2")})}), &second);
  EXPECT_EQ(cause(third), cause(second));
  crds::Service restarted = service("web", {component("main", "app:v2")});
  restarted.restarted_at = test::at(0);
  EXPECT_EQ(cause(resolved(snapshot(4, {restarted}), &third)),
            "restarted_at: (none) -> 2026-11-22T00:00:00Z (commit 0000004, services/web.toml)");
}

TEST(Resolve, AnUntouchedServiceKeepsItsRevision) {
  const Desired first = resolved(snapshot(1, {service("web"), service("db")}));
  const Desired second =
      resolved(snapshot(2, {service("web"), service("db", {component("main", "app:v2")})}), &first);
  EXPECT_EQ(second.revision, revision(2));
  EXPECT_EQ(web(second).revision, revision(1));
  EXPECT_EQ(second.services.at(ServiceName("db")).revision, revision(2));
}

TEST(Resolve, AnotherDefaultOfTheFleetIsAChangeOfThatCommit) {
  Snapshot two = snapshot(2, {service("web")});
  two.tree.fleet.emplace().network = "inner";
  const Desired first = resolved(snapshot(1, {service("web")}));
  const Desired second = resolved(two, &first);
  EXPECT_EQ(web(second).revision, revision(2));
  EXPECT_EQ(web(second).components.at(ComponentName("main")).cause,
            "network: (none) -> inner (commit 0000002, fleet.toml)");
}

TEST(Resolve, ABrokenDefinitionKeepsTheLastGoodOne) {
  const Desired first = resolved(snapshot(1, {service("web"), service("db")}));
  const Desired second = resolved(with_broken(2, "web", {service("db")}), &first);
  ASSERT_TRUE(web(second).hold);
  EXPECT_EQ(web(second).hold->reason, reason::kInvalidDefinition);
  EXPECT_EQ(web(second).hold->message, problem("services/web.toml").text());
  EXPECT_EQ(web(second).components, web(first).components);
  EXPECT_EQ(web(second).revision, revision(1));
  EXPECT_TRUE(second.problems.empty());
  EXPECT_FALSE(second.services.at(ServiceName("db")).hold);
  // Mended as it was: nothing has happened.
  const Desired third = resolved(snapshot(3, {service("web"), service("db")}), &second);
  EXPECT_EQ(web(third), web(first));
}

TEST(Resolve, ABrokenDefinitionWithoutAnEarlierOneIsSaid) {
  const Desired desired = resolved(with_broken(1, "web"));
  EXPECT_TRUE(desired.services.empty());
  EXPECT_EQ(desired.unusable.at(ServiceName("web")), problem("services/web.toml").text());
}

TEST(Resolve, AFileWhoseServiceNobodyCanReadHoldsWhatItHeld) {
  const Desired first = resolved(snapshot(1, {service("web")}));
  // Its name cannot be read, so it goes by the file's.
  Snapshot two = with_broken(2, "other");
  two.tree.problems = {problem("services/web.toml", "cannot be read")};
  two.tree.broken = {{ServiceName("other"), two.tree.problems}};
  const Desired second = resolved(two, &first);
  ASSERT_TRUE(web(second).hold);
  EXPECT_TRUE(second.unusable.empty());
}

TEST(Resolve, WhatCannotRunIsInvalid) {
  crds::Service no_image = service("web", {component("main", "")});
  EXPECT_NE(resolved(snapshot(1, {no_image})).unusable.at(ServiceName("web")).find("image"),
            std::string::npos);
  crds::Service no_port = service("web");
  no_port.components[0].health = crds::Health{.check = crds::HttpCheck{"/"}};
  EXPECT_NE(resolved(snapshot(1, {no_port})).unusable.at(ServiceName("web")).find("health"),
            std::string::npos);
  no_port.components[0].network = "host";
  EXPECT_TRUE(resolved(snapshot(1, {no_port})).unusable.empty());
}

// ---------------------------------------------------------------- the prune guard

std::vector<crds::Service> many(int count) {
  std::vector<crds::Service> out;
  for (int i = 0; i < count; ++i) out.push_back(service("s" + std::to_string(i)));
  return out;
}

int held(const Desired& desired) {
  int count = 0;
  for (const auto& [name, one] : desired.services)
    count += one.hold && one.hold->reason == reason::kPruneHeld;
  return count;
}

TEST(PruneGuard, HoldsMoreThanTheFleetAllows) {
  const struct {
    int before, after, max, percent, approved;
    bool flag;
    int held;
  } cases[] = {
      {10, 7, 3, 30, 0, false, 0},    // three of ten: both limits allow it
      {10, 6, 3, 30, 0, false, 4},    // four: neither does
      {10, 6, 4, 0, 0, false, 0},     // by number
      {10, 5, 0, 50, 0, false, 0},    // by percent
      {10, 6, 3, 30, 4, false, 0},    // approved by a trailer
      {10, 6, 3, 30, 3, false, 4},    // approved for fewer
      {10, 6, 3, 30, 0, true, 0},     // approved by a person
      {2, 0, 100, 100, 0, false, 2},  // an empty tree is always held
      {2, 0, 0, 0, 2, false, 0},     {2, 0, 0, 0, 0, true, 0},
      {0, 0, 0, 0, 0, false, 0},     {3, 3, 0, 0, 0, false, 0},
  };
  for (const auto& one : cases) {
    Snapshot next = snapshot(2, many(one.after));
    next.tree.fleet.emplace();
    next.tree.fleet->prune_max = one.max;
    next.tree.fleet->prune_percent = one.percent;
    next.approved_removals = one.approved;
    const Desired before = resolved(snapshot(1, many(one.before)));
    const Desired after = resolved(next, &before, one.flag);
    EXPECT_EQ(held(after), one.held) << one.before << " -> " << one.after;
    EXPECT_EQ(after.services.size(), static_cast<size_t>(one.after + one.held));
  }
}

TEST(PruneGuard, GoesOnHoldingUntilSomebodyDecides) {
  const Desired first = resolved(snapshot(1, many(10)));
  const Desired second = resolved(snapshot(2, many(2)), &first);
  EXPECT_EQ(held(second), 8);
  Snapshot unrelated = snapshot(3, many(2));
  unrelated.tree.services.at(ServiceName("s0")).value.components[0].image = "app:v2";
  const Desired third = resolved(unrelated, &second);
  EXPECT_EQ(held(third), 8);
  // They come back: no hold is left.
  EXPECT_EQ(held(resolved(snapshot(4, many(10)), &third)), 0);
  EXPECT_EQ(resolved(unrelated, &second, true).services.size(), 2u);
}

// More services, of which the same number is a smaller part, are nobody's word.
TEST(PruneGuard, WhatIsHeldIsNotLetGoBecauseThereIsMoreOfOthers) {
  const Desired first = resolved(snapshot(1, many(13)));
  std::vector<crds::Service> left = many(9);
  left.push_back(service("more"));
  const Desired second = resolved(snapshot(2, left), &first);
  EXPECT_EQ(held(second), 4);
  const Desired restarted = resolved(snapshot(2, left), &second);
  EXPECT_EQ(held(restarted), 4);
  for (int i = 0; i < 10; ++i) left.push_back(service("more" + std::to_string(i)));
  const Desired third = resolved(snapshot(3, left), &restarted);
  EXPECT_EQ(held(third), 4);
  left.push_back(service("s9"));
  const Desired fourth = resolved(snapshot(4, left), &third);
  EXPECT_EQ(held(fourth), 3) << "one has come back";
  EXPECT_EQ(held(resolved(snapshot(4, left), &fourth)), 3);

  Snapshot approved = snapshot(5, left);
  approved.approved_removals = 3;
  EXPECT_EQ(held(resolved(approved, &fourth)), 0);
  Snapshot raised = snapshot(5, left);
  raised.tree.fleet.emplace().prune_max = 4;
  EXPECT_EQ(held(resolved(raised, &fourth)), 0) << "the fleet allows more than before";
}

TEST(PruneGuard, AMoveToAnotherNodeIsNoRemoval) {
  std::vector<crds::Service> all = many(5);
  const Desired first = resolved(snapshot(1, all));
  for (crds::Service& one : all) one.node = NodeName("elsewhere");
  const Desired second = resolved(snapshot(2, all), &first);
  EXPECT_EQ(held(second), 0);
  EXPECT_EQ(second.handovers.size(), 5u);
  EXPECT_TRUE(resolved(snapshot(3, all), &second, true).services.empty())
      << "the operator's word ends a handover";
}

// ---------------------------------------------------------------- files that belong to all

TEST(Resolve, AnUnreadableFleetKeepsItsLastGoodDefaults) {
  Snapshot one = snapshot(1, {service("web")});
  one.tree.fleet.emplace().network = "inner";
  const Desired first = resolved(one);
  Snapshot two = snapshot(2, {service("web")});
  two.tree.fleet_broken = true;
  two.tree.problems = {problem("fleet.toml")};
  const Desired second = resolved(two, &first);
  EXPECT_EQ(web(second), web(first));
  EXPECT_EQ(second.problems.size(), 1u);
}

// With a lost registry as well, guessed defaults would make every container anew.
TEST(Resolve, AnUnreadableFleetWithoutAnEarlierOneStartsNothing) {
  Snapshot one = snapshot(1, {service("web")});
  one.tree.fleet_broken = true;
  const Desired desired = resolved(one);
  EXPECT_TRUE(desired.services.empty());
  EXPECT_TRUE(desired.unusable.contains(ServiceName("web")));
}

TEST(Resolve, UnreadableNodesKeepTheirLastGoodLabels) {
  crds::Node rift{.name = kSelf, .address = {}, .agent = {}, .labels = {{"zone", "home"}}};
  crds::Service placed = service("web");
  placed.placement = {{"zone", "home"}};
  Snapshot one = snapshot(1, {placed});
  one.tree.nodes[kSelf] = {rift, {}};
  const Desired first = resolved(one);
  Snapshot two = snapshot(2, {placed});
  two.tree.nodes_broken = true;
  EXPECT_EQ(web(resolved(two, &first)), web(first));
  // Without earlier ones, what names no node is not guessed.
  EXPECT_TRUE(resolved(two).unusable.contains(ServiceName("web")));
  crds::Service pinned = service("pinned");
  pinned.node = kSelf;
  Snapshot three = snapshot(3, {pinned});
  three.tree.nodes_broken = true;
  EXPECT_TRUE(resolved(three).services.contains(ServiceName("pinned")));
}

TEST(Resolve, APlacementThatNobodyFitsLeavesTheServiceWhereItRuns) {
  crds::Node rift{.name = kSelf, .address = {}, .agent = {}, .labels = {{"zone", "home"}}};
  crds::Service placed = service("web");
  placed.placement = {{"zone", "home"}};
  Snapshot one = snapshot(1, {placed});
  one.tree.nodes[kSelf] = {rift, {}};
  const Desired first = resolved(one);
  rift.labels.clear();
  Snapshot two = snapshot(2, {placed});
  two.tree.nodes[kSelf] = {rift, {}};
  const Desired second = resolved(two, &first);
  ASSERT_TRUE(web(second).hold);
  EXPECT_EQ(web(second).hold->reason, reason::kNoMatchingNode);
}

}  // namespace
}  // namespace reconciler
