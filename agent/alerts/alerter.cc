#include "agent/alerts/alerter.h"

#include <algorithm>
#include <utility>

#include "agent/alerts/kinds.h"
#include "reconciler/back_off.h"

namespace agent {
namespace {

using base::Millis;
using base::TimePoint;
using reconciler::due;
using reconciler::Event;

// However often the loop plans, alerts are derived this often at most.
constexpr Millis kLook = std::chrono::seconds(1);
constexpr Millis kSaveRetry = std::chrono::seconds(30);

Event event_of(const Alert& alert, TimePoint now) {
  Event event;
  event.time = now;
  event.warning = alert.firing();
  event.service = alert.service;
  event.component = alert.component;
  event.reason = alert.firing() ? "AlertFiring" : "AlertResolved";
  event.message = alert.name + ": " + alert.summary;
  event.cause = alert.firing() ? alert.description : "";
  return event;
}

Event event_of_failure(const std::string& receiver, const base::Error& error, TimePoint now) {
  Event event;
  event.time = now;
  event.warning = true;
  event.reason = "AlertNotDelivered";
  event.message = "alerts do not reach " + receiver + ": " + error.text();
  return event;
}

// Whether it says something else to those who were told, or to whom is to be told: words alone are
// not worth a write.
bool same_news(const AlertRecord& a, const AlertRecord& b) {
  return a.alert.key() == b.alert.key() && a.alert.since == b.alert.since &&
         a.alert.until == b.alert.until && a.alert.severity == b.alert.severity && a.said == b.said;
}

std::vector<Audience> audiences_of(const std::vector<Alerter::Told>& receivers) {
  std::vector<Audience> out;
  for (const Alerter::Told& told : receivers) out.push_back(told.options.audience);
  return out;
}

}  // namespace

Alerter::Alerter(const AlerterPorts& ports, AlerterOptions options,
                 const std::vector<Told>& receivers)
    : ports_(ports),
      options_(std::move(options)),
      ledger_(options_.ledger, audiences_of(receivers)) {
  for (const Told& told : receivers)
    couriers_.push_back(
        std::make_unique<Courier>(told.options, options_.sender, told.receiver, ports_.executor));
  pulse_.name = pulse_.type = "heartbeat";
}

base::Result<> Alerter::load() {
  MCP_TRY(std::vector<AlertRecord> records, ports_.store.load_alerts());
  ledger_.restore(std::move(records));
  stored_ = ledger_.records();
  return {};
}

std::vector<Event> Alerter::step(Situation situation, TimePoint now) {
  std::vector<Event> events = std::exchange(elsewhere_, {});
  ask_node(now);
  beat(now);
  const bool answered = take_answers(now, events);
  const bool stepped_back = now < derived_at_;
  const bool rested = stepped_back || now - derived_at_ >= kLook;
  if (!answered && !(look_ && rested) && !(wake_at_ && *wake_at_ <= now) && !stepped_back)
    return events;
  derive(situation, now, events);
  for (const auto& courier : couriers_) courier->prepare(ledger_, now);
  save(now);
  wake_at_ = ledger_.wake_at();
  // What cannot be decided yet (nothing is known of it) is not asked about without a pause.
  if (wake_at_) wake_at_ = std::max(*wake_at_, now + kLook);
  for (const auto& courier : couriers_) {
    courier->send();
    const auto at = courier->wake_at();
    if (at && (!wake_at_ || *at < *wake_at_)) wake_at_ = at;
  }
  if (save_at_ && (!wake_at_ || *save_at_ < *wake_at_)) wake_at_ = save_at_;
  return events;
}

bool Alerter::take_answers(TimePoint now, std::vector<Event>& events) {
  bool answered = false;
  for (const auto& courier : couriers_) {
    std::optional<base::Error> failed;
    answered |= courier->take(ledger_, now, failed);
    if (failed) events.push_back(event_of_failure(courier->state().name, *failed, now));
  }
  if (looking_ && *looking_) {
    facts_ = std::move(**looking_);
    looking_.reset();
    look_ = true;
  }
  if (beating_ && *beating_) {
    const base::Result<> beaten = std::move(**beating_);
    beating_.reset();
    look_ |= beaten.has_value() != !pulse_.error;
    if (beaten) {
      ++pulse_.delivered;
      pulse_.delivered_at = now;
      pulse_.failing_since = {};
      pulse_.error.reset();
    } else {
      ++pulse_.failed;
      if (!pulse_.error) {
        pulse_.failing_since = now;
        events.push_back(event_of_failure(pulse_.name, beaten.error(), now));
      }
      pulse_.error = beaten.error();
    }
  }
  return answered;
}

void Alerter::derive(Situation& situation, TimePoint now, std::vector<Event>& events) {
  look_ = false;
  derived_at_ = now;
  static const NodeFacts kNone;
  if (ports_.facts == nullptr) situation.facts = &kNone;  // nobody will ever look
  if (facts_) situation.facts = &*facts_;
  situation.receivers = state().receivers;
  const Causes causes = causes_of(situation, options_.causes, now);
  for (const Alert& alert : ledger_.take(causes, now)) events.push_back(event_of(alert, now));
}

void Alerter::save(TimePoint now) {
  std::vector<AlertRecord> records = ledger_.records();
  const bool same =
      std::equal(records.begin(), records.end(), stored_.begin(), stored_.end(), same_news);
  const bool again = save_at_ && due(*save_at_, now, kSaveRetry);
  if (same && !again) return;
  // What cannot be written down is told all the same: after a restart perhaps once more.
  if (ports_.store.save_alerts(records))
    save_at_.reset();
  else if (again || !save_at_)
    save_at_ = now + kSaveRetry;
  stored_ = std::move(records);
}

void Alerter::ask_node(TimePoint now) {
  if (ports_.facts == nullptr || looking_ || !due(facts_at_, now, options_.facts_interval)) return;
  facts_at_ = now + options_.facts_interval;
  const auto result = std::make_shared<std::optional<NodeFacts>>();
  looking_ = std::make_shared<std::optional<NodeFacts>>();
  ports_.executor.submit([facts = ports_.facts, result] { *result = facts->look(); },
                         [result, answer = looking_] { *answer = std::move(*result); });
}

void Alerter::beat(TimePoint now) {
  if (ports_.pulse == nullptr || beating_ || !due(beat_at_, now, options_.pulse_interval)) return;
  beat_at_ = now + options_.pulse_interval;
  const auto result = std::make_shared<std::optional<base::Result<>>>();
  beating_ = std::make_shared<std::optional<base::Result<>>>();
  ports_.executor.submit([pulse = ports_.pulse, result] { *result = pulse->beat(); },
                         [result, answer = beating_] { *answer = std::move(*result); });
}

std::optional<TimePoint> Alerter::wake_at() const {
  std::optional<TimePoint> at = wake_at_;
  const auto consider = [&](TimePoint candidate) {
    if (!at || candidate < *at) at = candidate;
  };
  if (look_) consider(derived_at_ + kLook);
  if (ports_.facts != nullptr && !looking_) consider(facts_at_);
  if (ports_.pulse != nullptr && !beating_) consider(beat_at_);
  return at;
}

void Alerter::begun_elsewhere(const Alert& alert, const std::set<std::string>& told,
                              TimePoint now) {
  ledger_.begun_elsewhere(alert, told, now);
  elsewhere_.push_back(event_of(alert, now));
  save(now);
  look_ = true;
}

AlertsState Alerter::state() const {
  AlertsState out;
  out.firing = ledger_.firing();
  for (const auto& courier : couriers_) out.receivers.push_back(courier->state());
  if (ports_.pulse != nullptr) out.receivers.push_back(pulse_);
  return out;
}

}  // namespace agent
