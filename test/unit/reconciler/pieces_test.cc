#include <gtest/gtest.h>

#include <functional>

#include "reconciler/back_off.h"
#include "reconciler/labels.h"
#include "reconciler/leases.h"
#include "reconciler/preview.h"
#include "reconciler/reconcile.h"
#include "reconciler/resolve.h"
#include "reconciler/steps.h"
#include "samples.h"

namespace reconciler {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::at;
using test::component;
using test::key;

// ---------------------------------------------------------------- back-off

TEST(BackOff, DoublesUpToItsCapWithABitOfJitter) {
  const Schedule schedule{seconds(1), minutes(1)};
  EXPECT_EQ(delay(schedule, 0, "a"), Millis(0));
  EXPECT_EQ(delay(schedule, -1, "a"), Millis(0));
  Millis plain = schedule.first;
  for (int attempts = 1; attempts < 60; ++attempts, plain = std::min(plain * 2, schedule.cap)) {
    const Millis wait = delay(schedule, attempts, "web/main");
    EXPECT_GE(wait, plain) << attempts;
    EXPECT_LE(wait, plain + plain / 5) << attempts;
  }
  EXPECT_GE(delay(schedule, 1'000'000, "a"), schedule.cap);
  EXPECT_EQ(delay(schedule, 5, "web/main"), delay(schedule, 5, "web/main"));
  EXPECT_NE(delay(schedule, 5, "web/main"), delay(schedule, 5, "db/main"));
}

TEST(BackOff, ATimeFarAheadWasSetByAnotherClock) {
  const Schedule schedule{seconds(1), minutes(5)};
  EXPECT_TRUE(due(at(0), at(0), schedule));
  EXPECT_TRUE(due(at(0), at(1), schedule));
  EXPECT_FALSE(due(at(1), at(0), schedule));
  EXPECT_FALSE(due(at(0) + minutes(6), at(0), schedule));
  EXPECT_TRUE(due(at(0) + hours(1), at(0), schedule));
}

// ---------------------------------------------------------------- labels

TEST(Labels, SayTheOwnerAndAreReadBack) {
  const Owner owner{key("web", "api"), NodeName("rift"), "00ff",
                    test::revision(7), Slot::kSecond,    {{"", 10000}, {"rest", 60000}}};
  EXPECT_EQ(owner_of(to_labels(owner)), owner);
  Owner plain = owner;
  plain.leases.clear();
  plain.slot = Slot::kFirst;
  EXPECT_EQ(owner_of(to_labels(plain)), plain);
}

TEST(Labels, OnesThatCannotBeReadAreNobodys) {
  const crds::Labels good = to_labels(
      {key("web"), NodeName("rift"), "00ff", test::revision(7), Slot::kFirst, {{"rest", 10000}}});
  for (const auto& [label, value] : good) {
    crds::Labels without = good;
    without.erase(label);
    EXPECT_FALSE(owner_of(without)) << label;
  }
  for (const char* leases : {"rest", "rest=", "rest=x", "rest=70000", "rest=1x", "=1,"}) {
    crds::Labels bad = good;
    bad[kLeasesLabel] = leases;
    EXPECT_FALSE(owner_of(bad)) << leases;
  }
  for (const char* slot : {"", "0", "3", "first"}) {
    crds::Labels bad = good;
    bad[kSlotLabel] = slot;
    EXPECT_FALSE(owner_of(bad)) << slot;
  }
}

TEST(Labels, TheRevisionIsNotTheMake) {
  const Owner a{key("web"), NodeName("rift"), "00ff", test::revision(1), Slot::kFirst, {}};
  Owner b = a;
  b.revision = test::revision(2);
  EXPECT_TRUE(same_make(a, b));
  b.spec_hash = "ff";
  EXPECT_FALSE(same_make(a, b));
}

// ---------------------------------------------------------------- leases

class Leases : public testing::Test {
 protected:
  bool lease(const ComponentKey& who, Slot slot, const crds::Component& what) {
    const Memory none;
    PortsInUse in_use(observed_, memory_, none, fixed_);
    return lease_ports(who, what, slot, in_use, memory_.components[who]);
  }
  uint16_t port(const ComponentKey& who, Slot slot, const std::string& route) {
    return memory_.components[who].leases.at({slot, route});
  }
  static crds::Component routed(const std::vector<std::string>& routes) {
    crds::Component out = component("main");
    for (const std::string& name : routes) out.routes.push_back({.name = name});
    return out;
  }

