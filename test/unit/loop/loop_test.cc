#include "agent/loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "parts.h"
#include "reconciler/conditions.h"

namespace agent {
namespace {

using reconciler::ContainerState;
using reconciler::StepKind;
using test::at;
using ::test::FakeRuntime;
using test::key;
using test::service;
using test::snapshot;
using Kind = FakeRuntime::Kind;

class LoopTest : public testing::Test {
 protected:
  LoopTest() : runtime_([this] { return now_; }) {
    for (const char* image : {"app:v1", "app:v2"}) runtime_.add_image(image);
    make();
  }
  void make() {
    loop_ = std::make_unique<Loop>(
        LoopPorts{runtime_, prober_, source_, store_, executor_, runtime_},
        LoopConfig{.node = reconciler::NodeName("rift"),
                   .on_event =
                       [this](const auto& event) {
                         events_.push_back(event.reason + ": " + event.message);
                       },
                   .meters = meters_});
    EXPECT_TRUE(loop_->load());
  }
  void step() { loop_->step(now_); }
  // Until nothing is under way any more.
  void settle() {
    step();
    while (executor_.waiting() > 0 || (loop_->wake_at() && *loop_->wake_at() <= now_)) {
      if (executor_.waiting() > 0) executor_.run();
      step();
    }
  }
  // The same, but that such calls do not come to an end.
  void settle_but(Kind hanging) {
    bool hangs = false;
    runtime_.on_call = [&](const FakeRuntime::Call& call) { hangs |= call.kind == hanging; };
    step();
    while (const auto index = executor_.next()) {
      hangs = false;
      executor_.work(*index);
      if (!hangs) executor_.answer(*index);
      step();
    }
    runtime_.on_call = nullptr;
  }
  void pass(double seconds) { now_ += base::Millis(static_cast<int64_t>(seconds * 1000)); }
  void push(const reconciler::Snapshot& what) {
    source_.answers.emplace_back(what);
    loop_->request_sync(false);
  }
  std::string reason(const std::string& name) {
    const auto found = loop_->memory().services.find(crds::ServiceName(name));
    return found == loop_->memory().services.end() ? "" : found->second.conditions.front().reason;
  }
  std::vector<std::string> running() {
    std::vector<std::string> out;
    for (const auto& step : loop_->view(now_).running) out.push_back(step.id);
    return out;
  }
  int calls() {
    return runtime_.writes() + runtime_.calls(Kind::kList) + runtime_.calls(Kind::kInspect);
  }

  base::TimePoint now_ = at(0);
  const SharedMeters meters_ = std::make_shared<Meters>();
  FakeRuntime runtime_;
  test::Executor executor_;
  test::Source source_;
  test::Store store_;
  test::Prober prober_;
  std::vector<std::string> events_;
  std::unique_ptr<Loop> loop_;
};

TEST_F(LoopTest, APushBecomesARunningContainer) {
  push(snapshot(1, {service("web")}));
  settle();
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
  EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning);
  EXPECT_EQ(runtime_.calls(Kind::kCreate), 1);
  EXPECT_EQ(runtime_.calls(Kind::kStart), 1);
}

TEST_F(LoopTest, NothingToDoIsNothingDone) {
  push(snapshot(1, {service("web")}));
  settle();
  const int before = calls();
  const size_t commits = store_.commits.size();
  for (int i = 0; i < 100; ++i) step();
  EXPECT_EQ(calls(), before);
  EXPECT_EQ(store_.commits.size(), commits);
  // The periodic list and poll find nothing, and nothing is written.
  pass(120);
  settle();
  EXPECT_EQ(runtime_.effects(), 2);
  EXPECT_EQ(store_.commits.size(), commits);
}

TEST_F(LoopTest, ACommitOfAnotherNodeCostsNoCall) {
  push(snapshot(1, {service("web")}));
  settle();
  const int before = calls();
  crds::Service other = service("other");
  other.node = crds::NodeName("elsewhere");
  push(snapshot(2, {service("web"), other}));
  settle();
  EXPECT_EQ(calls(), before);
  EXPECT_EQ(loop_->view(now_).desired.revision, snapshot(2, {}).revision);
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
}

TEST_F(LoopTest, StepsAreBounded) {
  std::vector<crds::Service> all;
  for (int i = 0; i < 9; ++i) all.push_back(service("a" + std::to_string(i)));
  push(snapshot(1, all));
  size_t most = 0;
  step();
  while (executor_.waiting() > 0) {
    executor_.run();
    step();
    most = std::max(most, running().size());
  }
  EXPECT_EQ(most, 4u);
  EXPECT_EQ(runtime_.calls(Kind::kStart), 9);
}

TEST_F(LoopTest, PullsHavePlacesOfTheirOwn) {
  std::vector<crds::Service> all;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "p" + std::to_string(i);
    runtime_.publish(name + ":v1");
    all.push_back(service(name, name + ":v1"));
  }
  all.push_back(service("web"));
  push(snapshot(1, all));
  settle_but(Kind::kPull);
  EXPECT_EQ(running(), (std::vector<std::string>{"p0/main pull p0:v1", "p1/main pull p1:v1",
                                                 "p2/main pull p2:v1"}));
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
  settle();
  EXPECT_EQ(runtime_.calls(Kind::kPull), 6);
  EXPECT_EQ(reason("p5"), "ReconciliationSucceeded");
}

