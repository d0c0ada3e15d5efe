#include "controller/cli/receipt.h"

#include <gmock/gmock.h>

#include <sstream>

#include "controller/cli/describe.h"

namespace controller {
namespace {

using base::Millis;
using testing::HasSubstr;
using testing::Not;

TEST(Receipt, SaysWhatTheRolloutReached) {
  RolloutStatus whole;
  whole.from = "v1";
  whole.to = "v2";
  whole.started = Millis(400);
  whole.ready = Millis(1100);
  whole.switched = Millis(1105);
  whole.drained = Millis(1305);
  whole.finished = Millis(3449);
  whole.requests = 1234;
  whole.held = 3;
  const auto changed = [&](auto change) {
    RolloutStatus one = whole;
    change(one);
    return receipt(one);
  };
  EXPECT_EQ(receipt(whole),
            "v1 -> v2 in 3.4 s (started 0.4 s, ready 1.1 s, switched 1.1 s, drained 1.3 s): 1,234 "
            "requests, 0 failed, 3 held");
  EXPECT_EQ(changed([](auto& one) {
              one.from = "";
              one.drained = {};
              one.requests = 1;
              one.failed = 1234567;
            }),
            "v2 in 3.4 s (started 0.4 s, ready 1.1 s, switched 1.1 s): 1 request, 1,234,567 "
            "failed, 3 held");
  EXPECT_EQ(changed([](auto& one) { one.switched = {}; }),
            "v1 -> v2 in 3.4 s (started 0.4 s, ready 1.1 s)")
      << "no routes";
  EXPECT_EQ(
      changed([](auto& one) { one.error = "it exited"; }),
      "v1 -> v2 failed after 3.4 s (started 0.4 s, ready 1.1 s, switched 1.1 s, drained 1.3 s): "
      "1,234 requests, 0 failed, 3 held; it exited");
  EXPECT_EQ(changed([](auto& one) { one.finished = one.drained = {}; }),
            "v1 -> v2 under way (started 0.4 s, ready 1.1 s, switched 1.1 s)");
  EXPECT_EQ(changed([](auto& one) {
              one.started = one.ready = one.switched = one.drained = {};
              one.finished = Millis(85);
            }),
            "v1 -> v2 in 85 ms");
}

class Describe : public testing::Test {
 protected:
  Describe() {
    node_.node = "rift";
    node_.routes = "managed";
    service_.name = "web";
    ComponentStatus& component = service_.components.emplace_back();
    component.name = "api";
    component.routes.push_back({.listener = "192.0.2.1:8443",
                                .hostname = "web.test",
                                .mode = "l7",
                                .registered = true,
                                .health = "up",
                                .problem = "",
                                .certificate_until = at_ + std::chrono::days(90)});
  }
  RouteStatus& route() { return service_.components[0].routes[0]; }
  std::string text() {
    std::ostringstream out, err;
    std::istringstream in;
    return describe_node(node_, {service_}, Terminal{out, err, in}, at_);
  }

  const base::TimePoint at_ = *base::parse_rfc3339("2026-11-22T10:00:00Z");
  NodeStatus node_;
  ServiceStatus service_;
};

TEST_F(Describe, ARouteAndItsCertificate) {
  EXPECT_THAT(text(), HasSubstr("  route web.test:8443 l7 up, certificate expires in 90d\n"));
  EXPECT_THAT(text(), Not(HasSubstr("  routes   ")));
  route().certificate_until = at_;
  route().problem = "the certificate has expired";
  EXPECT_THAT(text(), HasSubstr("l7 up, certificate expired\n"));
  route() = {.listener = ":8443", .hostname = "web.test", .mode = "l4"};
  EXPECT_THAT(text(), HasSubstr("web.test:8443 l4 (not registered)\n"));
  route().problem = "it belongs to 'ops'";
  EXPECT_THAT(text(), HasSubstr("l4 (not registered): it belongs to 'ops'\n"));
}

TEST_F(Describe, WithoutMcProxyThatIsSaidOnce) {
  node_.routes = "not managed";
  EXPECT_THAT(text(), HasSubstr("  routes   not managed\n"));
  EXPECT_THAT(text(), HasSubstr("web.test:8443 l7\n"));
  node_.routes = "unavailable";
  node_.routes_error = "cannot reach mc-proxy";
  EXPECT_THAT(text(), HasSubstr("  routes   unavailable: cannot reach mc-proxy\n"));
}

}  // namespace
}  // namespace controller
