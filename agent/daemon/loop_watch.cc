#include "agent/daemon/loop_watch.h"

#include <chrono>
#include <cstdio>
#include <fstream>

#include "agent/alerts/kinds.h"
#include "base/log/log.h"

namespace agent {
namespace {

using base::Millis;
using base::TimePoint;

Alert stuck(const std::string& node, TimePoint since) {
  Alert alert;
  alert.name = alert::kAgentStuck;
  alert.severity = Severity::kCritical;
  alert.summary = node + ": the agent is stuck";
  alert.description =
      "its loop has made no step for minutes: nothing is healed or deployed, and containers run "
      "on; "
      "systemctl restart mcp-agent restarts none of them";
  alert.since = since;
  return alert;
}

TimePoint wall_clock() {
  return std::chrono::floor<Millis>(std::chrono::system_clock::now());
}

}  // namespace

LoopWatch::LoopWatch(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

LoopWatch::~LoopWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LoopWatch::run() {
  uint64_t steps = options_.steps();
  Millis idle(0);
  Millis rested(0);
  bool is_stuck = false;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, options_.tick, [this] { return stop_; })) return;
    }
    // Ticks are counted, not clocks compared: while the whole process was stopped nobody was stuck.
    const uint64_t now = options_.steps();
    idle = now == steps ? idle + options_.tick : Millis(0);
    steps = now;
    if (idle < options_.stuck_after) {
      if (std::exchange(is_stuck, false)) options_.hand_over(alert_, told_);
      continue;
    }
    rested += options_.tick;
    if (!is_stuck) {
      is_stuck = true;
      alert_ = stuck(options_.node, wall_clock() - idle);
      told_.clear();
      base::log::error(alert_.summary + ": " + alert_.description, {{"reason", alert_.name}});
    } else if (rested < options_.again) {
      continue;
    }
    rested = Millis(0);
    // Before it is told: a kill in between must not leave an alert that never ends.
    write_note();
    told_ = options_.tell(alert_, told_);
    write_note();
  }
}

// One line a value: since, then who was told.
void LoopWatch::write_note() const {
  const std::string fresh = options_.note + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << alert_.since.time_since_epoch().count() << "\n";
  for (const std::string& name : told_) out << name << "\n";
  out.close();
  if (out) std::rename(fresh.c_str(), options_.note.c_str());
}

std::optional<std::pair<Alert, LoopWatch::Told>> LoopWatch::last_words(const std::string& note,
                                                                       const std::string& node) {
  std::ifstream in(note);
  int64_t since = 0;
  if (!(in >> since)) return std::nullopt;
  in.ignore(1);
  Told told;
  for (std::string name; std::getline(in, name);) told.insert(name);
  return std::pair(stuck(node, TimePoint(Millis(since))), told);
}

void LoopWatch::forget(const std::string& note) {
  std::remove(note.c_str());
}

}  // namespace agent
