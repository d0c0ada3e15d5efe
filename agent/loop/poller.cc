#include "agent/loop/poller.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "reconciler/back_off.h"

namespace agent {

namespace {

constexpr base::Millis kLongestPause = std::chrono::minutes(5);

}  // namespace

Poller::Poller(reconciler::Source& source, reconciler::Executor& executor, base::Millis interval,
               std::string seed, SourceState state, SharedMeters meters)
    : source_(source),
      executor_(executor),
      interval_(interval),
      seed_(std::move(seed)),
      state_(std::move(state)),
      meters_(std::move(meters)) {}

int64_t Poller::request(bool allow_prune) {
  approve_requested_ |= allow_prune;
  return ++requested_;
}

std::optional<Poller::News> Poller::step(base::TimePoint now) {
  std::optional<News> news;
  if (answer_) {
    const Answer answer = std::move(*answer_);
    answer_.reset();
    polling_ = false;
    covered_ = asked_;
    failures_in_row_ = answer.polled ? 0 : failures_in_row_ + 1;
    news.emplace();
    news->held = answer.held;
    state_.newest_commit = answer.newest_commit;
    if (answer.polled) {
      state_.last_fetch = now;
      state_.last_error.reset();
      news->snapshot = *answer.polled;
      news->approve_removals = std::exchange(approve_asked_, false);
    } else {
      // The word was for what was held then, not for whatever comes when the remote is back.
      approve_asked_ = false;
      state_.last_error = answer.polled.error();
      news->error = answer.polled.error();
    }
    next_at_ = now + pause();
  }
  const bool due = !next_at_ || reconciler::due(*next_at_, now, std::max(interval_, kLongestPause));
  if (!polling_ && (due || requested_ > asked_)) {
    polling_ = true;
    ++polls_;
    asked_ = requested_;
    approve_asked_ |= std::exchange(approve_requested_, false);
    const auto result = std::make_shared<std::optional<Answer>>();
    executor_.submit(
        [this, result] {
          const base::metrics::Stopwatch watch;
          auto polled = source_.poll();
          meters_->fetches.with({polled ? "success" : "error"}).observe(watch.elapsed());
          *result = Answer{std::move(polled), source_.held(), source_.newest_commit()};
        },
        [this, result] { answer_ = std::move(*result); });
  }
  return news;
}

// Jitter keeps a fleet from asking its git server in step.
base::Millis Poller::pause() const {
  if (failures_in_row_ == 0)
    return reconciler::delay({interval_, interval_}, 1, seed_ + std::to_string(polls_));
  return reconciler::delay({std::min(interval_, base::Millis(1000)), kLongestPause},
                           failures_in_row_, seed_);
}

std::optional<base::TimePoint> Poller::wake_at() const {
  return polling_ ? std::nullopt : next_at_;
}

}  // namespace agent
