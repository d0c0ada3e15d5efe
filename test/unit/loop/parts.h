#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/loop/loop.h"
#include "test/support/fake_runtime.h"

// What stands behind the loop's ports here: everything happens when the test says so.
namespace agent::test {

inline base::TimePoint at(double seconds) {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) +
         base::Millis(static_cast<int64_t>(seconds * 1000));
}

// Work waits in the order in which it was submitted.
class Executor : public reconciler::Executor {
 public:
  void submit(std::function<void()> work, std::function<void()> done) override {
    tasks_.push_back({std::move(work), std::move(done), false});
  }
  size_t waiting() const { return tasks_.size(); }
  // The effect of the `index`th task, and its answer later.
  void work(size_t index = 0) {
    tasks_.at(index).work();
    tasks_.at(index).worked = true;
  }
  void answer(size_t index = 0) {
    const Task task = std::move(tasks_.at(index));
    tasks_.erase(tasks_.begin() + static_cast<long>(index));
    task.done();
  }
  void run(size_t index = 0) {
    if (!tasks_.at(index).worked) work(index);
    answer(index);
  }
  // The first that has had no effect yet.
  std::optional<size_t> next() const {
    for (size_t i = 0; i < tasks_.size(); ++i)
      if (!tasks_[i].worked) return i;
    return std::nullopt;
  }

 private:
  struct Task {
    std::function<void()> work, done;
    bool worked = false;
  };
  std::deque<Task> tasks_;
};

class Source : public reconciler::Source {
 public:
  using Answer = base::Result<std::optional<reconciler::Snapshot>>;
  Answer poll() override {
    ++polls;
    if (answers.empty()) return std::optional<reconciler::Snapshot>();
    Answer next = std::move(answers.front());
    answers.pop_front();
    return next;
  }
  std::deque<Answer> answers;  // one for each poll, then "unchanged"
  int polls = 0;
};

class Store : public reconciler::Store {
 public:
  base::Result<Saved> load() override { return saved; }
  base::Result<> commit(const reconciler::Transaction& transaction) override {
    if (full) return base::make_error(base::Code::kExhausted, "disk full");
    if (std::exchange(corrupt, false)) return base::make_error(base::Code::kCorrupt, "damaged");
    commits.push_back(transaction);
    return {};
  }
  Saved saved;
  bool full = false;
  bool corrupt = false;  // for one commit
  std::vector<reconciler::Transaction> commits;
};

class Prober : public reconciler::Prober {
 public:
  base::Result<> probe(const reconciler::Probe&) override {
    ++probes;
    if (error) return *error;
    return {};
  }
  std::optional<base::Error> error;
  int probes = 0;
};

inline crds::Service service(const std::string& name, const std::string& image = "app:v1") {
  crds::Service out;
  out.name = crds::ServiceName(name);
  crds::Component component;
  component.name = crds::ComponentName("main");
  component.image = image;
  out.components = {component};
  return out;
}

inline reconciler::Snapshot snapshot(int number, const std::vector<crds::Service>& services) {
  reconciler::Snapshot out;
  char id[41];
  std::snprintf(id, sizeof id, "%07d%033d", number, 0);
  out.revision = reconciler::Revision(id);
  for (const crds::Service& one : services)
    out.tree.services[one.name] = {one, {"services/" + one.name.str() + ".toml", 1, 1}};
  return out;
}

inline reconciler::ComponentKey key(const std::string& service) {
  return {crds::ServiceName(service), crds::ComponentName("main")};
}

}  // namespace agent::test
