#include <gmock/gmock.h>

#include <future>

#include "test/contract/runtime/world.h"

// What every Runtime keeps, the fake and podman alike.
namespace test {
namespace {

using base::Code;
using base::Millis;
using base::TimePoint;
using reconciler::ContainerId;
using reconciler::ContainerSpec;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using testing::HasSubstr;

constexpr Millis kSoon{2000};
const ContainerId kNobody(std::string(64, '0'));

struct Candidate {
  const char* name;
  base::Result<std::unique_ptr<World>> (*make)();
};

void PrintTo(const Candidate& candidate, std::ostream* out) {
  *out << candidate.name;
}

const Candidate kCandidates[] = {
    {"fake", [] { return base::Result<std::unique_ptr<World>>(make_fake_world()); }},
    {"rootful_podman", [] { return make_podman_world(false); }},
    {"rootless_podman", [] { return make_podman_world(true); }},
};

class RuntimeContract : public testing::TestWithParam<Candidate> {
 protected:
  // One world for all tests of a kind: a podman takes a second to make.
  static inline std::map<std::string, base::Result<std::unique_ptr<World>>> worlds_;
  static void TearDownTestSuite() { worlds_.clear(); }

  void SetUp() override {
    const std::string name = GetParam().name;
    if (!worlds_.contains(name)) worlds_.emplace(name, GetParam().make());
    const auto& world = worlds_.at(name);
    if (!world) GTEST_SKIP() << "SKIPPED: " << name << ": " << world.error().text();
    world_ = world->get();
    world_->clear();
  }
  void TearDown() override {
    if (world_) world_->clear();
  }

  reconciler::Runtime& runtime() { return world_->runtime(); }
  ContainerId create(const ContainerSpec& spec) {
    const auto id = runtime().create(spec);
    EXPECT_TRUE(id) << id.error().text();
    return id ? *id : ContainerId();
  }
  ObservedContainer start(const ContainerId& id) {
    const auto started = runtime().start(id);
    EXPECT_TRUE(started) << started.error().text();
    return started ? *started : ObservedContainer();
  }
  ObservedContainer look(const ContainerId& id) {
    const auto found = runtime().inspect(id);
    EXPECT_TRUE(found) << found.error().text();
    // Whichever way it is asked for, it is the same.
    const auto all = runtime().list();
    EXPECT_TRUE(all) << all.error().text();
    if (found && all) {
      EXPECT_THAT(*all, testing::Contains(*found));
    }
    return found ? *found : ObservedContainer();
  }

