#include "agent/loop/poller.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr base::TimePoint kStart{hours(1000)};

class CountingSource : public reconciler::Source {
 public:
  base::Result<std::optional<reconciler::Snapshot>> poll() override {
    ++polls;
    return std::nullopt;
  }
  int polls = 0;
};

// Does what it is given at once; the results wait for deliver().
class Executor : public reconciler::Executor {
 public:
  void submit(std::function<void()> work, std::function<void()> done) override {
    work();
    done_.push_back(std::move(done));
  }
  void deliver() {
    for (const auto& done : std::exchange(done_, {})) done();
  }

 private:
  std::vector<std::function<void()>> done_;
};

struct PollerTest : testing::Test {
  // Steps at `now`, and again with what came back.
  void run(Poller& poller, base::TimePoint now) {
    poller.step(now);
    executor.deliver();
    poller.step(now);
  }

  CountingSource source;
  Executor executor;
};

TEST_F(PollerTest, AnIntervalLongerThanAnyBackOffIsKept) {
  for (const base::Millis interval : {base::Millis(seconds(30)), base::Millis(hours(24))}) {
    source.polls = 0;
    Poller poller(source, executor, interval, "node", {});
    run(poller, kStart);
    EXPECT_EQ(source.polls, 1);
    run(poller, kStart + seconds(1));
    EXPECT_EQ(source.polls, 1) << "asked again after a second of " << base::to_duration(interval);
    ASSERT_TRUE(poller.wake_at());
    run(poller, *poller.wake_at());
    EXPECT_EQ(source.polls, 2);
  }
}

TEST_F(PollerTest, AClockThatStepsBackPutsNothingOff) {
  Poller poller(source, executor, seconds(30), "node", {});
  run(poller, kStart);
  run(poller, kStart - hours(3));
  EXPECT_EQ(source.polls, 2);
}

}  // namespace
}  // namespace agent
