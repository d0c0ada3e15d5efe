#include "agent/alerts/ledger.h"

#include <algorithm>
#include <utility>

#include "agent/alerts/kinds.h"

namespace agent {
namespace {

using base::Millis;
using base::TimePoint;

// What ended and could not be told: of more than so many the oldest are given up.
constexpr size_t kMostEnded = 1000;

const AlertKind& kind_of(const Alert& alert) {
  static constexpr AlertKind kUnknown{"", Severity::kWarning, Millis(0), Millis(0)};
  const AlertKind* kind = find_kind(alert.name);
  return kind == nullptr ? kUnknown : *kind;
}

// A clock that has stepped back must not put anything off for long.
bool passed(TimePoint since, Millis span, TimePoint now) {
  return now - since >= span || since - now > span + std::chrono::minutes(1);
}

}  // namespace

void Ledger::restore(std::vector<AlertRecord> records) {
  for (AlertRecord& record : records) {
    std::erase_if(record.said, [&](const auto& said) {
      return std::none_of(audiences_.begin(), audiences_.end(),
                          [&](const Audience& audience) { return audience.name == said.first; });
    });
    const std::string key = record.alert.key();
    entries_[key] = {std::move(record), true, std::nullopt, std::nullopt};
  }
  forget_settled();
}

Millis Ledger::pending(const Alert& alert) const {
  const auto configured = options_.pending.find(alert.name);
  return configured == options_.pending.end() ? kind_of(alert).pending : configured->second;
}

Millis Ledger::keep(const Alert& alert) const {
  return options_.keep ? *options_.keep : kind_of(alert).keep;
}

bool Ledger::yields(const Alert& alert) const {
  if (!kind_of(alert).yields) return false;
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    const Alert& other = entry.second.record.alert;
    return entry.second.begun && other.firing() && other.service == alert.service &&
           other.name != alert.name && !kind_of(other).yields;
  });
}

void Ledger::hold(Entry& entry, const Alert& cause, TimePoint now, std::vector<Alert>& changes) {
  Alert& alert = entry.record.alert;
  entry.gone_at.reset();
  if (entry.begun && alert.firing()) {
    const TimePoint since = alert.since;
    alert = cause;
    alert.since = since;
    return;
  }
  // It pends: from when it was first seen, or from when its condition says, whichever is earlier.
  if (!alert.firing() && !entry.again_at) entry.again_at = now;
  const TimePoint seen = entry.again_at.value_or(alert.since);
  const TimePoint since = cause.since != TimePoint{} ? std::min(cause.since, seen) : seen;
  if (alert.firing()) {
    alert = cause;
    alert.since = seen;
  }
  held_back_.erase(cause.key());
  if (!passed(since, pending(cause), now)) return;
  if (yields(cause)) {
    held_back_.insert(cause.key());
    return;
  }
  alert = cause;
  alert.since = std::min(since, now);
  alert.until = {};
  entry.begun = true;
  entry.again_at.reset();
  changes.push_back(alert);
}

std::vector<Alert> Ledger::take(const Causes& causes, TimePoint now) {
  std::vector<Alert> changes;
  std::set<std::string> holding;
  // Those that others yield to come first.
  std::vector<const Alert*> order;
  for (const Alert& cause : causes.holding)
    if (!options_.disabled.contains(cause.name)) order.push_back(&cause);
  std::stable_partition(order.begin(), order.end(),
                        [](const Alert* cause) { return !kind_of(*cause).yields; });
  for (const Alert* cause : order) {
    const std::string key = cause->key();
    if (!holding.insert(key).second) continue;
    const auto [found, fresh] = entries_.try_emplace(key);
    if (fresh) {
      found->second.record.alert = *cause;
      found->second.record.alert.since = now;
    }
    hold(found->second, *cause, now, changes);
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    Alert& alert = entry.record.alert;
    const auto next = std::next(it);
    if (!holding.contains(it->first) && !causes.unknown.contains(alert.name)) {
      entry.again_at.reset();
      held_back_.erase(it->first);
      if (!entry.begun) {
        entries_.erase(it);
      } else if (alert.firing()) {
        if (!entry.gone_at) entry.gone_at = now;
        if (passed(*entry.gone_at, keep(alert), now)) {
          // After it began, whatever the clock says.
          alert.until = std::max(std::min(*entry.gone_at, now), alert.since);
          entry.gone_at.reset();
          changes.push_back(alert);
        } else {
          entry.gone_at = std::min(*entry.gone_at, now);
        }
      }
    }
    it = next;
  }
  forget_settled();
  return changes;
}

