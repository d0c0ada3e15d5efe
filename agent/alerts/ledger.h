#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/alerts/causes.h"
#include "agent/view/alerts.h"

namespace agent {

// What one receiver was told last of one alert.
struct Said {
  base::TimePoint since{};  // the alert's: which time it was
  bool ended = false;
  Severity severity = Severity::kInfo;
  base::TimePoint at{};  // when it was told first, or reminded; zero: perhaps it was not
  friend bool operator==(const Said&, const Said&) = default;
};

// An alert and who knows of it: what has to outlive the agent, so that each start and each end is
// told at least once.
struct AlertRecord {
  Alert alert;
  std::map<std::string, Said> said;  // by the receiver's name
  friend bool operator==(const AlertRecord&, const AlertRecord&) = default;
};

// Who is told what.
struct Audience {
  std::string name;
  Severity least = Severity::kInfo;
  // Nothing is said again before so long; zero: once is enough.
  base::Millis repeat{0};
};

struct LedgerOptions {
  std::map<std::string, base::Millis, std::less<>> pending;  // by kind, over the kind's own
  std::set<std::string, std::less<>> disabled;               // kinds that nobody is told of
  std::optional<base::Millis> keep = {};                     // of all kinds, over their own
};

// Compares what holds with what was told. Level-triggered: of each alert it keeps the latest state
// alone, so what waits for a receiver that is down is bounded by what can be wrong. Pure but for
// being a value that changes; one thread.
class Ledger {
 public:
  Ledger(LedgerOptions options, std::vector<Audience> audiences)
      : options_(std::move(options)), audiences_(std::move(audiences)) {}

  // As it was stored. What was told to receivers that are not there any more is forgotten.
  void restore(std::vector<AlertRecord> records);

  // What holds at `now`. Gives the alerts that have begun or ended by it.
  std::vector<Alert> take(const Causes& causes, base::TimePoint now);

  // It began, and was told to these, without this ledger: it ends with the next take() that does
  // not have it.
  void begun_elsewhere(Alert alert, const std::set<std::string>& told, base::TimePoint now);

  // What the receiver does not know: begun, ended or worse, the worst first; then, when the time
  // has come to remind it of one, all others that fire, first those that it was told of longest
  // ago.
  std::vector<Alert> news(const Audience& audience, base::TimePoint now) const;
  // All that it should know to fire now.
  std::vector<Alert> firing(const Audience& audience) const;
  // Those of `alerts` that the receiver knows to fire with another severity: as it knows them, and
  // ended.
  std::vector<Alert> superseded(const Audience& audience, const std::vector<Alert>& alerts,
                                base::TimePoint now) const;
  // These are about to be told: from here on the receiver may know of them, whatever it answers.
  void tells(const Audience& audience, const std::vector<Alert>& alerts);
  // The receiver has got these.
  void told(const Audience& audience, const std::vector<Alert>& alerts, base::TimePoint now);

  // When the receiver was told last of any of these; zero: never.
  base::TimePoint told_last(const Audience& audience, const std::vector<Alert>& alerts) const;

  // When time alone changes an answer.
  std::optional<base::TimePoint> wake_at() const;

  std::vector<Alert> firing() const;
  // In the order of their keys, without those that only pend: they are found again.
  std::vector<AlertRecord> records() const;

 private:
  struct Entry {
    AlertRecord record;
    bool begun = false;                       // else it pends
    std::optional<base::TimePoint> gone_at;   // it holds no more, and has not ended yet
    std::optional<base::TimePoint> again_at;  // it has ended, and holds again since then
  };
  static bool wants(const Audience& audience, const Entry& entry);
  static bool is_news(const Audience& audience, const Entry& entry);
  base::Millis pending(const Alert& alert) const;
  base::Millis keep(const Alert& alert) const;
  bool yields(const Alert& alert) const;
  void hold(Entry& entry, const Alert& cause, base::TimePoint now, std::vector<Alert>& changes);
  void forget_settled();

  LedgerOptions options_;
  std::vector<Audience> audiences_;
  std::map<std::string, Entry> entries_;  // by Alert::key()
  std::set<std::string> held_back_;       // ready to begin, and yielding to another
};

}  // namespace agent
