#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "reconciler/placement.h"
#include "reconciler/ports.h"
#include "test/support/fake_runtime.h"

// The parts that the production loop runs against in the simulator. One thread; time is a number;
// every choice comes from one seed.
namespace sim {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t below(uint64_t limit) { return engine_() % limit; }
  bool chance(int percent) { return below(100) < static_cast<uint64_t>(percent); }
  template <class Container>
  auto& pick(Container& container) {
    auto it = container.begin();
    std::advance(it, below(container.size()));
    return *it;
  }

 private:
  std::mt19937_64 engine_;
};

// Slow work, done at simulated times: first its effect, later its answer. A killed agent drops
// both, or keeps the effect and loses the answer.
class Executor : public reconciler::Executor {
 public:
  Executor(Random& random, const base::TimePoint& now) : random_(random), now_(now) {}
  void submit(std::function<void()> work, std::function<void()> done) override;
  // Runs one piece that is due. False: none is.
  bool run_due();
  std::optional<base::TimePoint> next_at() const;
  // The agent is gone: some requests are already on their way.
  void kill();
  // The wall clock went back; what is under way does not take longer for it.
  void step_back(base::Millis by) {
    for (Task& task : tasks_) task.at -= by;
  }
  bool slow = false;  // answers may take up to half a minute

 private:
  struct Task {
    base::TimePoint at;
    std::function<void()> work, done;
    bool worked = false;
  };
  base::Millis latency();
  Random& random_;
  const base::TimePoint& now_;
  std::vector<Task> tasks_;
};

// The registry: what commit() took survives the agent.
class Store : public reconciler::Store {
 public:
  base::Result<Saved> load() override { return saved_; }
  base::Result<> commit(const reconciler::Transaction& transaction) override;
  // Its file is gone, or was set aside.
  void lose() {
    saved_ = {};
    events_.clear();
    lost = true;
    written = false;
    damaged = noticed_ = false;
  }
  // Its file is not one any more, while it is in use: the next commit finds out and begins another,
  // which a full disk puts off.
  void damage() { damaged = true; }
  bool damaged = false;
  // Told then, with how many events are not in it yet.
  std::function<void(size_t in_hand)> on_damage_found = [](size_t) {};
  base::Result<> takes_writes() const;
  bool lost = false;
  bool written = false;  // since it was lost
  bool full = false;
  int commits() const { return commits_; }
  const std::vector<reconciler::Event>& events() const { return events_; }

 private:
  Saved saved_;
  std::vector<reconciler::Event> events_;
  int commits_ = 0;
  bool noticed_ = false;  // it is damaged
};

// A git branch: its head, and whether the server answers. Each agent process has a cursor of its
// own.
class Branch {
 public:
  void push(std::vector<crds::Service> services, std::vector<std::string> broken,
            int approved_removals);
  // A commit in which the folder of the definitions is gone.
  void vanish();
  // A commit whose signature no agent believes: until another one follows, the last one counts.
  void push_unsigned();
  // The last that is to be believed.
  const reconciler::Snapshot& head() const { return head_; }
  // Whether a commit had neither a service nor a file that may be one, and approved of no removal.
  bool emptied(const reconciler::Revision& revision) const { return emptied_.contains(revision); }
  const std::optional<reconciler::HeldCommit>& held() const { return held_; }
  // What a commit says of removals.
  struct Said {
    std::set<reconciler::ServiceName> services;  // whose file is there, good or not
    bool none_is_good = false;
    size_t approved = 0;
    crds::Fleet fleet;
  };
  const Said& said(const reconciler::Revision& revision) const { return said_.at(revision); }
  bool down = false;
  // Of the commits to come; none: there is no such file.
  std::optional<crds::Fleet> fleet;
  // Node files of the commits to come; none: the repository has none.
  std::map<reconciler::NodeName, crds::Node> nodes;

 private:
  reconciler::Revision next_revision();
  void follow_data();
  void publish(reconciler::Snapshot next);
  reconciler::Snapshot head_;
  std::optional<reconciler::HeldCommit> held_;
  std::set<reconciler::Revision> emptied_;
  std::map<reconciler::Revision, Said> said_;
  reconciler::DataPlaces data_places_;
  int commits_ = 0;
};

class Source : public reconciler::Source {
 public:
  // Both outlive it. `cut_off`: this node does not reach the server.
  Source(const Branch& branch, const bool& cut_off) : branch_(branch), cut_off_(cut_off) {}
  base::Result<std::optional<reconciler::Snapshot>> poll() override;
  std::optional<reconciler::HeldCommit> held() const override { return held_; }

 private:
  const Branch& branch_;
  const bool& cut_off_;
  reconciler::Revision seen_;
  std::optional<reconciler::HeldCommit> held_;
};

// Where reports go, and whether they get there.
class Outbox : public reconciler::Outbox {
 public:
  base::Result<> publish(const std::string& document) override;
  bool down = false;
  // What a document says, for those who compare.
  struct Said {
    std::string outcome;
    reconciler::Revision revision;
    std::set<reconciler::ServiceName> ready;
  };
  // There is something to say; it is published when the agent gets to it.
  void prepare(const std::string& document, Said said);
  const Said* published() const;  // null: nothing yet
  // What was published says what there is to say.
  bool true_now() const;

 private:
  std::map<std::string, Said> said_;  // by document
  std::string newest_, published_;
};

// Whether the program in a container answers is written in its image's name.
class Prober : public reconciler::Prober {
 public:
  explicit Prober(const test::FakeRuntime& runtime) : runtime_(runtime) {}
  base::Result<> probe(const reconciler::Probe& probe) override;

 private:
  const test::FakeRuntime& runtime_;
};

bool answers(const reconciler::ObservedContainer& container);

}  // namespace sim