void Ledger::begun_elsewhere(Alert alert, const std::set<std::string>& told, TimePoint now) {
  if (options_.disabled.contains(alert.name)) return;
  Entry& entry = entries_[alert.key()];
  entry.begun = true;
  for (const std::string& name : told)
    entry.record.said[name] = {alert.since, false, alert.severity, now};
  entry.record.alert = std::move(alert);
}

bool Ledger::wants(const Audience& audience, const Entry& entry) {
  const Alert& alert = entry.record.alert;
  if (!entry.begun) return false;
  // Nobody can be told that he cannot be told.
  if (alert.name == alert::kReceiverFailing && alert.subject == audience.name) return false;
  return alert.severity >= audience.least || entry.record.said.contains(audience.name);
}

bool Ledger::is_news(const Audience& audience, const Entry& entry) {
  if (!wants(audience, entry)) return false;
  const Alert& alert = entry.record.alert;
  const auto said = entry.record.said.find(audience.name);
  if (said == entry.record.said.end()) return true;
  // Of what perhaps it never heard it is told when it is to hear of it, and of the end.
  if (said->second.at == TimePoint{}) return alert.severity >= audience.least || !alert.firing();
  if (said->second.since != alert.since) return true;
  return alert.firing() ? said->second.ended || said->second.severity < alert.severity
                        : !said->second.ended;
}

std::vector<Alert> Ledger::news(const Audience& audience, TimePoint now) const {
  std::vector<Alert> out;
  std::vector<const Entry*> known;
  bool remind = false;
  const auto told_at = [&](const Entry* entry) { return entry->record.said.at(audience.name).at; };
  for (const auto& [key, entry] : entries_) {
    if (is_news(audience, entry)) {
      out.push_back(entry.record.alert);
    } else if (wants(audience, entry) && entry.record.alert.firing() &&
               audience.repeat > Millis(0) && told_at(&entry) != TimePoint{}) {
      known.push_back(&entry);
      remind |= passed(told_at(&entry), audience.repeat, now);
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Alert& a, const Alert& b) { return a.severity > b.severity; });
  if (!remind) return out;
  std::stable_sort(known.begin(), known.end(),
                   [&](const Entry* a, const Entry* b) { return told_at(a) < told_at(b); });
  for (const Entry* entry : known) out.push_back(entry->record.alert);
  return out;
}

std::vector<Alert> Ledger::firing(const Audience& audience) const {
  std::vector<Alert> out;
  for (const auto& [key, entry] : entries_)
    if (wants(audience, entry) && entry.record.alert.firing()) out.push_back(entry.record.alert);
  return out;
}

std::vector<Alert> Ledger::superseded(const Audience& audience, const std::vector<Alert>& alerts,
                                      TimePoint now) const {
  std::vector<Alert> out;
  for (const Alert& alert : alerts) {
    const auto entry = entries_.find(alert.key());
    if (entry == entries_.end()) continue;
    const auto said = entry->second.record.said.find(audience.name);
    if (said == entry->second.record.said.end() || said->second.ended ||
        said->second.severity == alert.severity)
      continue;
    Alert former = alert;
    former.severity = said->second.severity;
    former.since = said->second.since;
    former.until = std::max(alert.firing() ? now : alert.until, former.since);
    out.push_back(std::move(former));
  }
  return out;
}