TEST_F(LoopTest, OneImageIsPulledOnce) {
  runtime_.publish("slow:v1");
  push(snapshot(1, {service("a", "slow:v1"), service("b", "slow:v1")}));
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.calls(Kind::kPull), 1);
  EXPECT_EQ(reason("b"), "Progressing");
  settle();
  EXPECT_EQ(reason("a"), "ReconciliationSucceeded");
  EXPECT_EQ(reason("b"), "ReconciliationSucceeded");
}

TEST_F(LoopTest, ASlowPullDoesNotKeepTheOldContainerFromBeingHealed) {
  push(snapshot(1, {service("web")}));
  settle();
  runtime_.publish("slow:v1");
  push(snapshot(2, {service("web", "slow:v1")}));
  settle_but(Kind::kPull);
  ASSERT_EQ(running(), std::vector<std::string>{"web/main pull slow:v1"});
  pass(100);
  runtime_.kill(runtime_.find("web.main")->id);
  loop_->process_ended(runtime_.find("web.main")->id);
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning);
  EXPECT_EQ(running(), std::vector<std::string>{"web/main pull slow:v1"});
  settle();
  EXPECT_EQ(runtime_.find("web.main.2")->state, ContainerState::kRunning);
}

TEST_F(LoopTest, ALongPullIsNoReasonToListAllTheTime) {
  runtime_.publish("slow:v1");
  push(snapshot(1, {service("web", "slow:v1")}));
  settle_but(Kind::kPull);
  const int lists = runtime_.calls(Kind::kList);
  for (int i = 0; i < 50; ++i) pass(1), settle_but(Kind::kPull);
  EXPECT_LE(runtime_.calls(Kind::kList), lists + 1);
}

TEST_F(LoopTest, ADefinitionOvertakesAPull) {
  runtime_.publish("slow:v1");
  push(snapshot(1, {service("web", "slow:v1")}));
  settle_but(Kind::kPull);
  push(snapshot(2, {service("web")}));
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.find("web.main")->image, "app:v1");
  const auto before = loop_->memory().components.at(key("web"));
  settle();  // what the old pull comes to says nothing about the new image
  EXPECT_EQ(loop_->memory().components.at(key("web")), before);
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
}

TEST_F(LoopTest, PullsThatHangDoNotKeepOthersFromBeingPulled) {
  std::vector<crds::Service> services;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"})
    services.push_back(service(name, std::string(name) + ":v1"));
  push(snapshot(1, services));
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.calls(Kind::kPull), 3);
  pass(61);
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.calls(Kind::kPull), 6);
  pass(61);
  settle_but(Kind::kPull);
  EXPECT_EQ(runtime_.calls(Kind::kPull), 6) << "bounded: they hold threads";
}

