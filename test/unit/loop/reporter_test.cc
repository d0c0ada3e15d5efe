#include "agent/loop/reporter.h"

#include <gmock/gmock.h>

#include "parts.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Outbox : public reconciler::Outbox {
 public:
  base::Result<> publish(const std::string& document) override {
    if (error) return *error;
    said.push_back(document);
    return {};
  }
  std::optional<base::Error> error;
  std::vector<std::string> said;
};

class ReporterTest : public testing::Test {
 protected:
  // Steps at `seconds`, and again with what came back.
  std::optional<base::Error> run(double seconds) {
    auto failed = reporter.step(test::at(seconds));
    while (executor.waiting() > 0) {
      executor.run();
      if (auto later = reporter.step(test::at(seconds))) failed = later;
    }
    return failed;
  }

  Outbox outbox;
  test::Executor executor;
  Reporter reporter{&outbox, executor, "rift"};
};

TEST_F(ReporterTest, OnlyNewsIsSaid) {
  run(0);
  EXPECT_THAT(outbox.said, IsEmpty());
  reporter.tell({"progressing", "a"});
  run(1);
  reporter.tell({"progressing", "a, in other words"});
  run(100);
  EXPECT_THAT(outbox.said, ElementsAre("a"));
  EXPECT_FALSE(reporter.wake_at());
  reporter.tell({"ready", "b"});
  run(200);
  EXPECT_THAT(outbox.said, ElementsAre("a", "b"));
}

TEST_F(ReporterTest, ManyChangesAtOnceAreSaidAsTheLastOne) {
  reporter.tell({"1", "1"});
  run(0);
  for (const char* text : {"2", "3", "4"}) {
    reporter.tell({text, text});
    run(0.5);
  }
  EXPECT_THAT(outbox.said, ElementsAre("1"));
  ASSERT_TRUE(reporter.wake_at());
  EXPECT_GT(*reporter.wake_at(), test::at(0.5));
  reporter.step(*reporter.wake_at());
  executor.run();
  EXPECT_THAT(outbox.said, ElementsAre("1", "4"));
  // Changed and changed back: nothing new.
  reporter.tell({"5", "5"});
  reporter.tell({"4", "4"});
  EXPECT_FALSE(run(100));
  EXPECT_EQ(outbox.said.size(), 2u);
}

TEST_F(ReporterTest, AFailureIsTriedAgainFurtherAndFurtherApart) {
  outbox.error = base::unavailable("no route to host");
  reporter.tell({"1", "1"});
  EXPECT_EQ(run(0)->message, "no route to host");
  base::TimePoint last = test::at(0);
  base::Millis pause(0);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(reporter.wake_at());
    const base::TimePoint next = *reporter.wake_at();
    EXPECT_GE(next - last, pause);
    pause = next - last;
    last = next;
    EXPECT_FALSE(reporter.step(next));
    executor.run();
    EXPECT_TRUE(reporter.step(next));
  }
  EXPECT_GT(pause, std::chrono::seconds(10));
  outbox.error.reset();
  reporter.tell({"2", "2"});
  reporter.step(*reporter.wake_at());
  executor.run();
  EXPECT_THAT(outbox.said, ElementsAre("2"));
}

TEST_F(ReporterTest, WithoutAnOutboxNothingHappens) {
  Reporter none(nullptr, executor, "rift");
  none.tell({"1", "1"});
  none.step(test::at(0));
  EXPECT_FALSE(none.wake_at());
  EXPECT_EQ(executor.waiting(), 0u);
}

}  // namespace
}  // namespace agent
