#include "agent/loop/peer_board.h"

#include <algorithm>
#include <memory>
#include <set>

#include "reconciler/back_off.h"

namespace agent {

using reconciler::PeerAnswer;
using reconciler::PeerQuestion;
using reconciler::ServiceName;

namespace {

// Mostly it is a matter of seconds; a node that is down may stay so for long.
constexpr base::Millis kFirstPause = std::chrono::seconds(1);
constexpr base::Millis kLongestPause = std::chrono::seconds(15);
constexpr int kEager = 30;  // questions with the first pause

}  // namespace

void PeerBoard::want(const std::vector<PeerQuestion>& questions, base::TimePoint now,
                     Answers& answers) {
  if (peers_ == nullptr) return;
  std::set<ServiceName> wanted;
  for (const PeerQuestion& question : questions) {
    wanted.insert(question.service);
    Entry& entry = entries_[question.service];
    if (entry.generation != 0 && entry.question == question) continue;
    entry = Entry{.question = question, .next_at = now, .generation = ++generations_};
    answers.erase(question.service);
  }
  const auto unwanted = [&](const auto& entry) { return !wanted.contains(entry.first); };
  std::erase_if(entries_, unwanted);
  std::erase_if(answers, unwanted);
}

bool PeerBoard::step(base::TimePoint now, Answers& answers) {
  bool changed = false;
  for (auto& [service, entry] : entries_) {
    if (entry.answer) {
      entry.asking = false;
      entry.next_at = now + (++entry.asked < kEager ? kFirstPause : kLongestPause);
      PeerAnswer& known = answers[service];
      changed |= known != *entry.answer;
      known = std::move(*entry.answer);
      entry.answer.reset();
    }
    if (!entry.asking && reconciler::due(entry.next_at, now, kLongestPause)) ask(service, entry);
  }
  return changed;
}

void PeerBoard::ask(const ServiceName& service, Entry& entry) {
  entry.asking = true;
  const auto answer = std::make_shared<PeerAnswer>();
  executor_.submit([this, answer, question = entry.question] { *answer = peers_->ask(question); },
                   [this, answer, service, generation = entry.generation] {
                     const auto found = entries_.find(service);
                     if (found != entries_.end() && found->second.generation == generation)
                       found->second.answer = std::move(*answer);
                   });
}

std::optional<base::TimePoint> PeerBoard::wake_at() const {
  std::optional<base::TimePoint> at;
  for (const auto& [service, entry] : entries_)
    if (!entry.asking && (!at || entry.next_at < *at)) at = entry.next_at;
  return at;
}

}  // namespace agent
