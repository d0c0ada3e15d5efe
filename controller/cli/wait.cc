#include "controller/cli/wait.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "controller/cli/interrupt.h"

namespace controller {
namespace {

using Clock = std::chrono::steady_clock;
using base::Millis;

constexpr Millis kAskAgain{1000};        // when no event has come
constexpr Millis kFrame{120};            // between two pictures of live progress
constexpr Millis kFailureStays{15'000};  // then it counts, whatever the events say
constexpr Millis kNobodyThere{10'000};   // no agent has answered for that long

Millis since(Clock::time_point start) {
  return std::chrono::duration_cast<Millis>(Clock::now() - start);
}

// Follows the events of the agents in the background: what is new becomes lines, and wakes the
// wait.
class Watch {
 public:
  Watch(const std::vector<const Agent*>& agents, const std::map<std::string, int64_t>& events,
        std::string service, Interrupt& interrupt)
      : service_(std::move(service)), interrupt_(interrupt) {
    for (const Agent* agent : agents) {
      const auto from = events.find(agent->label());
      if (from == events.end()) continue;
      threads_.emplace_back([this, agent, id = from->second](const std::stop_token& stop) {
        // An agent that goes away is seen by the status calls; nothing is lost without events.
        (void)agent->follow_events(
            id, service_, [this](const Event& event) { return take(event); }, stop);
      });
    }
  }

  // Whether the failure was told since the wait began: it belongs to this attempt.
  bool told(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    return warned_ || reasons_.contains(reason);
  }

  std::vector<std::string> take_lines() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  bool take(const Event& event) {
    {
      const std::lock_guard lock(mutex_);
      const bool warning = event.type == "Warning";
      warned_ = warned_ || warning;
      reasons_.insert(event.reason);
      // The receipt is said once, at the end.
      if (event.reason == "RolledOut" || event.reason == "RolledBack") return true;
      std::string line = event.service.empty() ? "node" : event.service;
      if (!event.component.empty()) line += "/" + event.component;
      line += warning ? ": warning: " : ": ";
      lines_.push_back(line + (event.message.empty() ? event.reason : event.message));
    }
    interrupt_.wake();
    return true;
  }

  std::string service_;
  Interrupt& interrupt_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  bool warned_ = false;
  std::set<std::string> reasons_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

// Asks all of them at the same time; the answers stand in their order.
template <class Ask>
auto at_once(const std::vector<const Agent*>& agents, Ask ask) {
  using Answer = decltype(ask(*agents.front()));
  std::vector<std::future<Answer>> pending;
  for (const Agent* agent : agents)
    pending.push_back(std::async(std::launch::async, [&ask, agent] { return ask(*agent); }));
  std::vector<Answer> answers;
  for (auto& one : pending) answers.push_back(one.get());
  return answers;
}

std::vector<Report> ask(const std::vector<const Agent*>& agents) {
  auto answers = at_once(agents, [](const Agent& agent) { return agent.status(); });
  std::vector<Report> reports;
  for (size_t i = 0; i < agents.size(); ++i)
    reports.push_back({agents[i]->label(), std::move(answers[i])});
  return reports;
}

// A container that ended is often gone a moment later: what it said last is read at once.
void show_ended(const std::vector<const Agent*>& agents, const Verdict& verdict,
                std::set<std::string>& logged, Progress& progress) {
  if (!verdict.service || !verdict.service->active) return;
  for (const ComponentStatus& one : verdict.service->components) {
    if (one.ready || one.state != "exited" || one.last_exit == "exited with 0") continue;
    if (!logged.insert(one.container_id).second) continue;
    for (const Agent* agent : agents) {
      if (agents.size() > 1 && agent->name() != verdict.node) continue;
      for (const std::string& line :
           last_log_lines(*agent, verdict.service->name, one.name, kLastLines))
        progress.say("  | " + line);
    }
  }
}

}  // namespace

std::function<bool(const std::string&, const std::string&)> contained_in(Repository& repository) {
  return [&repository, fetched_for = std::string()](const std::string& newer,
                                                    const std::string& older) mutable {
    auto contained = repository.contains(newer, older);
    if (contained && *contained) return true;
    if (fetched_for == newer || !repository.refresh()) return false;
    fetched_for = newer;
    contained = repository.contains(newer, older);
    return contained && *contained;
  };
}

std::map<std::string, int64_t> newest_events(const std::vector<const Agent*>& agents) {
  std::map<std::string, int64_t> newest;
  const auto answers = at_once(agents, [](const Agent& agent) { return agent.events(1); });
  for (size_t i = 0; i < agents.size(); ++i)
    if (const auto& last = answers[i])
      newest[agents[i]->label()] = last->empty() ? 0 : last->back().id;
  return newest;
}

std::vector<Unreached> request_syncs(const std::vector<const Agent*>& agents, bool allow_prune,
                                     Goal& goal) {
  std::vector<Unreached> unreached;
  const auto answers = at_once(agents, [&](const Agent& agent) { return agent.sync(allow_prune); });
  for (size_t i = 0; i < agents.size(); ++i) {
    if (answers[i])
      goal.syncs[agents[i]->label()] = *answers[i];
    else
      unreached.push_back({agents[i]->label(), answers[i].error()});
  }
  return unreached;
}

WaitOutcome wait_for(const std::vector<const Agent*>& agents, const Goal& goal,
                     const std::map<std::string, int64_t>& events, Millis limit,
                     Progress& progress) {
  using End = WaitOutcome::End;
  Interrupt interrupt;
  Watch watch(agents, events, goal.service, interrupt);
  const auto start = Clock::now();
  auto answered = start;
  std::optional<Clock::time_point> failing_since;
  Verdict verdict;
  std::set<std::string> logged;
  const auto end = [&](End how) {
    for (const std::string& line : watch.take_lines()) progress.say(line);
    progress.show(verdict.rows);
    progress.finish();
    return WaitOutcome{how, std::move(verdict), since(start), std::move(logged)};
  };
  for (;;) {
    const std::vector<Report> reports = ask(agents);
    verdict = judge(goal, reports);
    if (!goal.removed) show_ended(agents, verdict, logged, progress);
    if (std::any_of(reports.begin(), reports.end(),
                    [](auto& one) { return one.status.has_value(); }))
      answered = Clock::now();
    if (verdict.state != Verdict::State::kFailing)
      failing_since.reset();
    else if (!failing_since)
      failing_since = Clock::now();

    if (verdict.state == Verdict::State::kDone) return end(End::kDone);
    if (verdict.state == Verdict::State::kFailed) return end(End::kFailed);
    if (failing_since && (watch.told(verdict.reason) || since(*failing_since) >= kFailureStays))
      return end(End::kFailed);
    if (since(answered) >= kNobodyThere) return end(End::kUnreachable);

    const auto asked = Clock::now();
    bool woken = false;
    while (!woken && since(asked) < kAskAgain) {
      for (const std::string& line : watch.take_lines()) progress.say(line), woken = true;
      progress.show(verdict.rows);
      if (limit.count() > 0 && since(start) >= limit) return end(End::kTimedOut);
      Millis pause = progress.mode() == Progress::Mode::kLive ? kFrame : kAskAgain;
      if (limit.count() > 0) pause = std::min(pause, limit - since(start) + Millis(1));
      if (!woken && interrupt.wait(pause)) return end(End::kInterrupted);
    }
  }
}

std::vector<std::string> last_log_lines(const Agent& agent, const std::string& service,
                                        const std::string& component, int lines) {
  std::vector<std::string> text;
  LogQuery query;
  query.tail = lines;
  // A container that is not there any more has no log; then there is nothing to show.
  (void)agent.logs(service, component, query, [&](std::string_view line) {
    text.emplace_back(line);
    return true;
  });
  return text;
}

}  // namespace controller
