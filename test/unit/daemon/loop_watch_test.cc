#include "agent/daemon/loop_watch.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <filesystem>

#include "test/support/temp_dir.h"

namespace agent {
namespace {

using testing::ElementsAre;

// A loop that moves when the test says so, and one that is told.
struct World {
  std::mutex mutex;
  std::condition_variable changed;
  bool moves = true;
  uint64_t steps = 0;
  std::set<std::string> reachable = {"ops"};
  int tellings = 0;
  std::optional<std::pair<Alert, LoopWatch::Told>> handed_over;

  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), condition);
  }
  template <class Change>
  void set(Change change) {
    const std::lock_guard lock(mutex);
    change();
  }
};

LoopWatch::Options options(World& world, const std::string& note) {
  LoopWatch::Options out;
  out.node = "rift";
  out.tick = base::Millis(5);
  out.stuck_after = base::Millis(50);
  out.again = base::Millis(20);
  out.note = note;
  out.steps = [&world] {
    const std::lock_guard lock(world.mutex);
    world.changed.notify_all();
    return world.moves ? ++world.steps : world.steps;
  };
  out.tell = [&world](const Alert&, const LoopWatch::Told& but) {
    const std::lock_guard lock(world.mutex);
    ++world.tellings;
    world.changed.notify_all();
    LoopWatch::Told told = but;
    told.insert(world.reachable.begin(), world.reachable.end());
    return told;
  };
  out.hand_over = [&world](const Alert& alert, const LoopWatch::Told& told) {
    const std::lock_guard lock(world.mutex);
    world.handed_over = {alert, told};
    world.changed.notify_all();
  };
  return out;
}

TEST(LoopWatch, TellsOfALoopThatIsStuckAndHandsOverItsEnd) {
  const test::TempDir folder;
  const std::string note = folder / "note";
  World world;
  LoopWatch watch(options(world, note));
  world.set([&] { world.moves = false; });
  // Again, for those who could not be reached.
  ASSERT_TRUE(world.wait([&] { return world.tellings == 1; }));
  world.set([&] { world.reachable.insert("pager"); });
  ASSERT_TRUE(world.wait([&] { return world.tellings >= 3; }));
  const auto words = LoopWatch::last_words(note, "rift");
  ASSERT_TRUE(words) << "a kill now must not leave an alert that never ends";
  EXPECT_EQ(words->first.name, "AgentStuck");
  EXPECT_EQ(words->first.severity, Severity::kCritical);
  world.set([&] { world.moves = true; });
  ASSERT_TRUE(world.wait([&] { return world.handed_over.has_value(); }));
  EXPECT_EQ(world.handed_over->first, words->first);
  EXPECT_THAT(world.handed_over->second, ElementsAre("ops", "pager"));
  LoopWatch::forget(note);
  EXPECT_FALSE(LoopWatch::last_words(note, "rift"));
}

TEST(LoopWatch, SaysNothingOfALoopThatMoves) {
  const test::TempDir folder;
  World world;
  {
    LoopWatch watch(options(world, folder / "note"));
    ASSERT_TRUE(world.wait([&] { return world.steps > 30; }));
  }
  EXPECT_EQ(world.tellings, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "note"));
}

}  // namespace
}  // namespace agent