TEST_F(LoopTest, StepsThatHangDoNotKeepOtherServicesFromTheirTurn) {
  std::vector<crds::Service> services;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i"})
    services.push_back(service(name));
  push(snapshot(1, services));
  settle_but(Kind::kStart);
  EXPECT_EQ(runtime_.calls(Kind::kStart), 4);
  pass(21);
  settle_but(Kind::kStart);
  EXPECT_EQ(runtime_.calls(Kind::kStart), 8);
  pass(21);
  settle_but(Kind::kStart);
  EXPECT_EQ(runtime_.calls(Kind::kStart), 8) << "bounded: they hold threads";
}

TEST_F(LoopTest, WhatCannotBeWrittenDownIsNotBuiltUpon) {
  settle();
  store_.full = true;
  push(snapshot(1, {service("web")}));
  settle();
  EXPECT_EQ(runtime_.calls(Kind::kCreate), 0);
  EXPECT_EQ(loop_->memory().conditions.front().reason, reconciler::reason::kRegistryUnavailable);
  store_.full = false;
  pass(2);
  settle();
  EXPECT_EQ(runtime_.calls(Kind::kCreate), 1);
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
  EXPECT_EQ(loop_->memory().conditions.front().reason, "ReconciliationSucceeded");
}

// Podman knows it, and has lost its files (a removal that was cut off).
TEST_F(LoopTest, AContainerThatCannotBeStartedAnyMoreIsMadeAnew) {
  push(snapshot(1, {service("web")}));
  settle();
  const reconciler::ContainerId first = runtime_.find("web.main")->id;
  runtime_.faults = [&](const auto& call) -> std::optional<FakeRuntime::Fault> {
    if (call.kind != Kind::kStart || call.subject != first.str()) return std::nullopt;
    return FakeRuntime::Fault{base::make_error(base::Code::kCorrupt, "layer not known")};
  };
  runtime_.kill(first);
  loop_->hint();
  for (int second = 0; second < 10; ++second) {
    pass(1);
    settle();
  }
  ASSERT_NE(runtime_.find("web.main"), nullptr);
  EXPECT_NE(runtime_.find("web.main")->id, first);
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
}

// The store begins anew with nothing: what it held before has to be written once more.
TEST_F(LoopTest, ALostRegistryIsWrittenAnew) {
  push(snapshot(1, {service("web"), service("db")}));
  settle();
  store_.corrupt = true;
  push(snapshot(2, {service("web", "app:v2"), service("db")}));
  settle();
  EXPECT_EQ(loop_->memory().conditions.front().reason, reconciler::reason::kRegistryUnavailable);
  store_.commits.clear();
  pass(2);
  settle();
  ASSERT_FALSE(store_.commits.empty());
  const reconciler::Transaction& first = store_.commits.front();
  EXPECT_EQ(first.desired, loop_->desired());
  EXPECT_TRUE(first.components.contains(key("db"))) << "it has not changed";
  EXPECT_TRUE(first.services.contains(reconciler::ServiceName("db")));
  EXPECT_TRUE(first.node);
}

TEST_F(LoopTest, AKilledProcessIsAskedForAndStartedAgain) {
  push(snapshot(1, {service("web")}));
  settle();
  pass(100);
  const int lists = runtime_.calls(Kind::kList);
  runtime_.kill(runtime_.find("web.main")->id);
  loop_->process_ended(runtime_.find("web.main")->id);
  step();
  // One inspection and one start; the periodic list and poll are none of it.
  executor_.run(executor_.waiting() - 1);
  step();
  EXPECT_EQ(running(), std::vector<std::string>{"web/main start web.main"});
  settle();
  EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning);
  EXPECT_EQ(runtime_.calls(Kind::kInspect), 1);
  EXPECT_LE(runtime_.calls(Kind::kList), lists + 2);
}

