#include "reconciler/routes.h"

#include <gtest/gtest.h>

namespace reconciler {
namespace {

using Mode = crds::Route::Mode;
using Protocol = crds::Route::Protocol;

struct Speaks {
  Mode mode;
  std::optional<bool> tls;
  std::optional<Protocol> protocol;
  Protocol expected;
};

TEST(Routes, SayWhatTheServiceSpeaks) {
  const Speaks cases[] = {
      {Mode::kL4, {}, {}, Protocol::kTls},
      {Mode::kL4, false, {}, Protocol::kH1},
      {Mode::kL7, {}, {}, Protocol::kH1},
      {Mode::kL7, true, {}, Protocol::kTls},
      {Mode::kL7, {}, Protocol::kH2c, Protocol::kH2c},
      {Mode::kL7, false, Protocol::kH2c, Protocol::kH2c},
      {Mode::kL7, {}, Protocol::kTls, Protocol::kTls},
  };
  ObservedContainer container;
  container.owner.emplace().leases = {{"rest", 20'000}};
  for (const Speaks& one : cases) {
    const crds::Route written{.name = "rest",
                              .mode = one.mode,
                              .hostname = "web.test",
                              .backend_tls = one.tls,
                              .backend_protocol = one.protocol};
    ObservedProxy proxy;
    ComponentRoutes routes;
    routes.proxy = &proxy;
    routes.own = {&written};
    const auto specs = routes_to(routes, ServiceName("web"), container, Millis(0));
    ASSERT_EQ(specs.size(), 1u);
    EXPECT_EQ(specs[0].protocol, one.expected) << &one - cases;

    // One that was set to another is set again.
    proxy.routes[specs[0].key].spec = specs[0];
    EXPECT_EQ(missing(routes, specs), std::vector<RouteSpec>());
    proxy.routes[specs[0].key].spec.protocol =
        one.expected == Protocol::kH1 ? Protocol::kH2c : Protocol::kH1;
    EXPECT_EQ(missing(routes, specs), specs);
  }
}

}  // namespace
}  // namespace reconciler
