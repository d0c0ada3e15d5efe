#include "test/sim/listeners.h"

#include <algorithm>

#include "agent/alerts/kinds.h"

namespace sim {

using agent::Alert;
using agent::AlertRecord;
using agent::Severity;

base::Result<std::vector<AlertRecord>> AlertBook::load_alerts() {
  return spare_ ? *spare_ : table_;
}

base::Result<> AlertBook::save_alerts(const std::vector<AlertRecord>& all) {
  if (const auto taken = registry_.takes_writes(); !taken) {
    spare_ = all;
    return taken;
  }
  table_ = all;
  spare_.reset();
  whole_ = true;
  ++saves_;
  return {};
}

void AlertBook::lose() {
  table_.clear();
  whole_ = false;
}

agent::NodeFacts Facts::look() {
  constexpr uint64_t kAll = uint64_t{100} << 30;
  return {.disks = {{"/srv", "the registry", disk_nearly_full ? kAll / 25 : kAll / 2, kAll}}};
}

base::Result<> Ear::deliver(const agent::Message& message) {
  // Far more than pauses and back-off allow, whatever the clock does.
  constexpr size_t kMost = 60;
  attempts_.push_back(now_);
  while (!attempts_.empty() &&
         (now_ - attempts_.front() > std::chrono::minutes(10) || attempts_.front() > now_))
    attempts_.pop_front();
  if (attempts_.size() > kMost)
    complain_("alerts: more than " + std::to_string(kMost) + " messages for " +
              options.audience.name + " within 10 minutes");
  if (message.alerts.empty()) complain_("alerts: a message says nothing");
  if (down) return base::unavailable("cannot reach " + options.audience.name);
  const bool failed = fails();
  if (!failed || took_it_nevertheless())
    for (const Alert& alert : message.alerts) hear(alert);
  if (failed) return base::make_error(base::Code::kTimeout, "no answer");
  return {};
}

void Ear::hear(const Alert& alert) {
  if (agent::find_kind(alert.name) == nullptr || alert.since == base::TimePoint{} ||
      (!alert.firing() && alert.until < alert.since))
    complain_("alerts: one that makes no sense: " + alert.key());
  heard_[alert.key()] = {!alert.firing(), alert.since, ++*count_};
}

Listeners::Listeners(const Store& registry, const base::TimePoint& now, Ear::Complaint complain)
    : book(registry), registry_(registry), now_(now), complain_(std::move(complain)) {
  using std::chrono::minutes;
  ears.emplace_back(agent::CourierOptions{{"log", Severity::kInfo, minutes(15)}, "webhook"}, now,
                    complain_);
  ears.emplace_back(agent::CourierOptions{{"pager", Severity::kCritical}, "ntfy"}, now, complain_);
  agent::CourierOptions forgetful{{"alertmanager", Severity::kInfo}, "alertmanager"};
  forgetful.refresh = minutes(1);
  ears.emplace_back(forgetful, now, complain_);
  for (Ear& ear : ears) ear.count_ = &count_;
}

agent::Alerter* Listeners::boot(reconciler::Executor& executor, const reconciler::NodeName& node) {
  std::vector<agent::Alerter::Told> told;
  for (Ear& ear : ears) told.push_back({ear.options, ear});
  agent::AlerterOptions options;
  options.sender = {node, "sim", "docs/alerts.md"};
  alerter_ = std::make_unique<agent::Alerter>(
      agent::AlerterPorts{.store = book, .executor = executor, .facts = &facts}, options, told);
  if (const auto loaded = alerter_->load(); !loaded) complain_(loaded.error().text());
  return alerter_.get();
}

void Listeners::registry_lost() {
  const bool had_time = unwritten_since_ && now_ - *unwritten_since_ > std::chrono::minutes(1);
  if (book.whole() || had_time) return;
  begun_.clear();
  firing_.clear();
  for (Ear& ear : ears) ear.heard_.clear();
}

void Listeners::note_begun() {
  if (book.whole() || !registry_.takes_writes())
    unwritten_since_.reset();
  else if (!unwritten_since_)
    unwritten_since_ = now_;
  std::map<std::string, base::TimePoint> firing;
  for (const Alert& alert : alerter_->state().firing) {
    const auto before = firing_.find(alert.key());
    if (before == firing_.end() || before->second != alert.since)
      begun_[alert.key()] = {alert.since, ++count_};
    firing[alert.key()] = alert.since;
  }
  firing_ = std::move(firing);
}

void Listeners::all_was_told() {
  for (const Alert& alert : alerter_->state().firing)
    complain_("alerts: nothing is wrong, and it fires: " + alert.key());
  for (const Ear& ear : ears) {
    const std::string& who = ear.options.audience.name;
    for (const auto& [key, heard] : ear.heard_)
      if (!heard.ended) complain_("alerts: " + who + " was not told of the end of " + key);
    if (ear.options.audience.least > Severity::kInfo) continue;
    for (const auto& [key, begun] : begun_) {
      // Nobody can be told that he cannot be told.
      if (key == std::string(agent::alert::kReceiverFailing) + " " + who) continue;
      // What begins once more as it was (after a suspension) is the same, and may be over again.
      const auto heard = ear.heard_.find(key);
      if (heard == ear.heard_.end() ||
          (heard->second.at < begun.at && heard->second.since != begun.since))
        complain_("alerts: " + who + " was not told of " + key);
    }
  }
}

}  // namespace sim
