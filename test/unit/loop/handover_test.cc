// Two nodes that share git and nothing else: two production loops, with whatever they can see of
// each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "parts.h"
#include "reconciler/placement.h"

namespace agent {
namespace {

using reconciler::ContainerState;
using reconciler::NodeName;
using reconciler::PeerAnswer;
using test::at;
using ::test::FakeRuntime;

struct World;

// The registry: what commit() took survives the agent.
class Registry : public reconciler::Store {
 public:
  base::Result<Saved> load() override { return saved_; }
  base::Result<> commit(const reconciler::Transaction& transaction) override {
    if (transaction.desired) saved_.desired = transaction.desired;
    for (const auto& [key, memory] : transaction.components) saved_.memory.components[key] = memory;
    for (const auto& key : transaction.forgotten_components) saved_.memory.components.erase(key);
    for (const auto& [name, memory] : transaction.services) saved_.memory.services[name] = memory;
    for (const auto& name : transaction.forgotten_services) saved_.memory.services.erase(name);
    if (transaction.node)
      std::tie(saved_.memory.conditions, saved_.memory.ready_revision) = *transaction.node;
    return {};
  }

 private:
  Saved saved_;
};

// What one node can find out about the other: what runs there, when it can be reached.
class Window : public reconciler::Peers {
 public:
  explicit Window(World& world) : world_(world) {}
  PeerAnswer ask(const reconciler::PeerQuestion& question) override;

 private:
  World& world_;
};

class Machine {
 public:
  Machine(const std::string& name, World& world, const base::TimePoint& now)
      : name_(name), now_(now), runtime_([&now] { return now; }), window_(world) {
    for (const char* image : {"app:v1", "app:v2"}) runtime_.add_image(image);
    boot();
  }
  void boot() {
    executor_ = test::Executor();
    if (head_) push(*head_);
    loop_ = std::make_unique<Loop>(LoopPorts{runtime_, prober_, source_, store_, executor_,
                                             runtime_, nullptr, nullptr, &window_},
                                   LoopConfig{.node = NodeName(name_)});
    EXPECT_TRUE(loop_->load());
  }
  void push(const reconciler::Snapshot& snapshot) {
    head_ = snapshot;
    source_.answers.clear();
    source_.answers.emplace_back(snapshot);
    if (up && loop_) loop_->request_sync(false);
  }
  // At most one piece of work.
  void act() {
    if (!up) return;
    loop_->step(now_);
    if (executor_.waiting() == 0) return;
    executor_.run();
    loop_->step(now_);
  }
  bool busy() const {
    return up && (executor_.waiting() > 0 || (loop_->wake_at() && *loop_->wake_at() <= now_));
  }
  bool serves(const std::string& service) const {
    const auto* one = runtime_.find(service + ".main");
    const auto* two = runtime_.find(service + ".main.2");
    return (one != nullptr && one->state == ContainerState::kRunning) ||
           (two != nullptr && two->state == ContainerState::kRunning);
  }
  size_t containers() const { return runtime_.containers().size(); }
  std::string reason(const std::string& name) const {
    const auto found = loop_->memory().services.find(crds::ServiceName(name));
    return found == loop_->memory().services.end() ? "" : found->second.conditions.front().reason;
  }
  Loop& loop() { return *loop_; }
  bool up = true;

 private:
  const std::string name_;
  const base::TimePoint& now_;
  FakeRuntime runtime_;
  test::Executor executor_;
  test::Source source_;
  Registry store_;
  test::Prober prober_;
  std::optional<reconciler::Snapshot> head_;  // that a new process finds first
  Window window_;
  std::unique_ptr<Loop> loop_;
};

struct World {
  World() : a("a", *this, now), b("b", *this, now) {
    wish = test::service("web");
    wish.components.front().routes = {{.name = "", .port = 8443, .hostname = "web.test"}};
  }

  reconciler::Snapshot commit(const std::string& node) {
    wish.node = NodeName(node);
    reconciler::Snapshot out = test::snapshot(++commits, {wish});
    std::map<NodeName, crds::Node> nodes;
    for (const std::string name : {"a", "b"}) {
      crds::Node one;
      one.name = NodeName(name);
      one.address = "192.0.2.1";
      out.tree.nodes[one.name] = {one, {}};
      nodes.emplace(one.name, one);
    }
    reconciler::follow_data(data, wish, nodes);
    for (const auto& [name, place] : data) out.data_nodes.emplace(name, place.node);
    return out;
  }
  void push(const std::string& node) {
    const auto snapshot = commit(node);
    a.push(snapshot);
    b.push(snapshot);
  }
  void settle() {
    do {
      a.act();
      b.act();
    } while (a.busy() || b.busy());
  }
  void live(base::Millis time) {
    for (const auto end = now + time; now < end; now += std::chrono::seconds(1)) settle();
  }
  std::string serving() const {
    return std::string(a.serves("web") ? "a" : "") + (b.serves("web") ? "b" : "");
  }

