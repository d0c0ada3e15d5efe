#include "reconciler/placement.h"

#include <gtest/gtest.h>

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

// One of ten nodes less moves what it had, and nothing else; each has about its share.
TEST(Placement, ANodeLessMovesOnlyItsShare) {
  constexpr int kServices = 2000;
  const Nodes ten = nodes(10);
  Nodes nine = ten;
  nine.erase(NodeName("n4"));
  std::map<NodeName, int> share;
  for (int i = 0; i < kServices; ++i) {
    const crds::Service service = test::service("s" + std::to_string(i));
    const NodeName before = place(service, ten, kSelf), after = place(service, nine, kSelf);
    ++share[before];
    if (before != NodeName("n4")) {
      EXPECT_EQ(before, after);
    }
  }
  for (const auto& [node, count] : share) {
    EXPECT_GT(count, kServices / 20) << node.str();
    EXPECT_LT(count, kServices / 5) << node.str();
  }
}

}  // namespace
}  // namespace reconciler
