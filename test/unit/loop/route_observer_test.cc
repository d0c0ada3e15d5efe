#include "agent/loop/route_observer.h"

#include <gtest/gtest.h>

#include "parts.h"
#include "test/support/fake_router.h"

namespace agent {
namespace {

using reconciler::RouteKey;
using reconciler::RouteSpec;
using reconciler::Step;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::at;

RouteSpec spec(const std::string& host, int port) {
  return {.key = {8443, host}, .backend = "127.0.0.1:" + std::to_string(port)};
}

class RouteObserverTest : public testing::Test {
 protected:
  bool step() { return observer_.step(now_, observed_); }
  void list() {
    step();
    executor_.run();
    step();
  }
  Step own(std::vector<RouteSpec> routes, std::vector<RouteKey> unroutes = {}) {
    Step step;
    step.kind = reconciler::StepKind::kRoute;
    step.key.service = crds::ServiceName("web");
    step.routes = std::move(routes);
    step.unroutes = std::move(unroutes);
    return step;
  }
  void apply(const Step& step) {
    ASSERT_TRUE(router_.apply("mcp/rift", step.routes, step.unroutes));
    observer_.note(step, {}, now_, observed_);
  }
  const std::string& backend(const std::string& host) {
    return observed_.proxy->routes.at({8443, host}).spec.backend;
  }

  base::TimePoint now_ = at(0);
  ::test::FakeRouter router_;
  test::Executor executor_;
  reconciler::Observed observed_;
  RouteObserver observer_{&router_, executor_, "mcp/rift", seconds(60)};
};

TEST_F(RouteObserverTest, WithoutARouterNothingIsObserved) {
  RouteObserver none(nullptr, executor_, "mcp/rift", seconds(60));
  EXPECT_FALSE(none.step(now_, observed_));
  EXPECT_TRUE(none.asked_once());
  EXPECT_FALSE(observed_.proxy);
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(RouteObserverTest, AsksAtOnceThenEveryIntervalAndAtAHint) {
  router_.add_foreign(spec("a.test", 1));
  EXPECT_FALSE(observer_.asked_once());
  list();
  EXPECT_TRUE(observer_.asked_once());
  EXPECT_EQ(backend("a.test"), "127.0.0.1:1");
  step();
  EXPECT_EQ(executor_.waiting(), 0u);
  ASSERT_EQ(observer_.wake_at(), now_ + seconds(60));
  observer_.hint();
  step();
  EXPECT_EQ(executor_.waiting(), 1u);
  executor_.run();
  EXPECT_FALSE(step()) << "nothing has changed";
  now_ += seconds(60);
  step();
  EXPECT_EQ(executor_.waiting(), 1u);
}

TEST_F(RouteObserverTest, FollowsOftenAndThenTheTimeAloneIsNews) {
  list();
  observer_.follow(true);
  now_ = *observer_.wake_at();
  EXPECT_EQ(now_, at(0.5));
  step();
  executor_.run();
  EXPECT_TRUE(step());
  EXPECT_EQ(observed_.proxy->asked_at, now_);
  observer_.follow(false);
  EXPECT_EQ(observer_.wake_at(), now_ + seconds(60));
}

TEST_F(RouteObserverTest, AListThatRacesWithAStepDoesNotUndoIt) {
  apply(own({spec("a.test", 1), spec("gone.test", 3)}));
  list();
  observer_.hint();
  step();
  executor_.work();  // mc-proxy has answered
  apply(own({spec("a.test", 2)}, {{8443, "gone.test"}}));
  executor_.answer();
  step();
  EXPECT_EQ(backend("a.test"), "127.0.0.1:2");
  EXPECT_FALSE(observed_.proxy->routes.contains({8443, "gone.test"}));
  EXPECT_EQ(executor_.waiting(), 1u) << "and it asks again";
}

TEST_F(RouteObserverTest, ConnectionsOfTheFormerBackendAreToEnd) {
  list();
  apply(own({spec("a.test", 1)}));
  router_.open({8443, "a.test"}, 3);
  list();
  apply(own({spec("a.test", 2)}));
  EXPECT_EQ(observed_.proxy->routes.at({8443, "a.test"}).draining, 3);
  EXPECT_EQ(observed_.proxy->routes.at({8443, "a.test"}).open, 0);
}

TEST_F(RouteObserverTest, AnErrorKeepsWhatWasKnownAndIsAskedAgainSoon) {
  router_.add_foreign(spec("a.test", 1));
  list();
  router_.down = true;
  observer_.hint();
  step();
  executor_.run();
  EXPECT_TRUE(step());
  EXPECT_TRUE(observed_.proxy->error);
  EXPECT_EQ(backend("a.test"), "127.0.0.1:1");
  EXPECT_LE(*observer_.wake_at() - now_, milliseconds(400));
  router_.down = false;
  observer_.hint();
  step();
  executor_.run();
  EXPECT_TRUE(step());
  EXPECT_FALSE(observed_.proxy->error);
}

// As the list of podman.
TEST_F(RouteObserverTest, AnErrorIsAskedFurtherApartThanAShortInterval) {
  router_.down = true;
  RouteObserver hasty(&router_, executor_, "mcp/rift", seconds(1));
  for (int i = 0; i < 10; ++i) {
    hasty.step(now_, observed_);
    executor_.run();
    hasty.step(now_, observed_);
    ASSERT_EQ(executor_.waiting(), 0u) << "at once, after " << i;
    now_ = *hasty.wake_at();
  }
}

TEST_F(RouteObserverTest, AStepThatIsNobodysWaitsForTheNextList) {
  list();
  Step stale = own({}, {{8443, "a.test"}});
  stale.key = {};
  observer_.note(stale, {base::invalid("no"), {}, {}}, now_, observed_);
  EXPECT_TRUE(observed_.proxy->error) << "until then no step is planned";
}

}  // namespace
}  // namespace agent