  Observed observed_;
  Memory memory_;
  std::set<uint16_t> fixed_;
};

TEST_F(Leases, AreInRangeDistinctAndAFunctionOfTheName) {
  std::set<uint16_t> all;
  for (int i = 0; i < 500; ++i) {
    const ComponentKey who = key("s" + std::to_string(i));
    ASSERT_TRUE(lease(who, Slot::kFirst, routed({"a", "b"})));
    for (const char* route : {"a", "b"}) {
      const uint16_t got = port(who, Slot::kFirst, route);
      EXPECT_GE(got, kFirstLeasePort);
      EXPECT_LE(got, kLastLeasePort);
      EXPECT_TRUE(all.insert(got).second) << got;
    }
  }
  const uint16_t before = port(key("s0"), Slot::kFirst, "a");
  memory_ = {};
  ASSERT_TRUE(lease(key("s0"), Slot::kFirst, routed({"a", "b"})));
  EXPECT_EQ(port(key("s0"), Slot::kFirst, "a"), before);
}

TEST_F(Leases, StayAndGoWithTheRoute) {
  ASSERT_TRUE(lease(key("web"), Slot::kFirst, routed({"a", "b"})));
  ASSERT_TRUE(lease(key("web"), Slot::kSecond, routed({"a"})));
  const uint16_t a = port(key("web"), Slot::kFirst, "a");
  const uint16_t other = port(key("web"), Slot::kSecond, "a");
  observed_.busy_ports = {a};  // by itself
  ASSERT_TRUE(lease(key("web"), Slot::kFirst, routed({"a"})));
  EXPECT_EQ(port(key("web"), Slot::kFirst, "a"), a);
  EXPECT_EQ(leases_of(memory_.components[key("web")], Slot::kFirst).size(), 1u);
  EXPECT_EQ(port(key("web"), Slot::kSecond, "a"), other);
}

TEST_F(Leases, AvoidWhatIsTaken) {
  ASSERT_TRUE(lease(key("web"), Slot::kFirst, routed({"a"})));
  const uint16_t first = port(key("web"), Slot::kFirst, "a");
  const auto again = [&] {
    EXPECT_TRUE(lease(key("web"), Slot::kFirst, routed({"a"})));
    return port(key("web"), Slot::kFirst, "a");
  };
  memory_ = {};
  observed_.busy_ports = {first};
  EXPECT_EQ(again(), first + 1);
  memory_ = {};
  observed_.busy_ports.clear();
  fixed_ = {first};
  EXPECT_EQ(again(), first + 1);
  memory_ = {};
  fixed_.clear();
  memory_.components[key("web")].refused_ports = {first, static_cast<uint16_t>(first + 1)};
  EXPECT_EQ(again(), first + 2);
  memory_ = {};
  observed_.containers[ContainerId("x")].ports = {{"", first, 80, "tcp"}};
  EXPECT_EQ(again(), first + 1);
}

// /proc/sys/net/ipv4/ip_local_port_range begins at 32768: from there on any connection of the host
// may have the port while its container restarts.
TEST_F(Leases, KeepBelowTheEphemeralRangeWhileTheyCan) {
  for (int i = 0; i < 500; ++i) {
    const ComponentKey who = key("s" + std::to_string(i));
    ASSERT_TRUE(lease(who, Slot::kFirst, routed({"a"})));
    EXPECT_LT(port(who, Slot::kFirst, "a"), 32768);
  }
  for (uint16_t i = kFirstLeasePort; i < 32768; ++i) observed_.busy_ports.insert(i);
  ASSERT_TRUE(lease(key("late"), Slot::kFirst, routed({"a"})));
  EXPECT_GE(port(key("late"), Slot::kFirst, "a"), 32768);
}

// The lease of a second slot, which has no container, of a service that was decided before.
TEST_F(Leases, AreNotGivenTwiceInOnePass) {
  const Snapshot both =
      test::snapshot(1, {test::service("a", {routed({"r"})}), test::service("b", {routed({"r"})})});
  const Desired desired = resolve(both, NodeName("rift"), nullptr, false);
  const uint16_t wanted = reconcile(desired, observed_, memory_, test::at(0))
                              .next.components.at(key("b"))
                              .leases.at({Slot::kFirst, "r"});
  memory_.components[key("a")].leases = {{{Slot::kSecond, "r"}, wanted}};
  const Outcome outcome = reconcile(desired, observed_, memory_, test::at(0));
  EXPECT_EQ(outcome.next.components.at(key("a")).leases.at({Slot::kSecond, "r"}), wanted);
  EXPECT_NE(outcome.next.components.at(key("b")).leases.at({Slot::kFirst, "r"}), wanted);
}

TEST_F(Leases, RunOut) {
  for (int i = kFirstLeasePort; i <= kLastLeasePort; ++i)
    observed_.busy_ports.insert(static_cast<uint16_t>(i));
  EXPECT_FALSE(lease(key("web"), Slot::kFirst, routed({"a"})));
  observed_.busy_ports.erase(54321);
  EXPECT_TRUE(lease(key("web"), Slot::kFirst, routed({"a"})));
  EXPECT_EQ(port(key("web"), Slot::kFirst, "a"), 54321);
}

TEST_F(Leases, ArePublishedAndSaidToTheContainer) {
  crds::Component c = component("main");
  c.ports = {{"", 80, 8080, "tcp"}};
  c.env = {{"LEVEL", "debug"}};
  c.routes = {{.name = ""}, {.name = "my-rest", .target_port = 9000}};
  const std::map<std::string, uint16_t> leases = {{"", 20000}, {"my-rest", 20001}};
  const std::vector<crds::PortMapping> published = {
      {"", 80, 8080, "tcp"}, {"127.0.0.1", 20000, 20000, "tcp"}, {"127.0.0.1", 20001, 9000, "tcp"}};
  EXPECT_EQ(published_ports(c, leases), published);
  const std::map<std::string, std::string> env = {
      {"LEVEL", "debug"}, {"PORT", "20000"}, {"PORT_MY_REST", "9000"}};
  EXPECT_EQ(environment(c, leases), env);
  c.env["PORT"] = "1";  // what the definition says is not overwritten
  EXPECT_EQ(environment(c, leases).at("PORT"), "1");
  c.network = "host";
  EXPECT_TRUE(published_ports(c, leases).empty());
  EXPECT_EQ(environment(c, leases).at("PORT_MY_REST"), "20001");
}

// ---------------------------------------------------------------- absorb

Step step(StepKind kind, bool heals = false) {
  Step out;
  out.kind = kind;
  out.key = key("web");
  out.container_name = "web.main";
  out.heals = heals;
  return out;
}

const base::Error kMissing = base::not_found("no such image");
const base::Error kTaken = base::make_error(base::Code::kConflict, "taken");
const base::Error kAway = base::unavailable("away");

TEST(Absorb, ALackingImageIsPulledAndNoFailure) {
  ComponentMemory memory = absorb({}, step(StepKind::kCreate), kMissing, at(0));
  EXPECT_TRUE(memory.image_missing);
  EXPECT_FALSE(memory.failure);
  memory = absorb(memory, step(StepKind::kPullImage), {}, at(1));
  EXPECT_FALSE(memory.image_missing);
  // Not there after a pull that worked: that is one.
  memory = absorb(memory, step(StepKind::kCreate), kMissing, at(2));
  EXPECT_TRUE(memory.failure);
}

// One step that works each time, and leads to one that does not, must not make a loop of it.
TEST(Absorb, SuccessOnTheWayDoesNotForgetHowOftenItFailed) {
  ComponentMemory memory;
  TimePoint now = at(0);
  for (int i = 0; i < 12; ++i) {
    memory = absorb(memory, step(StepKind::kPullImage), {}, now);
    EXPECT_TRUE(due(memory.step_back_off.next_at, now, kStepRetry));
    memory = absorb(memory, step(StepKind::kCreate), kMissing, now);
    EXPECT_EQ(memory.step_back_off.attempts, i + 1);
    now = memory.step_back_off.next_at;
  }
  EXPECT_GE(now - at(0), minutes(10));
}

TEST(Absorb, FailuresAreFurtherApartAndBounded) {
  const struct {
    StepKind kind;
    base::Error error;
    Millis longest;
  } cases[] = {
      {StepKind::kPullImage, kMissing, minutes(6)},
      {StepKind::kPullImage, kAway, minutes(6)},
      {StepKind::kCreate, kTaken, minutes(6)},
      {StepKind::kStart, kTaken, minutes(6)},
      {StepKind::kStop, kAway, seconds(18)},  // podman is asked again soon
      {StepKind::kRemove, base::make_error(base::Code::kTimeout, "slow"), seconds(18)},
  };
  for (const auto& one : cases) {
    ComponentMemory memory;
    Millis before(0);
    for (int i = 0; i < 40; ++i) {
      memory = absorb(memory, step(one.kind), one.error, at(0));
      const Millis wait = memory.step_back_off.next_at - at(0);
      EXPECT_GE(wait, std::min(before, one.longest / 2));
      EXPECT_LE(wait, one.longest);
      before = wait;
    }
  }
}

TEST(Absorb, OnlyHealsCountAsRestarts) {
  ComponentMemory memory;
  memory.heal_pending = memory.resume = true;
  memory = absorb(memory, step(StepKind::kStart), {}, at(0));
  EXPECT_EQ(memory.restarts, 0);
  EXPECT_FALSE(memory.heal_pending || memory.resume);
  memory = absorb(memory, step(StepKind::kStart, true), {}, at(1));
  EXPECT_EQ(memory.restarts, 1);
  EXPECT_EQ(memory.heals, std::vector{at(1)});
}

TEST(Absorb, KeepingTheOldContainerAliveDoesNotEndTheWaitForAPull) {
  ComponentMemory memory = absorb({}, step(StepKind::kPullImage), kMissing, at(0));
  const ComponentMemory before = memory;
  memory = absorb(memory, step(StepKind::kStart, true), {}, at(0));
  EXPECT_EQ(memory.failure, before.failure);
  EXPECT_EQ(memory.step_back_off, before.step_back_off);
}

TEST(Steps, HaveStableNamesAndReasons) {
  EXPECT_EQ(container_name(key("web", "api"), Slot::kFirst), "web.api");
  EXPECT_EQ(container_name(key("web", "api"), Slot::kSecond), "web.api.2");
  EXPECT_EQ(pull_step(key("web"), test::revision(1), "app:v1", "").id, "web/main pull app:v1");
  const struct {
    StepKind kind;
    base::Error error;
    const char* reason;
  } cases[] = {
      {StepKind::kPullImage, kAway, "ImagePullFailed"},
      {StepKind::kCreate, kTaken, "NameConflict"},
      {StepKind::kCreate, kMissing, "CreateFailed"},
      {StepKind::kStart, kTaken, "HostPortTaken"},
      {StepKind::kStart, kMissing, "StartFailed"},
      {StepKind::kStop, kMissing, "StopFailed"},
      {StepKind::kRemove, kMissing, "RemoveFailed"},
      {StepKind::kRemove, kAway, "RuntimeUnavailable"},
  };
  for (const auto& one : cases) EXPECT_STREQ(failure_reason({one.kind, one.error}), one.reason);
}

// ---------------------------------------------------------------- preview

TEST(Preview, SaysWhatAnotherTreeWouldDo) {
  const auto desired = [](const std::vector<crds::Service>& services) {
    return resolve(test::snapshot(1, services), NodeName("rift"), nullptr, false);
  };
  using Edit = std::function<void(crds::Service&)>;
  const auto change = [&](const Edit& before, const Edit& after) -> std::string {
    crds::Service was = test::service("web");
    before(was);
    crds::Service then = was;
    after(then);
    const auto changes = preview(desired({was}), desired({then}));
    if (changes.empty()) return "nothing";
    std::string text(name(changes.at(0).action));
    for (const FieldChange& field : changes[0].fields) text += " " + field.field;
    return text + (changes[0].downtime ? " (downtime)" : "");
  };
  const Edit none = [](crds::Service&) {};
  const Edit stopped = [](crds::Service& s) { s.active = false; };
  const Edit started = [](crds::Service& s) { s.active = true; };
  const Edit image = [](crds::Service& s) { s.components[0].image = "app:v2"; };
  const Edit fixed = [](crds::Service& s) { s.components[0].ports = {{"", 80, 80, "tcp"}}; };
  const Edit check = [](crds::Service& s) {
    s.components[0].health = crds::Health{.check = crds::CmdCheck{{"true"}}};
    s.components[0].stop_timeout = Millis(1);
  };
  const Edit timeout = [](crds::Service& s) { s.components[0].stop_timeout = Millis(1); };
  EXPECT_EQ(change(none, none), "nothing");
  EXPECT_EQ(change(none, image), "replace image");
  EXPECT_EQ(change(none, fixed), "replace ports (downtime)");
  EXPECT_EQ(change(none, timeout), "update stop_timeout");
  EXPECT_EQ(change(none, check), "replace health.cmd health stop_timeout");
  EXPECT_EQ(change(none, stopped), "stop (downtime)");
  EXPECT_EQ(change(stopped, started), "start");
  EXPECT_EQ(change(stopped, image), "update image");
  EXPECT_EQ(change(stopped, stopped), "nothing");
}

TEST(Preview, NewAndRemoved) {
  const auto desired = [](const std::vector<crds::Service>& services) {
    return resolve(test::snapshot(1, services), NodeName("rift"), nullptr, false);
  };
  crds::Service idle = test::service("idle");
  idle.active = false;
  const auto changes =
      preview(desired({test::service("gone")}), desired({test::service("new"), idle}));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].key, key("gone"));
  EXPECT_EQ(changes[0].action, Change::Action::kRemove);
  EXPECT_TRUE(changes[0].downtime);
  EXPECT_EQ(changes[1].key, key("new"));
  EXPECT_EQ(changes[1].action, Change::Action::kCreate);
  EXPECT_FALSE(changes[1].downtime);
}

}  // namespace
}  // namespace reconciler
