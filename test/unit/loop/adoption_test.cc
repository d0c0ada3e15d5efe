#include "reconciler/adoption.h"

#include <gmock/gmock.h>

#include <utility>

#include "agent/loop/loop.h"
#include "parts.h"
#include "reconciler/normalise.h"

// Containers that others made, in the loop's hands.
namespace agent {
namespace {

using test::at;
using test::key;
using test::service;
using test::snapshot;
using testing::Contains;
using testing::HasSubstr;

constexpr char kOther[] = "docker.io/library/other:1";  // what somebody else's run

class Adoption : public testing::Test {
 protected:
  Adoption() : runtime_([this] { return now_; }) {
    runtime_.add_image("app:v2");
    id_ = runtime_.add_foreign("old");
    make();
    settle();
  }
  void make() {
    loop_.reset();
    executor_ = std::make_unique<test::Executor>();
    loop_ = std::make_unique<Loop>(
        LoopPorts{runtime_, prober_, source_, store_, *executor_, runtime_},
        LoopConfig{.node = reconciler::NodeName("rift"), .on_event = [this](const auto& event) {
                     events_.push_back(event.reason + ": " + event.message);
                   }});
    ASSERT_TRUE(loop_->load());
  }
  void settle() {
    loop_->step(now_);
    while (executor_->waiting() > 0 || (loop_->wake_at() && *loop_->wake_at() <= now_)) {
      if (executor_->waiting() > 0) executor_->run();
      loop_->step(now_);
    }
  }
  void push(const reconciler::Snapshot& what) {
    source_.answers.push_back(what);
    loop_->request_sync(false);
    settle();
  }
  base::Result<> accept() {
    const crds::Service wanted = service("web", kOther);
    reconciler::ComponentDesired component;
    component.spec = reconciler::complete(wanted.components[0], wanted, {});
    component.spec_hash = reconciler::spec_hash(reconciler::container_fields(component.spec, {}));
    const auto adoption =
        reconciler::accept_adoption(key("web"), reconciler::NodeName("rift"), component,
                                    loop_->observed().containers.at(id_), false, {}, now_);
    if (!adoption) return adoption.error();
    return loop_->accept({{key("web"), *adoption}}, now_);
  }
  // As the store has it.
  reconciler::Memory stored() const {
    reconciler::Memory out;
    for (const auto& transaction : store_.commits) {
      for (const auto& [name, memory] : transaction.components) out.components[name] = memory;
      for (const auto& name : transaction.forgotten_components) out.components.erase(name);
    }
    return out;
  }
  bool ours() const {
    const auto found = loop_->observed().containers.find(id_);
    return found != loop_->observed().containers.end() && found->second.owner.has_value();
  }

