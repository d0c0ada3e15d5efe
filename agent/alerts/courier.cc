#include "agent/alerts/courier.h"

#include <algorithm>
#include <utility>

#include "reconciler/back_off.h"

namespace agent {
namespace {

using base::Millis;
using base::TimePoint;

constexpr reconciler::Schedule kRetry{std::chrono::seconds(5), std::chrono::minutes(5)};

}  // namespace

bool Courier::take(Ledger& ledger, TimePoint now, std::optional<base::Error>& failed) {
  if (!under_way_ || !under_way_->answer) return false;
  const std::shared_ptr<UnderWay> done = std::exchange(under_way_, nullptr);
  const base::Result<>& answer = *done->answer;
  if (answer) {
    ledger.told(options_.audience, done->message.alerts, now);
    failures_in_row_ = 0;
    sent_at_ = now;
    news_at_.reset();
    ++state_.delivered;
    state_.delivered_at = now;
    state_.failing_since = {};
    state_.error.reset();
    return true;
  }
  ++state_.failed;
  if (!state_.error || state_.error->message != answer.error().message) failed = answer.error();
  state_.error = answer.error();
  if (++failures_in_row_ == 1) state_.failing_since = now;
  // Who forgets what is not said again must not wait longer than that.
  const Millis pause = reconciler::delay(kRetry, failures_in_row_, options_.audience.name);
  retry_at_ = now + (options_.refresh > Millis(0) ? std::min(pause, options_.refresh) : pause);
  return true;
}

std::vector<Alert> Courier::content(const Ledger& ledger, TimePoint now) const {
  std::vector<Alert> out = ledger.news(options_.audience, now);
  if (options_.refresh > Millis(0)) {
    for (Alert& alert : ledger.firing(options_.audience))
      if (std::none_of(out.begin(), out.end(),
                       [&](const Alert& other) { return other.key() == alert.key(); }))
        out.push_back(std::move(alert));
  } else if (out.size() > options_.most) {
    out.resize(options_.most);
  }
  return out;
}

TimePoint Courier::due_at(bool news, TimePoint now) {
  if (!news) news_at_.reset();
  // Further ahead than any pause: a clock that has stepped back.
  const Millis longest =
      std::max({options_.group, options_.pause, options_.refresh, kRetry.cap}) * 2;
  if (retry_at_ - now > longest) retry_at_ = now;
  if (sent_at_ - now > longest) sent_at_ = {};
  if (news_at_ && *news_at_ > now) news_at_ = now;
  if (news && !news_at_) news_at_ = now;
  if (failures_in_row_ > 0) return retry_at_;
  if (news) return std::max(*news_at_ + options_.group, sent_at_ + options_.pause);
  return sent_at_ + options_.refresh;
}

void Courier::prepare(Ledger& ledger, TimePoint now) {
  wake_at_.reset();
  state_.waiting = ledger.news(options_.audience, now).size();
  const bool news = state_.waiting > 0;
  std::vector<Alert> alerts = content(ledger, now);
  if (under_way_) return;
  if (alerts.empty()) {
    news_at_.reset();
    return;
  }
  const TimePoint due = due_at(news, now);
  if (due > now) {
    wake_at_ = due;
    return;
  }
  const auto sending = std::make_shared<UnderWay>();
  const TimePoint turn = ledger.told_last(options_.audience, alerts);
  std::vector<Alert> superseded = ledger.superseded(options_.audience, alerts, now);
  sending->message = {message_id(sender_.node, alerts, turn),
                      sender_.node,
                      sender_.agent_version,
                      sender_.manual,
                      now,
                      std::move(alerts),
                      ledger.firing(options_.audience).size(),
                      std::move(superseded)};
  ledger.tells(options_.audience, sending->message.alerts);
  under_way_ = sending;
}

void Courier::send() {
  if (!under_way_ || std::exchange(under_way_->sent, true)) return;
  const auto result = std::make_shared<std::optional<base::Result<>>>();
  executor_.submit([receiver = &receiver_, message = under_way_->message,
                    result] { *result = receiver->deliver(message); },
                   [sending = under_way_, result] { sending->answer = std::move(*result); });
}

}  // namespace agent