TEST_F(LoopTest, AKilledProcessThatPodmanDoesNotSayAnythingOfIsAskedForAgain) {
  push(snapshot(1, {service("web")}));
  settle();
  int refusals = 2;
  runtime_.faults = [&](const FakeRuntime::Call& call) -> std::optional<FakeRuntime::Fault> {
    if (call.kind != Kind::kInspect || refusals-- <= 0) return std::nullopt;
    return FakeRuntime::Fault{base::unavailable("podman is away")};
  };
  runtime_.kill(runtime_.find("web.main")->id);
  loop_->process_ended(runtime_.find("web.main")->id);
  for (int i = 0; i < 50 && runtime_.find("web.main")->state != ContainerState::kRunning; ++i) {
    settle();
    pass(1);
  }
  EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning);
}

TEST_F(LoopTest, AClockThatStepsBackStopsNothing) {
  runtime_.refuse("bad:v1", base::not_found("manifest unknown"));
  push(snapshot(1, {service("web", "bad:v1")}));
  settle();
  EXPECT_EQ(reason("web"), "ImagePullFailed");
  const int pulls = runtime_.calls(Kind::kPull);
  pass(-3600);
  settle();
  EXPECT_GT(runtime_.calls(Kind::kPull), pulls);
}

TEST_F(LoopTest, HeldRemovalsGoWhenSomebodySaysSo) {
  push(snapshot(1, {service("web")}));
  settle();
  push(snapshot(2, {}));
  settle();
  EXPECT_EQ(reason("web"), "PruneHeld");
  EXPECT_NE(runtime_.find("web.main"), nullptr);
  const int64_t id = loop_->request_sync(true);
  EXPECT_LT(loop_->view(now_).source.syncs_done, id);
  settle();
  EXPECT_EQ(loop_->view(now_).source.syncs_done, id);
  EXPECT_EQ(runtime_.find("web.main"), nullptr);
}

TEST_F(LoopTest, AnApprovalIsForWhatIsHeldNow) {
  push(snapshot(1, {service("web")}));
  settle();
  // The remote is away when somebody approves, and comes back with an empty tree.
  source_.answers.emplace_back(base::unavailable("away"));
  loop_->request_sync(true);
  settle();
  push(snapshot(2, {}));
  settle();
  EXPECT_EQ(reason("web"), "PruneHeld");
  EXPECT_NE(runtime_.find("web.main"), nullptr);
}

TEST_F(LoopTest, WithoutARegistryAnEmptiedTreeRemovesNothingUnasked) {
  push(snapshot(1, {service("web")}));
  settle();
  make();
  push(snapshot(2, {}));
  settle();
  EXPECT_EQ(reason("web"), "PruneHeld");
  EXPECT_NE(runtime_.find("web.main"), nullptr);
  loop_->request_sync(true);
  settle();
  EXPECT_EQ(runtime_.find("web.main"), nullptr);
}

TEST_F(LoopTest, ANewAgentTakesUpWhereTheRegistryLeftOff) {
  push(snapshot(1, {service("web")}));
  settle();
  for (const auto& transaction : store_.commits) {
    if (transaction.desired) store_.saved.desired = transaction.desired;
    for (const auto& [who, memory] : transaction.components)
      store_.saved.memory.components[who] = memory;
    for (const auto& [who, memory] : transaction.services)
      store_.saved.memory.services[who] = memory;
    if (transaction.node)
      std::tie(store_.saved.memory.conditions, store_.saved.memory.ready_revision) =
          *transaction.node;
  }
  const int effects = runtime_.effects();
  const size_t commits = store_.commits.size();
  executor_ = {};
  source_.answers.emplace_back(base::unavailable("the git server is down"));
  make();
  runtime_.kill(runtime_.find("web.main")->id);
  settle();
  EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning) << "healed without git";
  EXPECT_EQ(runtime_.effects(), effects + 1);
  EXPECT_GT(store_.commits.size(), commits);
}

