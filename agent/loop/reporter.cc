#include "agent/loop/reporter.h"

#include <utility>

#include "reconciler/back_off.h"

namespace agent {
namespace {

constexpr base::Millis kPause = std::chrono::seconds(3);  // between two reports
constexpr base::Millis kLongestPause = std::chrono::minutes(5);

}  // namespace

Reporter::Reporter(reconciler::Outbox* outbox, reconciler::Executor& executor, std::string seed)
    : outbox_(outbox), executor_(executor), seed_(std::move(seed)) {}

void Reporter::tell(Report report) {
  newest_ = std::move(report);
}

std::optional<base::Error> Reporter::step(base::TimePoint now) {
  std::optional<base::Error> failed;
  if (under_way_ && *under_way_) {
    const base::Result<> done = **under_way_;
    under_way_.reset();
    if (done) {
      sent_ = sending_;
      failures_in_row_ = 0;
      next_at_ = now + kPause;
    } else {
      failed = done.error();
      next_at_ = now + reconciler::delay({kPause, kLongestPause}, ++failures_in_row_, seed_);
    }
  }
  const bool due = reconciler::due(next_at_, now, kLongestPause);
  if (!outbox_ || under_way_ || !has_news() || !due) return failed;
  sending_ = newest_.outcome;
  const auto result = std::make_shared<std::optional<base::Result<>>>();
  const auto answer = std::make_shared<std::optional<base::Result<>>>();
  under_way_ = answer;
  executor_.submit([outbox = outbox_, document = newest_.document,
                    result] { *result = outbox->publish(document); },
                   [result, answer] { *answer = std::move(*result); });
  return failed;
}

std::optional<base::TimePoint> Reporter::wake_at() const {
  if (!outbox_ || under_way_ || !has_news()) return std::nullopt;
  return next_at_;
}

}  // namespace agent
