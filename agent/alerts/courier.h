#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/alerts/ledger.h"
#include "agent/alerts/message.h"
#include "reconciler/ports.h"

namespace agent {

// How messages go to one receiver.
struct CourierOptions {
  Audience audience;
  std::string type;  // for status
  // From the first piece of news until it is told, so that others can come along.
  base::Millis group{10'000};
  // Between two messages.
  base::Millis pause{60'000};
  // All that fires is said again so often, whether it is news or not: for a receiver that forgets
  // (an Alertmanager). Zero: never.
  base::Millis refresh{0};
  // Alerts in one message; the others are in the next. Not with `refresh`.
  size_t most = 100;
};

// What all messages of this agent have in common.
struct Sender {
  reconciler::NodeName node;
  std::string agent_version;
  std::string manual;
};

// Brings one receiver what the ledger says that it does not know: at most one message under way,
// grouped, with pauses, and with back-off while it fails. Nothing waits for it. Loop's thread only,
// but for the work that it submits.
class Courier {
 public:
  // `receiver` and `executor` outlive all work.
  Courier(CourierOptions options, Sender sender, Receiver& receiver, reconciler::Executor& executor)
      : options_(std::move(options)),
        sender_(std::move(sender)),
        receiver_(receiver),
        executor_(executor) {
    state_.name = options_.audience.name;
    state_.type = options_.type;
  }

  // Takes in what came back; true: something did. `failed` gets an error that is another one than
  // before.
  bool take(Ledger& ledger, base::TimePoint now, std::optional<base::Error>& failed);
  // Puts together what is due, and has the ledger know that it may have been told.
  void prepare(Ledger& ledger, base::TimePoint now);
  // Sends it.
  void send();

  std::optional<base::TimePoint> wake_at() const { return wake_at_; }
  const ReceiverState& state() const { return state_; }

 private:
  struct UnderWay {
    Message message;
    bool sent = false;
    std::optional<base::Result<>> answer;
  };
  std::vector<Alert> content(const Ledger& ledger, base::TimePoint now) const;
  base::TimePoint due_at(bool news, base::TimePoint now);

  const CourierOptions options_;
  const Sender sender_;
  Receiver& receiver_;
  reconciler::Executor& executor_;
  std::shared_ptr<UnderWay> under_way_;     // null: nothing is
  std::optional<base::TimePoint> news_at_;  // since when it does not know something
  base::TimePoint sent_at_{};               // the last one that arrived; zero: none
  base::TimePoint retry_at_{};
  int failures_in_row_ = 0;
  std::optional<base::TimePoint> wake_at_;
  ReceiverState state_;
};

}  // namespace agent
