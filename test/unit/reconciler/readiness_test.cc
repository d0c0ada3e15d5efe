#include "reconciler/readiness.h"

#include <gtest/gtest.h>

#include "samples.h"

namespace reconciler {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::at;
using test::component;

const ContainerId kId("c");

class Judged : public testing::Test {
 protected:
  Judged() {
    component_ = component("main");
    container_.id = kId;
    container_.state = ContainerState::kRunning;
    container_.started_at = at(0);
    container_.owner = Owner{test::key("web"), NodeName("rift"), "h", {}, Slot::kFirst, {}};
  }
  Verdict judged(int now, bool replaces = false) const {
    return judge(component_, container_, observed_, replaces, at(now));
  }
  void check(const crds::Health& health) { component_.health = health; }
  void failures(int count) { observed_.readiness[kId] = {false, count, "no answer"}; }
  // Where the check connects to; empty: nowhere.
  std::string address() const {
    const Verdict verdict = judged(1);
    return verdict.probe ? verdict.probe->address + ":" + std::to_string(verdict.probe->port) : "";
  }

  crds::Component component_;
  ObservedContainer container_;
  Observed observed_;
};

TEST_F(Judged, WithoutACheckARunningOneIsReady) {
  EXPECT_EQ(judged(0).state, Verdict::kReady);
  EXPECT_FALSE(judged(0).probe);
  // In another's place it has to run for a moment.
  EXPECT_EQ(judged(1, true).state, Verdict::kNotYet);
  EXPECT_EQ(judged(1, true).again_at, at(2));
  EXPECT_EQ(judged(2, true).state, Verdict::kReady);
  // The clock went back by an hour.
  EXPECT_EQ(judged(-3600, true).state, Verdict::kReady);
}

TEST_F(Judged, ACheckDecides) {
  check({.check = crds::CmdCheck{{"true"}}, .retries = 3, .start_period = seconds(10)});
  EXPECT_EQ(judged(1).state, Verdict::kNotYet);
  EXPECT_FALSE(judged(1).asked);
  EXPECT_EQ(judged(1).again_at, at(10));
  failures(100);
  EXPECT_EQ(judged(9).state, Verdict::kNotYet);  // it may still start
  EXPECT_EQ(judged(10).state, Verdict::kFailed);
  failures(2);
  EXPECT_EQ(judged(100).state, Verdict::kNotYet);
  failures(3);
  EXPECT_EQ(judged(100).state, Verdict::kFailed);
  EXPECT_EQ(judged(100).message, "not ready: no answer");
  observed_.readiness[kId] = {.ready = true};
  EXPECT_EQ(judged(100).state, Verdict::kReady);
  EXPECT_TRUE(judged(100).probe) << "a health check goes on";
  // The clock went back by an hour: the start period is over all the same.
  failures(3);
  EXPECT_EQ(judged(-3600).state, Verdict::kFailed);
}

TEST_F(Judged, ARouteIsAskedUntilItAnswers) {
  component_.routes = {{.name = "rest"}};
  container_.owner->leases = {{"rest", 20000}};
  container_.ports = {{"127.0.0.1", 20000, 20000, "tcp"}};
  ASSERT_TRUE(judged(1).probe);
  EXPECT_TRUE(judged(1).probe->until_ready);
  EXPECT_TRUE(std::holds_alternative<crds::TcpCheck>(judged(1).probe->health.check));
  observed_.readiness[kId] = {.ready = true};
  EXPECT_EQ(judged(1).state, Verdict::kReady);
  EXPECT_FALSE(judged(1).probe);
}

TEST_F(Judged, TheCheckFindsItsPort) {
  check({.check = crds::HttpCheck{"/"}});
  EXPECT_EQ(address(), "") << "no port is published";
  EXPECT_EQ(judged(1).state, Verdict::kFailed);
  container_.ports = {{"", 53, 5353, "udp"}, {"10.0.0.1", 80, 8080, "tcp"}, {"", 81, 8081, "tcp"}};
  EXPECT_EQ(address(), "10.0.0.1:80") << "the first of TCP";
  component_.health->port = "8081";
  EXPECT_EQ(address(), "127.0.0.1:81") << "by the container's port";
  component_.health->port = "9999";
  EXPECT_EQ(address(), "");
  component_.health->port = "";
  component_.routes = {{.name = "a"}, {.name = "b"}};
  container_.owner->leases = {{"a", 20000}, {"b", 20001}};
  container_.ports.push_back({"127.0.0.1", 20000, 20000, "tcp"});
  container_.ports.push_back({"127.0.0.1", 20001, 80, "tcp"});
  EXPECT_EQ(address(), "127.0.0.1:20000") << "the first route";
  component_.health->port = "b";
  EXPECT_EQ(address(), "127.0.0.1:20001") << "the route of that name";
  component_.health->check = crds::CmdCheck{{"true"}};
  EXPECT_EQ(address(), ":0") << "a command needs none";
}

TEST_F(Judged, OnTheHostsNetworkPortsAreTheHosts) {
  component_.network = "host";
  check({.check = crds::TcpCheck{}, .port = "8080"});
  EXPECT_EQ(address(), "127.0.0.1:8080");
  component_.routes = {{.name = "rest"}};
  container_.owner->leases = {{"rest", 20000}};
  component_.health->port = "rest";
  EXPECT_EQ(address(), "127.0.0.1:20000");
  component_.health->port = "";
  EXPECT_EQ(address(), "127.0.0.1:20000");
  for (const char* odd : {"nobody", "99999999999999999999", "70000", "0"}) {
    component_.health->port = odd;
    EXPECT_EQ(address(), "") << odd;
  }
}

}  // namespace
}  // namespace reconciler
