// What the core may expect of a ProxyRouter: the same for the fake and for mc-proxy with HAProxy.
#include <gmock/gmock.h>

#include <algorithm>
#include <ostream>

#include "test/contract/router/world.h"

namespace test {
namespace {

using base::Code;
using base::Millis;
using crds::Route;
using reconciler::ObservedRoute;
using reconciler::RouteKey;
using reconciler::RouteSpec;
using reconciler::Traffic;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kL4 = Route::Mode::kL4;
constexpr auto kL7 = Route::Mode::kL7;
const std::string kOwner = "mcp/rift";
const std::string kOther = "mcp/svc";

struct Candidate {
  std::string name;
  std::unique_ptr<RouterWorld> (*make)();
};

void PrintTo(const Candidate& candidate, std::ostream* out) {
  *out << candidate.name;
}

class RouterContract : public testing::TestWithParam<Candidate> {
 protected:
  void SetUp() override { world_ = GetParam().make(); }

  reconciler::ProxyRouter& router() { return world_->router(); }
  RouteKey key(const std::string& hostname) { return {world_->port(), hostname}; }
  RouteSpec route(const std::string& hostname, Route::Mode mode = kL7, int backend = 1) {
    RouteSpec spec;
    spec.key = key(hostname);
    spec.backend = world_->backend(mode, backend);
    spec.mode = mode;
    spec.protocol = mode == kL4 ? Route::Protocol::kTls : Route::Protocol::kH1;
    if (mode == kL7) spec.certificate = "web.pem";
    return spec;
  }

  std::vector<ObservedRoute> list() {
    auto all = router().list();
    EXPECT_TRUE(all) << all.error().text();
    if (!all) return {};
    std::sort(all->begin(), all->end(),
              [](const auto& a, const auto& b) { return a.spec.key < b.spec.key; });
    return *all;
  }
  ObservedRoute look(const RouteKey& key) {
    for (const ObservedRoute& one : list())
      if (one.spec.key == key) return one;
    return {};
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const ObservedRoute& one : list()) out.push_back(one.owner + " " + one.spec.key.hostname);
    return out;
  }
  void set(const std::vector<RouteSpec>& specs, const std::string& owner = kOwner) {
    const auto done = router().apply(owner, specs, {});
    EXPECT_TRUE(done) << done.error().text();
  }
  // The call is refused so, and nothing changes.
  void refused(Code code, const std::string& says, const std::vector<RouteSpec>& upserts,
               const std::vector<RouteKey>& removes) {
    const auto before = names();
    const auto done = router().apply(kOwner, upserts, removes);
    ASSERT_FALSE(done) << says;
    EXPECT_EQ(done.error().code, code) << done.error().text();
    EXPECT_EQ(done.error().retry, base::Retry::kBackOff);
    EXPECT_THAT(done.error().text(), HasSubstr(says));
    EXPECT_EQ(names(), before);
  }

