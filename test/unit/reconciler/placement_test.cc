#include "reconciler/placement.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "samples.h"

namespace reconciler {
namespace {

using Nodes = std::map<NodeName, crds::Node>;

Nodes nodes(int count) {
  Nodes out;
  for (int i = 0; i < count; ++i) {
    crds::Node node;
    node.name = NodeName("n" + std::to_string(i));
    out.emplace(node.name, node);
  }
  return out;
}

const NodeName kSelf("self");

NodeName placed(int service, const Nodes& all) {
  return place(test::service("s" + std::to_string(service)), all, kSelf);
}

TEST(Placement, FollowsWhatIsSaid) {
  Nodes all = nodes(3);
  all.at(NodeName("n1")).labels = {{"zone", "home"}};
  crds::Service service = test::service("web");
  EXPECT_EQ(place(service, {}, kSelf), kSelf);
  service.placement = {{"zone", "home"}};
  EXPECT_EQ(place(service, all, kSelf), NodeName("n1"));
  all.at(NodeName("n1")).schedulable = false;
  EXPECT_EQ(place(service, all, kSelf), NodeName());
  service.node = NodeName("n1");
  EXPECT_EQ(place(service, all, kSelf), NodeName("n1"));
  service.node = NodeName("elsewhere");
  EXPECT_EQ(place(service, all, kSelf), NodeName("elsewhere"));
}

// The places of a release are those of the next: an agent that computes others would fight over
// services with those that do not.
TEST(Placement, IsTheSameForEver) {
  Nodes all = nodes(4);
  all.at(NodeName("n2")).cpus = 3;
  std::string where;
  for (int i = 0; i < 24; ++i) where += placed(i, all).str();
  EXPECT_EQ(where, "n2n0n2n2n1n1n0n1n1n2n2n2n0n2n3n0n0n3n1n2n2n1n2n3");
}

struct Capacity {
  double cpus;
  uint64_t memory_gib;
  uint64_t weight;
};

TEST(Placement, TheScarcerOfProcessorsAndMemoryWeighs) {
  for (const Capacity& row : {Capacity{0, 0, 1000},
                              {4, 0, 4000},
                              {0, 8, 4000},
                              {8, 4, 2000},
                              {0.5, 64, 500},
                              {0.01, 0, 10},
                              {65536, 0, 1 << 25}}) {
    crds::Node node;
    node.cpus = row.cpus;
    node.memory_bytes = row.memory_gib << 30;
    // 2 GiB are not a multiple of 1000 bytes.
    EXPECT_NEAR(static_cast<double>(weight_of(node)), static_cast<double>(row.weight), 1)
        << row.cpus << " " << row.memory_gib;
  }
  crds::Node tiny;
  tiny.memory_bytes = 1;
  EXPECT_EQ(weight_of(tiny), 1u);
}

TEST(Placement, EachNodeGetsItsShare) {
  constexpr int kServices = 6000;
  Nodes all = nodes(4);  // weights 1, 1, 1, 3
  all.at(NodeName("n3")).cpus = 3;
  std::map<NodeName, int> share;
  for (int i = 0; i < kServices; ++i) ++share[placed(i, all)];
  for (const auto& [node, count] : share) {
    const int expected = kServices / 6 * (node == NodeName("n3") ? 3 : 1);
    EXPECT_NEAR(count, expected, expected / 8) << node.str();
  }
}

Nodes random_fleet() {
  Nodes all = nodes(*rc::gen::inRange(2, 12));
  for (auto& [name, node] : all) {
    node.schedulable = *rc::gen::weightedElement<bool>({{5, true}, {1, false}});
    node.cpus = *rc::gen::element(0.0, 0.5, 1.0, 4.0, 64.0);
    node.memory_bytes = *rc::gen::element<uint64_t>(0, 1 << 30, uint64_t(16) << 30);
  }
  return all;
}

// Whatever happens to one node, services move to it or from it alone, and about its share of them.
RC_GTEST_PROP(Placement, OneNodeMovesOnlyItsShare, ()) {
  constexpr int kServices = 300;
  const Nodes before = random_fleet();
  Nodes after = before;
  auto changed = after.begin();
  std::advance(changed, *rc::gen::inRange<size_t>(0, after.size()));
  const NodeName node = changed->first;
  const int change = *rc::gen::inRange(0, 3);
  if (change == 0) after.erase(changed);
  if (change == 1) changed->second.schedulable = !changed->second.schedulable;
  if (change == 2) changed->second.cpus = *rc::gen::element(0.25, 2.0, 128.0);

  const auto share = [&](const Nodes& all) {
    double sum = 0, own = 0;
    for (const auto& [name, one] : all) {
      if (!one.schedulable) continue;
      sum += static_cast<double>(weight_of(one));
      if (name == node) own = static_cast<double>(weight_of(one));
    }
    return sum == 0 ? 0 : own / sum;
  };
  int moved = 0;
  for (int i = 0; i < kServices; ++i) {
    const NodeName was = placed(i, before), is = placed(i, after);
    if (was == is) continue;
    ++moved;
    RC_ASSERT(was == node || is == node);
  }
  const double most = std::max(share(before), share(after));
  RC_ASSERT(moved <= kServices * most + 60);  // four sigmas of a coin and more
}

TEST(Placement, DataStaysUntilTheOperatorHasSpoken) {
  Nodes two = nodes(2);
  crds::Service db = test::service("db");
  db.components.front().volumes = {{"/srv/db", "/data", {}}};
  DataPlaces places;
  const auto at = [&] { return places.at(db.name).node.str(); };
  db.node = NodeName("n0");
  follow_data(places, db, two);
  EXPECT_EQ(at(), "n0");
  db.node = NodeName("n1");
  follow_data(places, db, two);
  EXPECT_EQ(at(), "n0") << "the definition has moved, the data has not";
  db.active = false;
  follow_data(places, db, two);
  db.active = true;
  follow_data(places, db, two);
  EXPECT_EQ(at(), "n0") << "stopping and starting says nothing of data";
  db.restarted_at = test::at(10);
  follow_data(places, db, two);
  EXPECT_EQ(at(), "n1");
  db.node = NodeName();
  two.begin()->second.schedulable = false;
  two.rbegin()->second.schedulable = false;
  db.restarted_at = test::at(20);
  follow_data(places, db, two);
  EXPECT_EQ(at(), "n1") << "nobody can have it";
  db.components.front().volumes.clear();
  follow_data(places, db, two);
  EXPECT_FALSE(places.contains(db.name));
}

struct VolumeCase {
  crds::Volume volume;
  bool data;
};

TEST(Placement, WhatCountsAsData) {
  for (const VolumeCase& row : {VolumeCase{{"/srv/db", "/data", {}}, true},
                                {{"/srv/db", "/data", {"z"}}, true},
                                {{"named", "/data", {}}, true},
                                {{"/srv/www", "/www", {"ro", "z"}}, false},
                                {{"/run/podman/podman.sock", "/run/podman.sock", {}}, false},
                                {{"/runner", "/data", {}}, true}}) {
    crds::Service service = test::service("db");
    service.components.front().volumes = {row.volume};
    EXPECT_EQ(keeps_data(service), row.data) << row.volume.source;
  }
}

}  // namespace
}  // namespace reconciler
