#include "agent/loop/probe_board.h"

#include <algorithm>
#include <memory>
#include <set>

#include "reconciler/back_off.h"

namespace agent {

using reconciler::ContainerId;
using reconciler::Probe;
using reconciler::Readiness;

namespace {

// Until the first success a check is repeated fast, and then slower, up to its interval.
constexpr base::Millis kFirstPause = std::chrono::milliseconds(50);
// Attempts at once: those that hang leave threads for everything else.
constexpr int64_t kAtOnce = 8;

base::Millis pause(const Probe& probe, bool ready, int attempts) {
  if (ready) return probe.health.interval;
  const base::Millis fast = kFirstPause * (1 << std::min(attempts, 10));
  return std::min(fast, probe.health.interval);
}

}  // namespace

void ProbeBoard::want(const std::vector<Probe>& probes, base::TimePoint now) {
  std::set<ContainerId> wanted;
  for (const Probe& probe : probes) {
    wanted.insert(probe.container);
    Entry& entry = entries_[probe.container];
    if (entry.generation != 0 && entry.probe == probe) continue;
    entry = Entry{.probe = probe, .next_at = now, .generation = ++generations_};
  }
  std::erase_if(entries_, [&](const auto& entry) { return !wanted.contains(entry.first); });
}

bool ProbeBoard::step(base::TimePoint now, std::map<ContainerId, Readiness>& readiness) {
  bool changed = false;
  std::vector<std::pair<base::TimePoint, ContainerId>> waiting;
  for (auto& [id, entry] : entries_) {
    if (entry.result) changed |= take(id, entry, readiness, now);
    if (!entry.asking && reconciler::due(entry.next_at, now, entry.probe.health.interval))
      waiting.emplace_back(entry.next_at, id);
  }
  // Who has waited longest comes first.
  std::sort(waiting.begin(), waiting.end());
  const auto free = static_cast<size_t>(std::max<int64_t>(0, kAtOnce - asking()));
  waiting.resize(std::min(waiting.size(), free));
  for (const auto& [since, id] : waiting) start(id, entries_.at(id));
  return changed;
}

bool ProbeBoard::take(const ContainerId& id, Entry& entry, std::map<ContainerId, Readiness>& all,
                      base::TimePoint now) {
  const base::Result<> result = std::move(*entry.result);
  entry.result.reset();
  entry.asking = false;
  // A command runs through podman: when that is away, nothing is known of the container.
  if (!result && result.error().code == base::Code::kUnavailable &&
      std::holds_alternative<crds::CmdCheck>(entry.probe.health.check)) {
    entry.next_at = now + entry.probe.health.interval;
    return false;
  }
  ++entry.attempts;
  Readiness& readiness = all[id];
  const Readiness before = readiness;
  if (result) {
    readiness = {.ready = true};
  } else {
    ++readiness.failures_in_row;
    readiness.message = result.error().message;
    // One failure of something that was ready says little.
    if (readiness.failures_in_row >= std::max(1, entry.probe.health.retries))
      readiness.ready = false;
  }
  entry.next_at = now + pause(entry.probe, readiness.ready, entry.attempts);
  const int limit = std::max(1, entry.probe.health.retries);
  return before.ready != readiness.ready ||
         (!readiness.ready && before.message != readiness.message) ||
         (before.failures_in_row < limit && readiness.failures_in_row >= limit);
}

int64_t ProbeBoard::asking() const {
  return std::count_if(entries_.begin(), entries_.end(),
                       [](const auto& entry) { return entry.second.asking; });
}

void ProbeBoard::start(const ContainerId& id, Entry& entry) {
  entry.asking = true;
  const auto result = std::make_shared<base::Result<>>();
  executor_.submit([this, result, probe = entry.probe] { *result = prober_.probe(probe); },
                   [this, result, id, generation = entry.generation] {
                     const auto found = entries_.find(id);
                     if (found != entries_.end() && found->second.generation == generation)
                       found->second.result = std::move(*result);
                   });
}

std::optional<base::TimePoint> ProbeBoard::wake_at() const {
  std::optional<base::TimePoint> at;
  if (asking() >= kAtOnce) return at;  // the end of one of them is followed by a step
  for (const auto& [id, entry] : entries_)
    if (!entry.asking && (!at || entry.next_at < *at)) at = entry.next_at;
  return at;
}

}  // namespace agent