  base::TimePoint now_ = at(0);
  ::test::FakeRuntime runtime_;
  test::Prober prober_;
  test::Source source_;
  test::Store store_;
  std::unique_ptr<test::Executor> executor_;
  std::unique_ptr<Loop> loop_;
  std::vector<std::string> events_;
  reconciler::ContainerId id_;
};

TEST_F(Adoption, IsWrittenDownBeforeItIsAnswered) {
  ASSERT_TRUE(accept());
  EXPECT_EQ(stored().components.at(key("web")).adopted->container, id_);
  EXPECT_FALSE(ours());
}

TEST_F(Adoption, ThatCannotBeWrittenDownIsNone) {
  store_.full = true;
  EXPECT_EQ(accept().error().code, base::Code::kExhausted);
  store_.full = false;
  EXPECT_FALSE(loop_->memory().components.contains(key("web")));
}

TEST_F(Adoption, BecomesOursWithTheCommitAndIsNotTouched) {
  ASSERT_TRUE(accept());
  const int effects = runtime_.effects();
  push(snapshot(1, {service("web", kOther)}));
  EXPECT_TRUE(ours());
  EXPECT_EQ(runtime_.effects(), effects);
  EXPECT_THAT(events_, Contains(HasSubstr("Adopted: container ")));
  // Lists and inspections do not know it.
  loop_->hint();
  settle();
  EXPECT_TRUE(ours());
  const size_t written = store_.commits.size();
  now_ += std::chrono::minutes(30);
  settle();
  EXPECT_EQ(runtime_.effects(), effects);
  EXPECT_EQ(store_.commits.size(), written);
}

TEST_F(Adoption, OutlivesTheAgent) {
  ASSERT_TRUE(accept());
  push(snapshot(1, {service("web", kOther)}));
  store_.saved = {loop_->desired(), stored()};
  const int effects = runtime_.effects();
  make();
  settle();
  EXPECT_TRUE(ours());
  EXPECT_EQ(runtime_.effects(), effects);
  push(snapshot(2, {}));
  loop_->request_sync(true);
  settle();
  EXPECT_FALSE(runtime_.containers().contains(id_));
}

// The container that it has would be nobody's any more.
TEST_F(Adoption, OfWhatIsDefinedIsRefused) {
  ASSERT_TRUE(accept());
  ASSERT_TRUE(accept());  // the same command again, after a commit that failed
  push(snapshot(1, {service("web", kOther)}));
  const reconciler::ContainerId first = id_;
  id_ = runtime_.add_foreign("another");
  loop_->hint();
  settle();
  EXPECT_EQ(accept().error().code, base::Code::kConflict);
  EXPECT_EQ(loop_->memory().components.at(key("web")).adopted->container, first);
}

// Its removal is under way: with another in its place, it would be a stranger's that is removed.
TEST_F(Adoption, WaitsUntilTheOneBeforeIsGone) {
  ASSERT_TRUE(accept());
  push(snapshot(1, {service("web", kOther)}));
  const reconciler::ContainerId first = std::exchange(id_, runtime_.add_foreign("another"));
  loop_->hint();
  settle();
  source_.answers.push_back(snapshot(2, {service("db", "app:v2")}));
  loop_->request_sync(true);
  loop_->step(now_);
  while (loop_->desired().services.contains(crds::ServiceName("web"))) {
    executor_->run();
    loop_->step(now_);
  }
  ASSERT_TRUE(runtime_.containers().contains(first));
  EXPECT_EQ(accept().error().code, base::Code::kConflict);
  settle();
  EXPECT_FALSE(runtime_.containers().contains(first));
  EXPECT_TRUE(accept());
}

TEST_F(Adoption, IsStartedAgainWhenItEnds) {
  ASSERT_TRUE(accept());
  push(snapshot(1, {service("web", kOther)}));
  runtime_.kill(id_);
  loop_->process_ended(id_);
  settle();
  EXPECT_EQ(runtime_.containers().at(id_).state, reconciler::ContainerState::kRunning);
  EXPECT_TRUE(ours());
}

TEST_F(Adoption, IsForgottenWhenNoCommitComes) {
  ASSERT_TRUE(accept());
  push(snapshot(1, {service("db", "app:v2")}));
  now_ += std::chrono::minutes(11);
  settle();
  EXPECT_THAT(events_, Contains(HasSubstr("AdoptionDropped: container ")));
  EXPECT_FALSE(stored().components.contains(key("web")));
  const auto before = runtime_.containers().at(id_);
  push(snapshot(2, {service("db", "app:v2"), service("web", "app:v2")}));
  push(snapshot(3, {service("db", "app:v2")}));
  EXPECT_FALSE(ours());
  EXPECT_EQ(runtime_.containers().at(id_), before);
}

TEST_F(Adoption, OfAnotherNodeNameIsSomebodyElses) {
  ASSERT_TRUE(accept());
  push(snapshot(1, {service("web", kOther)}));
  reconciler::Desired desired = loop_->desired();
  desired.node = reconciler::NodeName("svc");
  EXPECT_TRUE(reconciler::adopted_containers(desired, loop_->memory()).empty());
}

}  // namespace
}  // namespace agent
