#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/loop/journal.h"
#include "agent/loop/observer.h"
#include "agent/loop/poller.h"
#include "agent/loop/probe_board.h"
#include "parts.h"
#include "reconciler/conditions.h"

namespace agent {
namespace {

using reconciler::ContainerId;
using reconciler::ContainerState;
using reconciler::Step;
using reconciler::StepKind;
using std::chrono::seconds;
using test::at;
using ::test::FakeRuntime;
using test::key;
using Kind = FakeRuntime::Kind;

// ---------------------------------------------------------------- observer

class ObserverTest : public testing::Test {
 protected:
  ObserverTest() : runtime_([this] { return now_; }), observer_(runtime_, executor_, seconds(60)) {
    runtime_.add_image("app:v1");
    reconciler::ContainerSpec spec;
    spec.name = "web.main";
    spec.component.image = "app:v1";
    spec.owner.key = key("web");
    id_ = runtime_.create(spec).value();
    static_cast<void>(runtime_.start(id_).value());
  }
  bool step(std::set<reconciler::ComponentKey> in_flight = {}) {
    const bool changed = observer_.take(now_);
    observer_.start(now_, in_flight);
    return changed;
  }
  ContainerState state() { return observer_.observed().containers.at(id_).state; }
  Step own(StepKind kind) {
    Step step;
    step.kind = kind;
    step.key = key("web");
    step.container = id_;
    return step;
  }
  void list() {
    step();
    executor_.run();
    step();
  }