TEST_F(LoopTest, WhatOthersChangeIsToldOnceAndWhenItIsMended) {
  push(snapshot(1, {service("web")}));
  settle();
  const auto told = [&] {
    std::vector<std::string> out;
    for (const std::string& event : std::exchange(events_, {}))
      if (event.starts_with("Drifted") || event.starts_with("Healed")) out.push_back(event);
    return out;
  };
  const auto id = runtime_.find("web.main")->id;
  const struct {
    const char* actual;
    const char* healed;
    std::function<void()> change;
  } cases[] = {
      {"paused", "restarted", [&] { runtime_.pause_by_hand(id); }},
      {"exited", "restarted", [&] { runtime_.stop_by_hand(id); }},
      {"missing", "replaced", [&] { runtime_.remove_by_hand(id); }},
  };
  for (const auto& one : cases) {
    const uint64_t before = meters_->healed.with({one.healed}).value();
    one.change();
    // No event comes: the next list finds it.
    pass(120);
    settle();
    EXPECT_THAT(told(), testing::ElementsAre(
                            std::string("Drifted: state: expected running, is ") + one.actual,
                            "Healed: it is as defined again"));
    EXPECT_EQ(runtime_.find("web.main")->state, ContainerState::kRunning);
    EXPECT_EQ(meters_->healed.with({one.healed}).value(), before + 1) << one.actual;
    pass(120);
    settle();
    EXPECT_THAT(told(), testing::IsEmpty());
  }
}

TEST_F(LoopTest, DriftThatIsNotToBeHealedIsToldOnceAcrossRestarts) {
  reconciler::Snapshot wish = snapshot(1, {service("web")});
  wish.tree.services.begin()->second.value.heal_drift = false;
  push(wish);
  settle();
  runtime_.pause_by_hand(runtime_.find("web.main")->id);
  const int effects = runtime_.effects();
  for (int i = 0; i < 3; ++i) {
    pass(120);
    settle();
  }
  EXPECT_EQ(reason("web"), "Drifted");
  EXPECT_EQ(runtime_.effects(), effects);
  store_.saved = {loop_->desired(), loop_->memory()};
  executor_ = {};
  make();
  settle();
  EXPECT_EQ(reason("web"), "Drifted");
  EXPECT_EQ(
      std::count(events_.begin(), events_.end(), "Drifted: state: expected running, is paused"), 1);
}

TEST_F(LoopTest, WhatAFailedVersionSaidLastIsKept) {
  push(snapshot(1, {service("web")}));
  settle();
  runtime_.exits_at_start = [&](const reconciler::ObservedContainer& container) {
    runtime_.say(container.id, "cannot open /etc/web.conf");
    return std::optional(1);
  };
  crds::Service broken = service("web");
  broken.components[0].env["CONFIG"] = "/etc/web.conf";
  push(snapshot(2, {broken}));
  settle();
  EXPECT_THAT(events_,
              testing::Contains(testing::AllOf(testing::StartsWith("LastLines: "),
                                               testing::HasSubstr("cannot open /etc/web.conf"))));
}

TEST_F(LoopTest, WhatTheRegistryRemembersIsNotHowThingsStand) {
  push(snapshot(1, {service("web")}));
  settle();
  store_.saved = {loop_->view(now_).desired, loop_->memory()};
  executor_ = {};
  make();
  const auto ready = [&] {
    return loop_->view(now_).memory.services.at(crds::ServiceName("web")).conditions.front().status;
  };
  EXPECT_EQ(ready(), reconciler::Status::kUnknown) << "podman has not been asked yet";
  settle();
  EXPECT_EQ(ready(), reconciler::Status::kTrue);
}

TEST_F(LoopTest, PodmanAwayIsSaidAndNothingIsConcluded) {
  push(snapshot(1, {service("web")}));
  settle();
  bool away = true;
  runtime_.faults = [&](const FakeRuntime::Call&) -> std::optional<FakeRuntime::Fault> {
    if (!away) return std::nullopt;
    return FakeRuntime::Fault{base::unavailable("away")};
  };
  loop_->hint();
  settle();
  EXPECT_EQ(reason("web"), "RuntimeUnavailable");
  const int lists = runtime_.calls(Kind::kList);
  for (int i = 0; i < 600; ++i) pass(0.1), settle();
  EXPECT_LE(runtime_.calls(Kind::kList), lists + 8) << "in a minute, further and further apart";
  away = false;
  pass(60);
  settle();
  EXPECT_EQ(reason("web"), "ReconciliationSucceeded");
  EXPECT_EQ(runtime_.effects(), 2);
}

}  // namespace
}  // namespace agent
