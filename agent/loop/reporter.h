#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/view/report.h"
#include "reconciler/ports.h"

namespace agent {

// Brings the newest report to the outbox whenever its outcome is another one: at most one at a
// time, not more often than every few seconds, and with back-off while that fails. Nothing waits
// for it. Loop's thread only.
class Reporter {
 public:
  // `outbox` null: nothing is reported.
  Reporter(reconciler::Outbox* outbox, reconciler::Executor& executor, std::string seed);

  bool wanted() const { return outbox_ != nullptr; }
  void tell(Report report);

  // What went wrong last, once.
  std::optional<base::Error> step(base::TimePoint now);
  std::optional<base::TimePoint> wake_at() const;
  bool failing() const { return failures_in_row_ > 0; }

 private:
  bool has_news() const { return newest_.outcome != sent_; }

  reconciler::Outbox* outbox_;
  reconciler::Executor& executor_;
  const std::string seed_;
  Report newest_;
  std::string sent_;                                          // the outcome that the outbox has
  std::shared_ptr<std::optional<base::Result<>>> under_way_;  // null: nothing is
  std::string sending_;
  int failures_in_row_ = 0;
  base::TimePoint next_at_{};
};

}  // namespace agent