  base::TimePoint now = at(0);
  crds::Service wish;
  reconciler::DataPlaces data;
  int commits = 0;
  bool sight = true;  // one can see the other
  Machine a, b;
};

PeerAnswer Window::ask(const reconciler::PeerQuestion& question) {
  PeerAnswer answer{.node = question.handover.to};
  const Machine& there = question.handover.to == NodeName("a") ? world_.a : world_.b;
  if (!world_.sight || question.handover.names.empty()) return answer;
  const bool serves = there.serves(question.service.str());
  answer.state = serves ? PeerAnswer::State::kReady : PeerAnswer::State::kNotReady;
  answer.message = serves ? "" : "no answer";
  return answer;
}

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Handover, TheOldNodeLetsGoWhenTheNewOneServes) {
  World world;
  world.push("a");
  world.live(seconds(10));
  ASSERT_EQ(world.serving(), "a");
  world.b.up = false;
  world.push("b");
  world.live(minutes(30));
  EXPECT_EQ(world.serving(), "a") << "the new node is down";
  EXPECT_EQ(world.a.reason("web"), "HandingOver");
  world.a.boot();
  world.live(minutes(1));
  EXPECT_EQ(world.serving(), "a") << "and the old one's agent was started anew";
  world.b.up = true;
  world.live(minutes(2));
  EXPECT_EQ(world.serving(), "b");
  EXPECT_EQ(world.a.containers(), 0u);
  EXPECT_EQ(world.a.reason("web"), "");
  EXPECT_TRUE(world.a.loop().desired().services.empty());
  EXPECT_TRUE(world.a.loop().desired().handovers.empty());
}

TEST(Handover, WhereNothingTellsItIsBounded) {
  World world;
  world.wish.components.front().routes.clear();
  world.push("a");
  world.live(seconds(10));
  world.push("b");
  world.live(minutes(4));
  EXPECT_EQ(world.serving(), "ab");
  world.live(minutes(2));
  EXPECT_EQ(world.serving(), "b");
  EXPECT_EQ(world.a.containers(), 0u);
}

TEST(Handover, TheOperatorsWordEndsIt) {
  World world;
  world.push("a");
  world.live(seconds(10));
  world.b.up = false;
  world.push("b");
  world.live(minutes(1));
  world.a.loop().request_sync(true);
  world.live(minutes(1));
  EXPECT_EQ(world.serving(), "");
}

TEST(Handover, DataIsNeverServedTwiceNorLeftForNothing) {
  World world;
  world.wish.components.front().volumes = {{"/srv/web", "/data", {}}};
  world.push("a");
  world.live(seconds(10));
  world.push("b");
  world.live(minutes(30));
  EXPECT_EQ(world.serving(), "a");
  EXPECT_EQ(world.b.reason("web"), "WaitingForData");
  world.b.boot();
  world.wish.active = false;
  world.push("b");
  world.live(minutes(1));
  EXPECT_EQ(world.serving(), "");
  world.wish.active = true;
  world.wish.restarted_at = at(5000);
  world.push("b");
  world.live(minutes(1));
  EXPECT_EQ(world.serving(), "b");
  EXPECT_EQ(world.a.containers(), 0u);
}

// A service without data is handed to and fro, while agents die and are away. It is served at every
// moment after it was first, and at the end by one node alone.
TEST(Handover, SurvivesWhateverHappensToTheAgents) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    World world;
    std::mt19937 random(seed);
    const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    world.push("a");
    world.live(seconds(10));
    ASSERT_EQ(world.serving(), "a");
    std::string node = "a";
    for (int i = 0; i < 40; ++i) {
      if (chance(25)) {
        node = node == "a" ? "b" : "a";
        world.push(node);
        world.live(seconds(5));
      }
      Machine& one = chance(50) ? world.a : world.b;
      if (chance(20)) one.boot();
      if (chance(20)) one.up = !one.up;
      world.live(seconds(1 + static_cast<int>(random() % 40)));
      ASSERT_NE(world.serving(), "");
    }
    world.a.up = world.b.up = true;
    world.push(node);
    world.live(minutes(12));
    ASSERT_EQ(world.serving(), node);
    ASSERT_EQ(world.a.containers() + world.b.containers(), 1u);
  }
}

}  // namespace
}  // namespace agent
