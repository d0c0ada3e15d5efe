#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/alerts/alerter.h"
#include "test/sim/world.h"

// Those who are told of alerts, and what the alerts are kept in.
namespace sim {

// The registry's table of alerts, and the file beside it for when that takes no writes.
class AlertBook : public agent::AlertStore {
 public:
  explicit AlertBook(const Store& registry) : registry_(registry) {}
  base::Result<std::vector<agent::AlertRecord>> load_alerts() override;
  base::Result<> save_alerts(const std::vector<agent::AlertRecord>& all) override;
  // The table went with the registry. What is saved from here on is whole again.
  void lose();
  bool whole() const { return whole_ || spare_; }
  int saves() const { return saves_; }

 private:
  const Store& registry_;
  std::vector<agent::AlertRecord> table_;
  std::optional<std::vector<agent::AlertRecord>> spare_;
  bool whole_ = true;
  int saves_ = 0;
};

class Facts : public agent::FactSource {
 public:
  agent::NodeFacts look() override;
  bool disk_nearly_full = false;
};

// One who is told, and remembers what it heard last of each alert.
class Ear : public agent::Receiver {
 public:
  // `what`: a rule that is broken by what it hears.
  using Complaint = std::function<void(const std::string& what)>;
  Ear(agent::CourierOptions options, const base::TimePoint& now, Complaint complain)
      : options(std::move(options)), now_(now), complain_(std::move(complain)) {}
  base::Result<> deliver(const agent::Message& message) override;

  const agent::CourierOptions options;
  bool down = false;
  // Asked for each message; true: its answer is an error.
  std::function<bool()> fails = [] { return false; };
  std::function<bool()> took_it_nevertheless = [] { return false; };

 private:
  friend class Listeners;
  struct Heard {
    bool ended = false;
    base::TimePoint since{};
    int64_t at = 0;  // by the count of what was heard
  };
  void hear(const agent::Alert& alert);

  const base::TimePoint& now_;
  const Complaint complain_;
  std::map<std::string, Heard> heard_;
  std::deque<base::TimePoint> attempts_;
  int64_t* count_ = nullptr;
};

// Whoever was told that an alert has begun is told that it has ended, and each that has begun is
// told: across whatever happens to the agent, to its registry and to those who are told.
class Listeners {
 public:
  Listeners(const Store& registry, const base::TimePoint& now, Ear::Complaint complain);

  // The alerter of another agent process.
  agent::Alerter* boot(reconciler::Executor& executor, const reconciler::NodeName& node);
  void crash() { alerter_.reset(); }
  // The registry is gone. What was told is not known any more, by nature, unless there was time to
  // write it down again.
  void registry_lost();
  // After each step: what has begun.
  void note_begun();
  // When nothing goes wrong any more.
  void all_was_told();

  AlertBook book;
  Facts facts;
  std::vector<Ear> ears;

 private:
  const Store& registry_;
  const base::TimePoint& now_;
  const Ear::Complaint complain_;
  std::optional<base::TimePoint> unwritten_since_;
  std::unique_ptr<agent::Alerter> alerter_;
  std::map<std::string, base::TimePoint> firing_;
  struct Begun {
    base::TimePoint since{};
    int64_t at = 0;  // by the same count
  };
  std::map<std::string, Begun> begun_;
  int64_t count_ = 0;
};

}  // namespace sim