  std::unique_ptr<RouterWorld> world_;
};

const Candidate kCandidates[] = {{"Fake", make_fake_router_world},
                                 {"McProxy", make_mc_proxy_world}};
INSTANTIATE_TEST_SUITE_P(Routers, RouterContract, testing::ValuesIn(kCandidates),
                         [](const auto& info) { return info.param.name; });

TEST_P(RouterContract, WhatIsSetIsListed) {
  EXPECT_THAT(list(), IsEmpty());
  RouteSpec l7 = route("web.test");
  RouteSpec l4 = route("raw.test", kL4);
  RouteSpec odd = route("odd.test");
  odd.protocol = Route::Protocol::kTls;
  odd.send_proxy_protocol = true;
  odd.certificate = "/srv/certs/odd.pem";
  odd.hold = std::chrono::seconds(30);
  RouteSpec grpc = route("grpc.test");
  grpc.protocol = Route::Protocol::kH2c;
  set({l7, l4, odd, grpc});
  EXPECT_EQ(look(l7.key).spec, l7);
  EXPECT_EQ(look(l4.key).spec, l4);
  EXPECT_EQ(look(odd.key).spec, odd);
  EXPECT_EQ(look(grpc.key).spec, grpc);
  EXPECT_EQ(list().size(), 4u);

  const ObservedRoute seen = look(l7.key);
  EXPECT_EQ(seen.owner, kOwner);
  EXPECT_TRUE(seen.served);
  EXPECT_EQ(seen.problem, "");
  EXPECT_THAT(seen.listener, testing::EndsWith(":" + std::to_string(world_->port())));
  EXPECT_EQ(seen.traffic, Traffic());
  EXPECT_TRUE(seen.certificate_until);
  EXPECT_FALSE(look(l4.key).certificate_until);
  EXPECT_TRUE(comes_true([&] { return look(l7.key).health == "up"; }));
}

TEST_P(RouterContract, ARouteIsReplacedAndSettingItAgainIsSuccess) {
  set({route("web.test")});
  set({route("web.test")});
  RouteSpec next = route("web.test", kL7, 2);
  next.hold = std::chrono::seconds(5);
  set({next});
  EXPECT_EQ(look(next.key).spec, next);
  next.hold = Millis(0);
  set({next});
  EXPECT_EQ(look(next.key).spec, next);
  EXPECT_EQ(list().size(), 1u);
}

TEST_P(RouterContract, APartOfASecondIsHeldAsOne) {
  RouteSpec spec = route("web.test");
  spec.hold = Millis(1001);
  set({spec});
  EXPECT_EQ(look(spec.key).spec.hold, Millis(2000));
}

TEST_P(RouterContract, HostNamesAreInLowerCase) {
  set({route("Web.TEST")});
  EXPECT_THAT(names(), ElementsAre("mcp/rift web.test"));
}

TEST_P(RouterContract, WhatIsMissingCanBeRemoved) {
  set({route("web.test"), route("raw.test", kL4)});
  ASSERT_TRUE(router().apply(kOwner, {}, {key("raw.test"), key("none.test")}));
  EXPECT_THAT(names(), ElementsAre("mcp/rift web.test"));
  ASSERT_TRUE(router().apply(kOwner, {}, {key("raw.test")}));
}

TEST_P(RouterContract, RoutesAreSetAndRemovedInOneGo) {
  set({route("old.test")});
  ASSERT_TRUE(router().apply(kOwner, {route("new.test")}, {key("old.test")}));
  EXPECT_THAT(names(), ElementsAre("mcp/rift new.test"));
  ASSERT_TRUE(router().apply(kOwner, {}, {}));
}

TEST_P(RouterContract, ARouteOfAnotherOwnerIsNeverChanged) {
  const RouteSpec theirs = route("theirs.test");
  set({theirs}, kOther);
  set({route("ours.test")});
  refused(Code::kConflict, kOther, {route("new.test"), route("theirs.test", kL4)}, {});
  refused(Code::kConflict, kOther, {route("new.test")}, {key("theirs.test")});
  refused(Code::kConflict, kOther, {}, {key("ours.test"), key("theirs.test")});
  EXPECT_EQ(look(theirs.key).spec, theirs);
  EXPECT_EQ(look(theirs.key).owner, kOther);
}

TEST_P(RouterContract, WhatCannotBeServedIsRefusedAndSaysWhy) {
  set({route("web.test")});
  RouteSpec nowhere = route("new.test");
  nowhere.key.port = 1;
  refused(Code::kInvalid, "no listener '1'", {route("good.test"), nowhere}, {});
  RouteSpec uncertified = route("new.test");
  uncertified.certificate = world_->bad_certificate();
  refused(Code::kInvalid, "bad.pem", {route("good.test"), uncertified}, {key("web.test")});
  RouteSpec pointless = route("new.test");
  pointless.backend = "";
  refused(Code::kInvalid, "backend ''", {pointless}, {});
}

TEST_P(RouterContract, RoutesOutliveTheProxy) {
  const RouteSpec web = route("web.test");
  set({web});
  world_->request(web.key);
  world_->request(web.key);
  EXPECT_TRUE(comes_true([&] { return look(web.key).traffic.requests == 2; }));

  world_->stop();
  const auto away = router().list();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, Code::kUnavailable) << away.error().text();
  const auto refused = router().apply(kOwner, {web}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_NE(refused.error().hint, "");

  world_->start();
  EXPECT_EQ(look(web.key).spec, web);
  // Counters go on where HAProxy has, or start anew; they never say more than there was.
  EXPECT_LE(look(web.key).traffic.requests, 2);
  EXPECT_EQ(look(web.key).traffic.failed, 0);
}

TEST_P(RouterContract, CountersBelongToTheName) {
  const RouteSpec web = route("web.test");
  set({web, route("other.test")});
  world_->request(web.key);
  EXPECT_TRUE(comes_true([&] { return look(web.key).traffic.requests == 1; }));
  set({route("web.test", kL7, 2)});
  world_->request(web.key);
  EXPECT_TRUE(comes_true([&] { return look(web.key).traffic.requests == 2; }));
  ASSERT_TRUE(router().apply(kOwner, {}, {web.key}));
  set({web});
  EXPECT_EQ(look(web.key).traffic.requests, 2);
  EXPECT_EQ(look(key("other.test")).traffic, Traffic());
}

TEST_P(RouterContract, ConnectionsStayWithTheBackendThatTheyBeganAt) {
  const RouteSpec raw = route("raw.test", kL4);
  set({raw});
  world_->connect(raw.key);
  EXPECT_TRUE(comes_true([&] { return look(raw.key).open == 1; }));
  EXPECT_EQ(look(raw.key).draining, 0);
  set({route("raw.test", kL4, 2)});
  EXPECT_TRUE(comes_true([&] { return look(raw.key).draining == 1; }));
  EXPECT_EQ(look(raw.key).open, 0);
  world_->disconnect();
  EXPECT_TRUE(comes_true([&] { return look(raw.key).draining == 0; }));
}

}  // namespace
}  // namespace test
