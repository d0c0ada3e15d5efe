// What mc-proxy alone has: it tells of changes, and holds requests.
#include "agent/routes/mc_proxy.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <future>
#include <sstream>

#include "test/contract/router/world.h"
#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using agent::McProxy;
using reconciler::RouteSpec;

class RealProxy : public testing::Test {
 protected:
  RouteSpec web(const Backend& backend) {
    RouteSpec spec;
    spec.key = {static_cast<uint16_t>(proxy_.port()), "web.test"};
    spec.backend = backend.address();
    spec.mode = crds::Route::Mode::kL7;
    spec.certificate = "web.pem";
    return spec;
  }
  void set(const RouteSpec& spec) {
    const auto done = router_.apply("mcp/rift", {spec}, {});
    EXPECT_TRUE(done) << done.error().text();
  }

  Proxy proxy_;
  McProxy router_{proxy_.dir() / "api.sock"};
};

TEST_F(RealProxy, TellsWhichListenersItHas) {
  const auto status = router_.status();
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_NE(status->version, "");
  EXPECT_EQ(status->problem, "");
  ASSERT_EQ(status->listeners.size(), 1u);
  EXPECT_EQ(status->listeners[0].address, proxy_.listener());
  EXPECT_EQ(status->listeners[0].problem, "");
}

TEST_F(RealProxy, TellsOfChangesAndOfItsEnd) {
  const Backend backend("one");
  std::atomic<int> told = 0;
  const auto told_since = [&](int before) {
    return comes_true([&told, before] { return told > before; });
  };
  router_.watch([&] { ++told; });
  EXPECT_TRUE(told_since(0)) << "when it answers";
  int before = told;
  set(web(backend));
  EXPECT_TRUE(told_since(before)) << "a route is set";
  before = told;
  ASSERT_TRUE(router_.apply("mcp/rift", {}, {web(backend).key}));
  EXPECT_TRUE(told_since(before)) << "a route is removed";
  before = told;
  proxy_.kill_daemon(SIGKILL);
  EXPECT_TRUE(told_since(before)) << "it has gone";
  before = told;
  proxy_.start();
  EXPECT_TRUE(told_since(before)) << "it is back";
  router_.stop_watching();
}

TEST_F(RealProxy, ARouteCanGoAlthoughItsListenerIsGone) {
  const Backend backend("one");
  set(web(backend));
  proxy_.kill_daemon(SIGTERM);
  std::ostringstream config;
  config << std::ifstream(proxy_.dir() / "mc-proxy.toml").rdbuf();
  std::string text = config.str();
  text.replace(text.find(proxy_.listener()), proxy_.listener().size(),
               "127.0.0.1:" + std::to_string(free_port()));
  std::ofstream(proxy_.dir() / "mc-proxy.toml") << text;
  proxy_.start();
  const auto routes = router_.list();
  ASSERT_TRUE(routes) << routes.error().text();
  ASSERT_EQ(routes->size(), 1u);
  EXPECT_FALSE((*routes)[0].served);
  EXPECT_THAT((*routes)[0].problem, testing::HasSubstr("listener"));
  const auto gone = router_.apply("mcp/rift", {}, {web(backend).key});
  EXPECT_TRUE(gone) << gone.error().text();
  EXPECT_TRUE(router_.list()->empty());
}

TEST_F(RealProxy, AHeldRequestWaitsForItsBackendAndIsCounted) {
  const Backend backend("one");
  RouteSpec held = web(backend);
  held.hold = std::chrono::seconds(30);
  set(held);
  auto waiting =
      std::async(std::launch::async, [this] { return proxy_.curl("web.test", {"--fail"}); });
  EXPECT_TRUE(comes_true([this] { return proxy_.route("web.test").value("waiting", 0) == 1; }));
  set(web(backend));
  const Output done = waiting.get();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, testing::HasSubstr("name: one"));
  EXPECT_TRUE(comes_true([this] {
    const auto routes = router_.list();
    return routes && routes->size() == 1 && (*routes)[0].traffic.held == 1;
  }));
}

}  // namespace
}  // namespace test