void Ledger::tells(const Audience& audience, const std::vector<Alert>& alerts) {
  for (const Alert& alert : alerts)
    if (const auto found = entries_.find(alert.key()); found != entries_.end())
      found->second.record.said.try_emplace(
          audience.name, Said{alert.since, !alert.firing(), alert.severity, TimePoint{}});
}

void Ledger::told(const Audience& audience, const std::vector<Alert>& alerts, TimePoint now) {
  for (const Alert& alert : alerts) {
    const auto found = entries_.find(alert.key());
    if (found == entries_.end()) continue;
    Said& said = found->second.record.said[audience.name];
    const bool again = said.at != TimePoint{} && said.since == alert.since &&
                       said.ended == !alert.firing() && said.severity == alert.severity;
    // To say the same again without a reminder being due (an Alertmanager) is nothing to write
    // down.
    if (again && (audience.repeat == Millis(0) || !passed(said.at, audience.repeat, now))) continue;
    said = {alert.since, !alert.firing(), alert.severity, now};
  }
  forget_settled();
}

TimePoint Ledger::told_last(const Audience& audience, const std::vector<Alert>& alerts) const {
  TimePoint last{};
  for (const Alert& alert : alerts) {
    const auto found = entries_.find(alert.key());
    if (found == entries_.end()) continue;
    const auto said = found->second.record.said.find(audience.name);
    if (said != found->second.record.said.end()) last = std::max(last, said->second.at);
  }
  return last;
}

// What has ended, and whoever should know of knows.
void Ledger::forget_settled() {
  std::vector<std::pair<TimePoint, std::string>> waiting;
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.record.alert.firing() || entry.again_at) return false;
    const bool settled =
        std::none_of(audiences_.begin(), audiences_.end(),
                     [&](const Audience& audience) { return is_news(audience, entry); });
    if (!settled) waiting.emplace_back(entry.record.alert.until, item.first);
    return settled;
  });
  if (waiting.size() <= kMostEnded) return;
  std::sort(waiting.begin(), waiting.end());
  for (size_t i = 0; i + kMostEnded < waiting.size(); ++i) entries_.erase(waiting[i].second);
}

std::optional<TimePoint> Ledger::wake_at() const {
  std::optional<TimePoint> at;
  const auto consider = [&](TimePoint candidate) {
    if (!at || candidate < *at) at = candidate;
  };
  for (const auto& [key, entry] : entries_) {
    const Alert& alert = entry.record.alert;
    if (held_back_.contains(key)) continue;  // until the other ends, which has a time of its own
    if (!entry.begun) consider(alert.since + pending(alert));
    if (entry.again_at) consider(*entry.again_at + pending(alert));
    if (entry.gone_at) consider(*entry.gone_at + keep(alert));
    if (!entry.begun || !alert.firing()) continue;
    for (const Audience& audience : audiences_) {
      const auto said = entry.record.said.find(audience.name);
      if (audience.repeat > Millis(0) && said != entry.record.said.end() &&
          said->second.at != TimePoint{})
        consider(said->second.at + audience.repeat);
    }
  }
  return at;
}

std::vector<Alert> Ledger::firing() const {
  std::vector<Alert> out;
  for (const auto& [key, entry] : entries_)
    if (entry.begun && entry.record.alert.firing()) out.push_back(entry.record.alert);
  std::stable_sort(out.begin(), out.end(), [](const Alert& a, const Alert& b) {
    return a.severity != b.severity ? a.severity > b.severity : a.since < b.since;
  });
  return out;
}

std::vector<AlertRecord> Ledger::records() const {
  std::vector<AlertRecord> out;
  for (const auto& [key, entry] : entries_)
    if (entry.begun) out.push_back(entry.record);
  return out;
}

}  // namespace agent
