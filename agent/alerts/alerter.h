#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/alerts/courier.h"
#include "agent/alerts/store.h"

namespace agent {

// What the node says of itself. Any thread; bounded.
class FactSource {
 public:
  virtual ~FactSource() = default;
  virtual NodeFacts look() = 0;
};

// Told again and again that the agent works: who hears nothing any more knows that it does not. Any
// thread; ends within a deadline of its own.
class Pulse {
 public:
  virtual ~Pulse() = default;
  virtual base::Result<> beat() = 0;
};

struct AlerterPorts {
  AlertStore& store;
  reconciler::Executor& executor;
  FactSource* facts = nullptr;  // null: nothing is known of the node
  Pulse* pulse = nullptr;       // null: nobody waits for a sign of life
};

struct AlerterOptions {
  Sender sender;
  CauseOptions causes = {};
  LedgerOptions ledger = {};
  base::Millis facts_interval{60'000};
  base::Millis pulse_interval{60'000};
};

// From how things stand to those who should know: causes -> ledger -> couriers. Without anything
// new a step costs a few comparisons. Loop's thread only, but for the work that it submits.
class Alerter {
 public:
  struct Told {
    CourierOptions options;
    Receiver& receiver;
  };
  Alerter(const AlerterPorts& ports, AlerterOptions options, const std::vector<Told>& receivers);

  // What was told before the agent started. Call once, first.
  base::Result<> load();

  // What alerts are derived from may have changed.
  void look() { look_ = true; }

  // What was stored is lost: it is written again with the next step.
  void store_is_new() { stored_.clear(); }

  // Bounded work. Gives what is worth an event.
  std::vector<reconciler::Event> step(Situation situation, base::TimePoint now);
  std::optional<base::TimePoint> wake_at() const;

  // An alert that was told to these receivers past the loop; it ends with the next step.
  void begun_elsewhere(const Alert& alert, const std::set<std::string>& told, base::TimePoint now);

  AlertsState state() const;

 private:
  bool take_answers(base::TimePoint now, std::vector<reconciler::Event>& events);
  void derive(Situation& situation, base::TimePoint now, std::vector<reconciler::Event>& events);
  void save(base::TimePoint now);
  void ask_node(base::TimePoint now);
  void beat(base::TimePoint now);

  AlerterPorts ports_;
  const AlerterOptions options_;
  Ledger ledger_;
  std::vector<std::unique_ptr<Courier>> couriers_;
  std::vector<AlertRecord> stored_;           // or tried to store: see save_at_
  std::vector<reconciler::Event> elsewhere_;  // of alerts that began there, until the next step

  bool look_ = true;
  base::TimePoint derived_at_{};
  std::optional<base::TimePoint> wake_at_;
  std::optional<base::TimePoint> save_at_;  // the last attempt failed

  std::optional<NodeFacts> facts_;
  std::shared_ptr<std::optional<NodeFacts>> looking_;
  base::TimePoint facts_at_{};
  std::shared_ptr<std::optional<base::Result<>>> beating_;
  base::TimePoint beat_at_{};
  ReceiverState pulse_;
};

}  // namespace agent