  World* world_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(All, RuntimeContract, testing::ValuesIn(kCandidates),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(RuntimeContract, AContainerLivesFromCreateToRemove) {
  const ContainerSpec spec = sleeper(world_->image());
  EXPECT_TRUE(runtime().list()->empty());
  const ContainerId id = create(spec);
  EXPECT_EQ(id.str().size(), 64u);

  const ObservedContainer made = look(id);
  EXPECT_EQ(made.id, id);
  EXPECT_EQ(made.name, spec.name);
  EXPECT_EQ(made.state, ContainerState::kCreated);
  EXPECT_EQ(made.owner, spec.owner);
  EXPECT_EQ(made.image, spec.component.image);
  EXPECT_EQ(made.started_at, TimePoint());
  EXPECT_EQ(made.exited_at, TimePoint());
  EXPECT_EQ(made.pid, 0);

  const ObservedContainer running = start(id);
  EXPECT_EQ(running.state, ContainerState::kRunning);
  EXPECT_GT(running.started_at, TimePoint());
  EXPECT_GT(running.pid, 0);
  ASSERT_EQ(runtime().list()->size(), 1u);
  EXPECT_EQ(runtime().list()->front(), running);

  ASSERT_TRUE(runtime().stop(id, kSoon));
  const ObservedContainer stopped = look(id);
  EXPECT_EQ(stopped.state, ContainerState::kExited);
  EXPECT_GE(stopped.exited_at, stopped.started_at);
  EXPECT_EQ(stopped.started_at, running.started_at);
  EXPECT_EQ(stopped.pid, 0);

  const ObservedContainer again = start(id);
  EXPECT_EQ(again.state, ContainerState::kRunning);
  EXPECT_EQ(again, look(id));
  ASSERT_TRUE(runtime().stop(id, kSoon));
  ASSERT_TRUE(runtime().remove(id));
  EXPECT_TRUE(runtime().list()->empty());
}

TEST_P(RuntimeContract, EveryStepCanBeRepeated) {
  const ContainerSpec spec = sleeper(world_->image());
  const ContainerId id = create(spec);
  EXPECT_EQ(create(spec), id);
  const ObservedContainer first = start(id);
  EXPECT_EQ(start(id), first);
  EXPECT_EQ(create(spec), id);
  EXPECT_TRUE(runtime().stop(id, kSoon));
  EXPECT_TRUE(runtime().stop(id, kSoon));
  EXPECT_TRUE(runtime().remove(id));
  EXPECT_TRUE(runtime().remove(id));
  EXPECT_TRUE(runtime().stop(id, kSoon));
  EXPECT_TRUE(runtime().pull(world_->image()));
}

TEST_P(RuntimeContract, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(runtime().inspect(kNobody).error().code, Code::kNotFound);
  EXPECT_EQ(runtime().start(kNobody).error().code, Code::kNotFound);
  EXPECT_TRUE(runtime().stop(kNobody, kSoon));
  EXPECT_TRUE(runtime().remove(kNobody));
  EXPECT_EQ(runtime().create(sleeper("localhost/none:v9")).error().code, Code::kNotFound);
  EXPECT_TRUE(runtime().list()->empty());
}

TEST_P(RuntimeContract, ATakenNameIsAConflictUnlessItIsTheSame) {
  ContainerSpec spec = sleeper(world_->image());
  const ContainerId id = create(spec);
  spec.owner.revision = reconciler::Revision(std::string(40, 'b'));
  EXPECT_EQ(create(spec), id);

  ContainerSpec other = spec;
  other.owner.spec_hash = "different";
  EXPECT_EQ(runtime().create(other).error().code, Code::kConflict);
  other = spec;
  other.owner.leases[""] = 30000;
  EXPECT_EQ(runtime().create(other).error().code, Code::kConflict);
  EXPECT_EQ(runtime().list()->size(), 1u);

  world_->add_foreign("mail.api");
  const auto refused = runtime().create(sleeper(world_->image(), "mail"));
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("mail.api"));
  // A name that only begins like it is another.
  EXPECT_TRUE(runtime().create(sleeper(world_->image(), "mai")));
}

TEST_P(RuntimeContract, ForeignContainersAreShownWithoutAnOwner) {
  const ContainerId id = world_->add_foreign("other");
  const auto all = runtime().list();
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().id, id);
  EXPECT_EQ(all->front().name, "other");
  EXPECT_EQ(all->front().owner, std::nullopt);
  EXPECT_EQ(all->front().state, ContainerState::kRunning);
}

TEST_P(RuntimeContract, PublishedPortsAreSeenAndGuarded) {
  ContainerSpec spec = sleeper(world_->image());
  spec.ports = {{"", 28410, 79, "tcp"},
                {"127.0.0.1", 28411, 80, "tcp"},
                {"127.0.0.1", 28412, 81, "tcp"},
                {"127.0.0.1", 28413, 82, "udp"}};
  const ContainerId id = create(spec);
  EXPECT_EQ(start(id).ports, spec.ports);
  look(id);

  ContainerSpec rival = sleeper(world_->image(), "rival");
  rival.ports = {{"127.0.0.1", 28411, 80, "tcp"}};
  const ContainerId rival_id = create(rival);
  EXPECT_EQ(runtime().start(rival_id).error().code, Code::kConflict);
  EXPECT_NE(look(rival_id).state, ContainerState::kRunning);
  ASSERT_TRUE(runtime().stop(id, kSoon));
  EXPECT_EQ(start(rival_id).state, ContainerState::kRunning);

  world_->occupy_port(28414);
  ContainerSpec late = sleeper(world_->image(), "late");
  late.ports = {{"127.0.0.1", 28414, 80, "tcp"}};
  const ContainerId late_id = create(late);
  const auto refused = runtime().start(late_id);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  world_->free_port(28414);
  EXPECT_EQ(start(late_id).state, ContainerState::kRunning);
}

TEST_P(RuntimeContract, AnEndLeavesItsCodeAndTime) {
  const ObservedContainer ended = world_->run_to_end(sleeper(world_->image()), 7);
  EXPECT_EQ(ended.state, ContainerState::kExited);
  EXPECT_EQ(ended.exit_code, 7);
  EXPECT_GT(ended.started_at, TimePoint());
  EXPECT_GE(ended.exited_at, ended.started_at);
  EXPECT_EQ(ended.pid, 0);
}

TEST_P(RuntimeContract, AKilledOneStaysDownUntilItIsStarted) {
  const ContainerId id = create(sleeper(world_->image()));
  const ObservedContainer first = start(id);
  world_->kill(id);
  const ObservedContainer dead = wait_until(runtime(), id, [](const ObservedContainer& now) {
    return now.state == ContainerState::kExited;
  });
  EXPECT_EQ(dead.exit_code, 137);
  const ObservedContainer again = start(id);
  EXPECT_EQ(again.state, ContainerState::kRunning);
  EXPECT_NE(again.pid, first.pid);
}

// Whatever podman has still to do after the end of the first run.
TEST_P(RuntimeContract, AKilledOneAnswersOnItsPortAgain) {
  for (const std::string network : {"", "healnet"}) {
    world_->clear();
    ContainerSpec spec = web_server(world_->image(), 28415);
    spec.component.network = network;
    const ContainerId id = create(spec);
    start(id);
    EXPECT_TRUE(world_->answers(28415)) << network;
    for (int round = 0; round < 3; ++round) {
      world_->kill(id);
      wait_until(runtime(), id,
                 [](const ObservedContainer& now) { return now.state == ContainerState::kExited; });
      start(id);
      EXPECT_TRUE(world_->answers(28415)) << network << ", round " << round;
    }
  }
}

TEST_P(RuntimeContract, StartResumesAPausedOneAndStopEndsIt) {
  const ContainerId id = create(sleeper(world_->image()));
  const ObservedContainer first = start(id);
  world_->pause(id);
  if (look(id).state != ContainerState::kPaused)
    GTEST_SKIP() << "SKIPPED: " << GetParam().name << ": cannot pause (no freezer cgroup here)";
  const ObservedContainer resumed = start(id);
  EXPECT_EQ(resumed.state, ContainerState::kRunning);
  EXPECT_EQ(resumed.pid, first.pid);

  world_->pause(id);
  ASSERT_TRUE(runtime().stop(id, kSoon));
  EXPECT_EQ(look(id).state, ContainerState::kExited);
  start(id);
  world_->pause(id);
  ASSERT_TRUE(runtime().remove(id));
  EXPECT_TRUE(runtime().list()->empty());
}

TEST_P(RuntimeContract, ARunningOneCanBeRemoved) {
  const ContainerId id = create(sleeper(world_->image()));
  start(id);
  ASSERT_TRUE(runtime().remove(id));
  EXPECT_TRUE(runtime().list()->empty());
}

TEST_P(RuntimeContract, AFailedPullSaysWhatToMend) {
  // Podman tries each again for seconds before it gives up: all at once. The fake has one thread.
  const auto policy =
      GetParam().name == kCandidates[0].name ? std::launch::deferred : std::launch::async;
  const auto pull = [&](const std::string& image) {
    return std::async(policy, [this, image] { return runtime().pull(image); });
  };
  auto first = pull(world_->unreachable_image());
  auto second = pull(world_->closed_image());
  auto third = pull(world_->missing_image());
  const auto unreachable = first.get();
  const auto closed = second.get();
  const auto missing = third.get();
  ASSERT_TRUE(!unreachable && !closed && !missing);
  EXPECT_EQ(unreachable.error().code, Code::kUnavailable) << unreachable.error().text();
  EXPECT_EQ(closed.error().code, Code::kUnauthenticated) << closed.error().text();
  EXPECT_THAT(closed.error().hint, HasSubstr("podman login"));
  EXPECT_EQ(missing.error().code, Code::kNotFound) << missing.error().text();
  EXPECT_THAT(missing.error().message, HasSubstr(world_->missing_image()));
}

}  // namespace
}  // namespace test