  base::TimePoint now_ = at(0);
  FakeRuntime runtime_;
  test::Executor executor_;
  Observer observer_;
  ContainerId id_;
};

TEST_F(ObserverTest, ManyHintsAreOneList) {
  list();
  const int lists = runtime_.calls(Kind::kList);
  for (int i = 0; i < 10; ++i) observer_.hint(), step();
  EXPECT_EQ(executor_.waiting(), 1u);
  for (int i = 0; i < 10; ++i) observer_.hint(), step();
  executor_.run();
  step();
  EXPECT_EQ(executor_.waiting(), 1u) << "one more for the hints since it was asked";
  executor_.run();
  EXPECT_FALSE(step());
  EXPECT_EQ(runtime_.calls(Kind::kList), lists + 2);
}

TEST_F(ObserverTest, HintsWaitWhileStepsRun) {
  list();
  observer_.hint();
  step({key("web")});
  EXPECT_EQ(executor_.waiting(), 0u);
  now_ += seconds(1);
  step({key("web")});
  EXPECT_EQ(executor_.waiting(), 1u);
}

TEST_F(ObserverTest, AHintAboutOneContainerAsksAboutThatAlone) {
  list();
  const int lists = runtime_.calls(Kind::kList);
  const int inspections = runtime_.calls(Kind::kInspect);
  runtime_.pause_by_hand(id_);
  for (int i = 0; i < 5; ++i) observer_.hint(id_);
  list();
  EXPECT_EQ(state(), ContainerState::kPaused);
  const ContainerId other = runtime_.add_foreign("other");
  observer_.hint(other);
  list();
  EXPECT_TRUE(observer_.observed().containers.contains(other));
  runtime_.remove_by_hand(other);
  observer_.hint(other);
  list();
  EXPECT_FALSE(observer_.observed().containers.contains(other));
  observer_.hint(other);
  step();
  executor_.run();
  EXPECT_FALSE(step()) << "no news";
  EXPECT_EQ(runtime_.calls(Kind::kList), lists);
  EXPECT_EQ(runtime_.calls(Kind::kInspect), inspections + 4);
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(ObserverTest, HintsAboutManyContainersAreOneList) {
  list();
  const int lists = runtime_.calls(Kind::kList);
  for (int i = 0; i < 50; ++i) observer_.hint(runtime_.add_foreign("other" + std::to_string(i)));
  list();
  EXPECT_EQ(observer_.observed().containers.size(), 51u);
  EXPECT_EQ(runtime_.calls(Kind::kList), lists + 1);
  EXPECT_EQ(runtime_.calls(Kind::kInspect), 0);
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(ObserverTest, AHintAboutAContainerWaitsForItsStep) {
  list();
  observer_.hint(id_);
  step({key("web")});
  EXPECT_EQ(executor_.waiting(), 0u);
  EXPECT_GT(*observer_.wake_at(), now_);
  const auto started = runtime_.inspect(id_).value();
  runtime_.pause_by_hand(id_);  // after the step
  observer_.note(own(StepKind::kStart), {{}, started}, now_);
  list();
  EXPECT_EQ(state(), ContainerState::kPaused);
}

TEST_F(ObserverTest, AHintWhileTheListIsMadeIsAskedAfterIt) {
  list();
  observer_.hint();
  step();
  executor_.work();  // it runs
  runtime_.pause_by_hand(id_);
  observer_.hint(id_);
  step();
  EXPECT_EQ(executor_.waiting(), 1u);
  executor_.answer();
  list();
  EXPECT_EQ(state(), ContainerState::kPaused);
}

TEST_F(ObserverTest, AnInspectionFromBeforeAListIsAskedAgain) {
  list();
  observer_.hint(id_);
  step();
  executor_.work();  // it runs
  runtime_.pause_by_hand(id_);
  observer_.hint();
  step();
  executor_.run(1);
  step();
  EXPECT_EQ(state(), ContainerState::kPaused);
  executor_.answer();
  step();
  EXPECT_EQ(state(), ContainerState::kPaused);
  ASSERT_EQ(executor_.waiting(), 1u);
  executor_.run();
  EXPECT_FALSE(step());
  EXPECT_EQ(state(), ContainerState::kPaused);
}

TEST_F(ObserverTest, AListThatRacesWithAStepDoesNotUndoIt) {
  list();
  observer_.hint();
  step();
  executor_.work();  // podman has answered: it runs
  runtime_.stop_by_hand(id_);
  observer_.note(own(StepKind::kStop), {{}, std::nullopt}, now_);
  executor_.answer();
  step();
  EXPECT_EQ(state(), ContainerState::kExited);
  EXPECT_EQ(executor_.waiting(), 1u) << "and it asks again";
  executor_.run();
  step();
  EXPECT_EQ(state(), ContainerState::kExited);
}

TEST_F(ObserverTest, AnEndedProcessIsAskedFor) {
  list();
  runtime_.say(id_, "goodbye");
  runtime_.end(id_, 3);
  observer_.process_ended(id_);
  EXPECT_EQ(state(), ContainerState::kUnknown);
  step();
  executor_.run();
  EXPECT_TRUE(step());
  EXPECT_EQ(state(), ContainerState::kExited);
  EXPECT_EQ(observer_.observed().containers.at(id_).exit_code, 3);
  EXPECT_THAT(*observer_.observed().containers.at(id_).last_lines, testing::ElementsAre("goodbye"));
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(ObserverTest, AnEndIsBelievedBeforePodmanKnowsOfIt) {
  list();
  observer_.process_ended(id_);
  step();
  executor_.run();  // "running", still
  step();
  EXPECT_EQ(state(), ContainerState::kUnknown);
  ASSERT_TRUE(observer_.wake_at());
  now_ = *observer_.wake_at();
  runtime_.end(id_, 1);
  step();
  executor_.run();
  step();
  EXPECT_EQ(state(), ContainerState::kExited);
}

TEST_F(ObserverTest, AnEndThatNeverComesIsAskedForABoundedTime) {
  list();
  observer_.process_ended(id_);
  int asked = 0;
  for (; asked < 1000; ++asked) {
    step();
    if (executor_.waiting() == 0) break;
    executor_.run();
    step();
    now_ += base::Millis(10);
  }
  EXPECT_LT(asked, 300);
  EXPECT_EQ(state(), ContainerState::kRunning);
}

TEST_F(ObserverTest, AListUnderWayDoesNotReviveAnEndedProcess) {
  list();
  observer_.hint();
  step();
  executor_.work();  // the list, while it runs
  runtime_.end(id_, 1);
  observer_.process_ended(id_);
  step();
  executor_.run(1);  // the inspection is faster
  step();
  EXPECT_EQ(state(), ContainerState::kExited);
  executor_.answer();
  step();
  EXPECT_EQ(state(), ContainerState::kExited);
}

TEST_F(ObserverTest, AnInspectionFromBeforeAStartSaysNothing) {
  list();
  runtime_.end(id_, 1);
  observer_.process_ended(id_);
  step();
  executor_.work();  // "exited"
  const auto started = runtime_.start(id_).value();
  observer_.note(own(StepKind::kStart), {{}, started}, now_);
  executor_.answer();
  step();
  EXPECT_EQ(state(), ContainerState::kRunning);
}

TEST_F(ObserverTest, ReadinessIsOfOneRun) {
  list();
  observer_.observed().readiness[id_] = {.ready = true};
  observer_.hint();
  step();
  executor_.run();
  step();
  EXPECT_TRUE(observer_.observed().readiness.contains(id_));
  // podman restart, by hand, between two lists
  runtime_.end(id_, 0);
  now_ += seconds(5);
  runtime_.start_by_hand(id_);
  observer_.hint();
  step();
  executor_.run();
  step();
  EXPECT_FALSE(observer_.observed().readiness.contains(id_));
}

TEST_F(ObserverTest, AFailingListIsSaidOnceAndAskedFurtherApart) {
  runtime_.faults = [](const auto&) { return FakeRuntime::Fault{base::unavailable("away")}; };
  step();
  executor_.run();
  EXPECT_TRUE(step());
  EXPECT_TRUE(observer_.observed().runtime_error);
  for (int i = 0; i < 10; ++i) {
    now_ = *observer_.wake_at();
    step();
    executor_.run();
    EXPECT_FALSE(step()) << "no news";
  }
  EXPECT_GE(now_ - at(0), seconds(60));
  EXPECT_LE(*observer_.wake_at() - now_, seconds(36));
}

// A pause after a failure may be longer than the interval: that is no clock that has stepped back.
TEST_F(ObserverTest, AFailingListIsAskedFurtherApartThanAShortInterval) {
  runtime_.faults = [](const auto&) { return FakeRuntime::Fault{base::unavailable("away")}; };
  Observer hasty(runtime_, executor_, seconds(5));
  for (int i = 0; i < 10; ++i) {
    hasty.start(now_, {});
    executor_.run();
    hasty.take(now_);
    hasty.start(now_, {});
    ASSERT_EQ(executor_.waiting(), 0u) << "at once, after " << i;
    now_ = *hasty.wake_at();
  }
  EXPECT_GE(now_ - at(0), seconds(60));
}

// ---------------------------------------------------------------- poller

class PollingTest : public testing::Test {
 protected:
  Poller make() { return Poller(source_, executor_, seconds(30), "rift", {}); }
  test::Executor executor_;
  test::Source source_;
};

TEST_F(PollingTest, AsksAtOnceThenEveryIntervalWithJitter) {
  Poller poller = make();
  EXPECT_FALSE(poller.step(at(0)));
  executor_.run();
  ASSERT_TRUE(poller.step(at(0)));
  EXPECT_GE(*poller.wake_at(), at(30));
  EXPECT_LE(*poller.wake_at(), at(36));
  poller.step(at(29));
  EXPECT_EQ(executor_.waiting(), 0u);
  poller.step(at(36));
  EXPECT_EQ(executor_.waiting(), 1u);
  EXPECT_FALSE(poller.wake_at()) << "not while it asks";
}

TEST_F(PollingTest, BacksOffWhileTheRemoteDoesNotAnswer) {
  Poller poller = make();
  for (int i = 0; i < 20; ++i) source_.answers.emplace_back(base::unavailable("away"));
  base::TimePoint now = at(0);
  base::Millis last(0);
  for (int i = 0; i < 20; ++i) {
    poller.step(now);
    executor_.run();
    ASSERT_TRUE(poller.step(now)->error);
    last = *poller.wake_at() - now;
    EXPECT_LE(last, std::chrono::minutes(6));
    now = *poller.wake_at();
  }
  EXPECT_GE(last, std::chrono::minutes(5));
  EXPECT_TRUE(poller.state().last_error);
  EXPECT_FALSE(poller.state().last_fetch);
  poller.step(now);
  executor_.run();
  poller.step(now);
  EXPECT_FALSE(poller.state().last_error);
  EXPECT_EQ(poller.state().last_fetch, now);
}

TEST_F(PollingTest, ARequestIsDoneWhenAPollThatBeganAfterItIsPlanned) {
  Poller poller = make();
  poller.step(at(0));
  executor_.work();
  const int64_t id = poller.request(false);  // the poll under way may have missed it
  executor_.answer();
  poller.step(at(0));
  poller.planned();
  EXPECT_LT(poller.state().syncs_done, id);
  EXPECT_EQ(executor_.waiting(), 1u);
  executor_.run();
  poller.step(at(0));
  EXPECT_LT(poller.state().syncs_done, id);
  poller.planned();
  EXPECT_EQ(poller.state().syncs_done, id);
}

// ---------------------------------------------------------------- probe board

class ProbeBoardTest : public testing::Test {
 protected:
  ProbeBoardTest() : board_(prober_, executor_) {
    probe_.container = id_;
    probe_.health.check = crds::TcpCheck{};
    probe_.health.retries = 3;
    probe_.health.interval = seconds(2);
  }
  // One attempt, now. Whether it matters.
  bool attempt(std::optional<base::Error> error) {
    prober_.error = std::move(error);
    board_.step(now_, readiness_);
    EXPECT_EQ(executor_.waiting(), 1u);
    executor_.run();
    const bool changed = board_.step(now_, readiness_);
    if (board_.wake_at()) now_ = *board_.wake_at();
    return changed;
  }

  const ContainerId id_{"c"};
  base::TimePoint now_ = at(0);
  reconciler::Probe probe_;
  test::Prober prober_;
  test::Executor executor_;
  ProbeBoard board_;
  std::map<ContainerId, reconciler::Readiness> readiness_;
};

const base::Error kSilent = base::unavailable("no answer");

TEST_F(ProbeBoardTest, AsksFastAtFirstAndThenEveryInterval) {
  board_.want({probe_}, now_);
  std::vector<int64_t> pauses;
  for (int i = 0; i < 8; ++i) {
    const base::TimePoint before = now_;
    attempt(kSilent);
    pauses.push_back((now_ - before).count());
  }
  EXPECT_THAT(pauses, testing::ElementsAre(100, 200, 400, 800, 1600, 2000, 2000, 2000));
  const base::TimePoint before = now_;
  EXPECT_TRUE(attempt(std::nullopt));
  EXPECT_EQ(now_ - before, seconds(2));
}

TEST_F(ProbeBoardTest, OneFailureOfWhatWasReadySaysLittle) {
  board_.want({probe_}, now_);
  EXPECT_TRUE(attempt(std::nullopt));
  EXPECT_FALSE(attempt(kSilent));
  EXPECT_FALSE(attempt(kSilent));
  EXPECT_TRUE(readiness_.at(id_).ready);
  EXPECT_TRUE(attempt(kSilent));
  EXPECT_FALSE(readiness_.at(id_).ready);
  EXPECT_FALSE(attempt(kSilent)) << "no news";
  EXPECT_TRUE(attempt(std::nullopt));
  EXPECT_TRUE(readiness_.at(id_).ready);
  EXPECT_EQ(readiness_.at(id_).failures_in_row, 0);
}

TEST_F(ProbeBoardTest, PodmanAwayIsNoFailureOfACommand) {
  probe_.health.check = crds::CmdCheck{{"true"}};
  board_.want({probe_}, now_);
  EXPECT_TRUE(attempt(std::nullopt));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(attempt(base::unavailable("cannot reach podman")));
  EXPECT_TRUE(readiness_.at(id_).ready);
  const base::Error failed = base::make_error(base::Code::kInternal, "exit code 1");
  attempt(failed), attempt(failed);
  EXPECT_TRUE(attempt(failed));
  EXPECT_FALSE(readiness_.at(id_).ready);
}

TEST_F(ProbeBoardTest, ManyThatHangTakeTurnsAndLeaveRoomForOthers) {
  std::vector<reconciler::Probe> probes;
  for (int i = 0; i < 20; ++i) {
    probes.push_back(probe_);
    probes.back().container = ContainerId("c" + std::to_string(i));
  }
  board_.want(probes, now_);
  board_.step(now_, readiness_);
  EXPECT_EQ(executor_.waiting(), 8u);
  EXPECT_FALSE(board_.wake_at()) << "the end of one is what it waits for";
  for (int i = 0; i < 20; ++i) {
    now_ += seconds(3);  // the first are due again, and have to wait for the last
    executor_.run();
    board_.step(now_, readiness_);
    EXPECT_EQ(executor_.waiting(), 8u);
  }
  EXPECT_EQ(readiness_.size(), 20u);
}

TEST_F(ProbeBoardTest, AnAnswerForAnotherRunIsDropped) {
  board_.want({probe_}, now_);
  board_.step(now_, readiness_);
  executor_.work();
  probe_.started_at = at(5);
  board_.want({probe_}, now_);
  executor_.answer();
  board_.step(now_, readiness_);
  EXPECT_FALSE(readiness_.contains(id_));
  EXPECT_EQ(executor_.waiting(), 1u) << "the new run is asked";
}

TEST_F(ProbeBoardTest, WhatIsNotWantedEnds) {
  board_.want({probe_}, now_);
  board_.want({}, now_);
  EXPECT_FALSE(board_.wake_at());
  board_.step(now_, readiness_);
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(ProbeBoardTest, AClockThatStepsBackDoesNotEndTheAsking) {
  now_ = at(7200);
  board_.want({probe_}, now_);
  attempt(std::nullopt);
  now_ = at(0);
  attempt(std::nullopt);
}

// ---------------------------------------------------------------- journal

class JournalTest : public testing::Test {
 protected:
  JournalTest() : journal_(store_, [this](const auto& event) { told_.push_back(event.reason); }) {
    EXPECT_TRUE(journal_.load());
    desired_.node = reconciler::NodeName("rift");
    desired_.revision = test::snapshot(1, {}).revision;
  }
  static reconciler::Condition ready(reconciler::Status status, const std::string& reason) {
    return {"Ready", status, reason, "why", at(0)};
  }
  void set(const std::string& reason, int revision = 0) {
    reconciler::ServiceMemory& web = memory_.services[crds::ServiceName("web")];
    const bool good = reason == "ReconciliationSucceeded";
    web.conditions = {ready(good ? reconciler::Status::kTrue : reconciler::Status::kFalse, reason)};
    if (revision != 0) web.ready_revision = test::snapshot(revision, {}).revision;
  }
  void save(double seconds) { journal_.save(desired_, memory_, at(seconds)); }
  size_t rollouts() {
    size_t count = 0;
    for (const auto& transaction : store_.commits) count += transaction.rollouts.size();
    return count;
  }

  test::Store store_;
  std::vector<std::string> told_;
  Journal journal_;
  reconciler::Desired desired_;
  reconciler::Memory memory_;
};

TEST_F(JournalTest, WritesWhatChangedAndOnlyThat) {
  save(0);
  ASSERT_EQ(store_.commits.size(), 1u);
  EXPECT_TRUE(store_.commits[0].desired);
  save(1);
  EXPECT_EQ(store_.commits.size(), 1u);
  set("Progressing");
  save(2);
  ASSERT_EQ(store_.commits.size(), 2u);
  EXPECT_FALSE(store_.commits[1].desired);
  EXPECT_EQ(store_.commits[1].services.size(), 1u);
  EXPECT_EQ(store_.commits[1].events.size(), 1u);
  memory_.services.clear();
  save(3);
  EXPECT_EQ(store_.commits.back().forgotten_services.size(), 1u);
}

TEST_F(JournalTest, AFailedWriteIsDoneLater) {
  save(0);
  store_.full = true;
  set("Progressing");
  save(1);
  EXPECT_TRUE(journal_.error());
  set("ReconciliationSucceeded", 1);
  store_.full = false;
  save(1.1);
  EXPECT_TRUE(journal_.error()) << "not before its pause is over";
  save(base::Millis(*journal_.wake_at() - at(0)).count() / 1000.0);
  EXPECT_FALSE(journal_.error());
  EXPECT_FALSE(journal_.wake_at());
  EXPECT_EQ(store_.commits.back().events.size(), 2u) << "with what happened meanwhile";
  EXPECT_EQ(store_.commits.back().rollouts.size(), 1u);
  EXPECT_THAT(told_, testing::ElementsAre("Progressing", "ReconciliationSucceeded"));
}

TEST_F(JournalTest, EventsInHandAreBounded) {
  store_.full = true;
  for (int i = 0; i < 30'000; ++i) {
    set(i % 2 == 0 ? "Progressing" : "RolloutFailed");
    save(0);
  }
  store_.full = false;
  save(3600);
  ASSERT_EQ(store_.commits.size(), 1u);
  EXPECT_EQ(store_.commits[0].events.size(), 10'000u);
  EXPECT_LE(store_.commits[0].rollouts.size(), 10'000u);
}

TEST_F(JournalTest, ARevisionFailsOnceInTheHistory) {
  for (int i = 0; i < 5; ++i) {
    set("Progressing");
    save(i);
    set("RolloutFailed");
    save(i + 0.5);
  }
  EXPECT_EQ(rollouts(), 1u);
  set("ReconciliationSucceeded", 2);
  save(10);
  EXPECT_EQ(rollouts(), 2u);
}

TEST_F(JournalTest, ARolloutEndsInAReceiptHoweverItEnds) {
  reconciler::Rollout rollout{.revision = desired_.revision, .replaces = true, .begun = at(10)};
  rollout.started = at(10.4);
  rollout.ready = at(11.2);
  rollout.switched = at(11.3);
  rollout.drained = at(21.3);
  rollout.seen = {.requests = 1234, .failed = 5, .held = 3};
  memory_.components[key("web")].rollout = rollout;
  save(12);
  rollout.finished = at(22);
  memory_.components[key("web")].rollout = rollout;
  save(22);
  const std::string receipt =
      "started after 400ms, ready after 1s200ms, routed after 1s300ms, drained after 11s300ms, "
      "done "
      "after 12s; 1234 requests, 5 failed, 3 held";
  ASSERT_EQ(store_.commits.back().events.size(), 1u);
  EXPECT_EQ(store_.commits.back().events[0].reason, "RolledOut");
  EXPECT_EQ(store_.commits.back().events[0].message, receipt);
  rollout.finished = at(23);
  rollout.error = "5 of 1234 requests failed";
  memory_.components[key("web")].rollout = rollout;
  save(23);
  const reconciler::Event& back = store_.commits.back().events.at(0);
  EXPECT_EQ(back.reason, "RolledBack");
  EXPECT_TRUE(back.warning);
  EXPECT_THAT(back.message, testing::StartsWith("5 of 1234 requests failed; started after 400ms"));
}

TEST_F(JournalTest, AStepIsTold) {
  Step step;
  step.kind = StepKind::kCreate;
  step.key = key("web");
  step.container_name = "web.main";
  step.image = "app:v1";
  step.cause = "new";
  journal_.note(step, {{}, std::nullopt}, at(0));
  journal_.note(step, {base::not_found("no image"), std::nullopt}, at(0));
  journal_.note(step, {base::unavailable("away"), std::nullopt}, at(0));
  EXPECT_THAT(told_, testing::ElementsAre("Created", "ImageMissing", "StepFailed"));
  save(1);
  const auto& events = store_.commits.back().events;
  EXPECT_EQ(events[0].cause, "new");
  EXPECT_FALSE(events[1].warning);
  EXPECT_TRUE(events[2].warning);
}

}  // namespace
}  // namespace agent
