#include "agent/loop/observer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "reconciler/back_off.h"

namespace agent {

using reconciler::ComponentKey;
using reconciler::ContainerId;
using reconciler::ContainerState;
using reconciler::ObservedContainer;
using reconciler::StepKind;

namespace {

// While steps run, hints are mostly our own doing: they wait this long for quiet.
constexpr base::Millis kHintPatience = std::chrono::seconds(1);
constexpr reconciler::Schedule kListRetry{std::chrono::seconds(1), std::chrono::seconds(30)};
// conmon needs a moment to write down how the process ended.
constexpr base::Millis kInspectAgain = std::chrono::milliseconds(5);
constexpr int kInspectTries = 200;
// More of them cost more than the list.
constexpr size_t kMostQuestions = 8;
constexpr int kMostLogs = 20;  // that are read for one list
// When all of them hang, there are threads for everything else.
constexpr int64_t kInspectAtOnce = 4;

// Podman did not say that it has not done it.
bool may_have_worked(const base::Error& error) {
  return error.code == base::Code::kTimeout || error.code == base::Code::kUnavailable ||
         error.code == base::Code::kInternal;
}

}  // namespace

Observer::Observer(reconciler::Runtime& runtime, reconciler::Executor& executor,
                   base::Millis list_interval)
    : runtime_(runtime), executor_(executor), list_interval_(list_interval) {}

void Observer::hint(const ContainerId& id) {
  if (hinted_) return;
  const auto known = questions_.find(id);
  if (known != questions_.end()) {
    known->second.stale = known->second.asking;
  } else if (questions_.size() < kMostQuestions) {
    questions_.try_emplace(id);
  } else {
    hint();
  }
}

void Observer::process_ended(const ContainerId& id) {
  const auto known = observed_.containers.find(id);
  if (known == observed_.containers.end() || known->second.state != ContainerState::kRunning)
    return;
  // Nothing may be built upon it from this moment on.
  known->second.state = ContainerState::kUnknown;
  // A list that is under way may still say that it runs.
  if (known->second.owner) touched_.insert(known->second.owner->key);
  questions_[id].ended = true;
}

bool Observer::take(base::TimePoint now) {
  const bool changed = take_inspections(now);
  return take_listing(now) || changed;
}

void Observer::start(base::TimePoint now, const std::set<ComponentKey>& in_flight) {
  touched_.insert(in_flight.begin(), in_flight.end());
  if (hinted_ && !hint_since_) hint_since_ = now;
  const bool quiet = in_flight.empty() || (hint_since_ && now - *hint_since_ >= kHintPatience);
  const bool failing = failures_in_row_ > 0;
  const base::Millis longest = failing ? kListRetry.cap : list_interval_;
  const bool periodic = next_list_ && reconciler::due(*next_list_, now, longest);
  if (!listing_ && (periodic || (hinted_ && quiet && !failing))) start_list(in_flight);
  start_inspections(now, in_flight);
}

void Observer::start_list(const std::set<ComponentKey>& in_flight) {
  touched_ = in_flight;
  hinted_ = false;
  hint_since_.reset();
  listing_ = true;
  // It answers what has not been asked, and makes old what has.
  std::erase_if(questions_,
                [](const auto& entry) { return !entry.second.ended && !entry.second.asking; });
  for (auto& [id, question] : questions_) question.stale |= !question.ended;
  const auto result = std::make_shared<std::optional<Listing>>();
  executor_.submit([this, result, known = known_ends()] { *result = list(known); },
                   [this, result] { listing_result_ = std::move(*result); });
}

void Observer::start_inspections(base::TimePoint now, const std::set<ComponentKey>& in_flight) {
  for (auto& [id, question] : questions_) {
    if (question.asking) continue;
    const auto known = observed_.containers.find(id);
    // The step itself will tell, and podman keeps whoever asks waiting meanwhile.
    const bool step_runs = known != observed_.containers.end() && known->second.owner &&
                           in_flight.contains(known->second.owner->key);
    question.held = step_runs || (!question.ended && listing_);
    const bool due = !question.again_at || *question.again_at <= now ||
                     *question.again_at - now > kInspectAgain;  // a clock that has stepped back
    if (!question.held && due && inspecting() < kInspectAtOnce) start_inspect(id);
  }
}

int64_t Observer::inspecting() const {
  return std::count_if(questions_.begin(), questions_.end(),
                       [](const auto& entry) { return entry.second.asking; });
}

std::map<ContainerId, base::TimePoint> Observer::known_ends() const {
  std::map<ContainerId, base::TimePoint> known;
  for (const auto& [id, container] : observed_.containers)
    if (container.last_lines) known.emplace(id, container.exited_at);
  return known;
}

Observer::Listing Observer::list(const std::map<ContainerId, base::TimePoint>& known) const {
  MCP_TRY(std::vector<ObservedContainer> all, runtime_.list());
  int may_ask = kMostLogs;
  for (ObservedContainer& container : all) {
    const bool ended = container.owner && container.state == ContainerState::kExited;
    const auto before = known.find(container.id);
    const bool new_end = before == known.end() || before->second != container.exited_at;
    if (!ended || !new_end || may_ask-- <= 0) continue;
    const auto lines = runtime_.last_lines(container.id, kLastLines);
    // The list is not kept waiting for a podman that does not answer any more.
    if (!lines && (lines.error().code == base::Code::kTimeout ||
                   lines.error().code == base::Code::kUnavailable))
      may_ask = 0;
    else
      container.last_lines = lines.value_or(std::vector<std::string>());
  }
  return all;
}

void Observer::start_inspect(const ContainerId& id) {
  questions_.at(id).asking = true;
  const auto known = observed_.containers.find(id);
  const bool end_is_known = known != observed_.containers.end() && known->second.last_lines;
  const base::TimePoint end = end_is_known ? known->second.exited_at : base::TimePoint();
  const auto result = std::make_shared<std::optional<Inspection>>();
  executor_.submit(
      [this, result, id, end_is_known, end] {
        Inspection found = runtime_.inspect(id);
        if (found && found->state == ContainerState::kExited &&
            !(end_is_known && found->exited_at == end))
          found->last_lines = last_lines_of(id, runtime_);
        *result = std::move(found);
      },
      [this, result, id] {
        if (const auto question = questions_.find(id); question != questions_.end())
          question->second.result = std::move(*result);
      });
}

void Observer::adopt(std::map<ContainerId, reconciler::AdoptedContainer> adopted) {
  adopted_ = std::move(adopted);
  for (const auto& [id, unused] : adopted_)
    if (const auto known = observed_.containers.find(id); known != observed_.containers.end())
      show_as_adopted(adopted_, known->second);
}

bool Observer::take_listing(base::TimePoint now) {
  if (!listing_result_) return false;
  Listing listing = std::move(*listing_result_);
  listing_result_.reset();
  listing_ = false;
  if (!listing) {
    ++failures_in_row_;
    next_list_ = now + reconciler::delay(kListRetry, failures_in_row_, "list");
    const bool news = !observed_.runtime_error || *observed_.runtime_error != listing.error();
    observed_.runtime_error = listing.error();
    return news;
  }
  failures_in_row_ = 0;
  next_list_ = now + list_interval_;
  bool changed = !listed_once_ || observed_.runtime_error.has_value();
  listed_once_ = true;
  observed_.runtime_error.reset();
  std::map<ContainerId, ObservedContainer> fresh;
  const auto touched = [&](const ObservedContainer& container) {
    return container.owner && touched_.contains(container.owner->key);
  };
  for (ObservedContainer& container : *listing) {
    show_as_adopted(adopted_, container);
    keep_last_lines(container);
    if (!touched(container)) fresh.emplace(container.id, container);
  }
  for (const auto& [id, container] : observed_.containers)
    if (touched(container)) fresh.emplace(id, container);
  // What happened to a component while the list was made is known by its own step; ask once more
  // when it is quiet.
  if (!touched_.empty()) hinted_ = true;
  changed |= std::erase_if(unsure_, [&](const auto& key) { return !touched_.contains(key); }) > 0;
  changed |= fresh != observed_.containers;
  for (const auto& [id, container] : fresh) forget_other_run(container);
  observed_.containers = std::move(fresh);
  return changed;
}

// What it said in the end was read when that was seen first.
void Observer::keep_last_lines(ObservedContainer& container) const {
  const auto before = observed_.containers.find(container.id);
  if (before == observed_.containers.end() || container.last_lines) return;
  if (container.state == ContainerState::kExited && before->second.exited_at == container.exited_at)
    container.last_lines = before->second.last_lines;
}

// What probing found of one run of a container says nothing about the next.
void Observer::forget_other_run(const ObservedContainer& now) {
  const auto before = observed_.containers.find(now.id);
  if (before != observed_.containers.end() &&
      (before->second.pid != now.pid || before->second.started_at != now.started_at))
    observed_.readiness.erase(now.id);
}

bool Observer::take_inspections(base::TimePoint now) {
  bool changed = false;
  for (auto it = questions_.begin(); it != questions_.end();) {
    auto& [id, question] = *it;
    if (!question.result) {
      ++it;
      continue;
    }
    Inspection inspection = std::move(*question.result);
    question.result.reset();
    question.asking = false;
    if (std::exchange(question.stale, false)) {
      ++it;
      continue;
    }
    const auto known = observed_.containers.find(id);
    const bool still_running =
        question.ended && inspection && inspection->state == ContainerState::kRunning &&
        known != observed_.containers.end() && inspection->pid == known->second.pid;
    if (still_running && ++question.asked < kInspectTries) {
      question.again_at = now + kInspectAgain;
      ++it;
      continue;
    }
    if (still_running)
      hinted_ = true;
    else
      changed |= take_inspected(id, std::move(inspection));
    it = questions_.erase(it);
  }
  return changed;
}

bool Observer::take_inspected(const ContainerId& id, Inspection inspection) {
  if (!inspection && inspection.error().code == base::Code::kNotFound)
    return observed_.containers.erase(id) > 0;
  if (!inspection) {
    hinted_ = true;
    return false;
  }
  show_as_adopted(adopted_, *inspection);
  keep_last_lines(*inspection);
  forget_other_run(*inspection);
  ObservedContainer& container = observed_.containers[id];
  if (container == *inspection) return false;
  container = std::move(*inspection);
  return true;
}

// What was asked before a step of ours is not how it stands after it.
void Observer::make_stale(const ContainerId& id) {
  const auto question = questions_.find(id);
  if (question == questions_.end()) return;
  question->second.stale = question->second.asking;
  if (std::exchange(question->second.ended, false) && !question->second.asking)
    questions_.erase(question);
}

void Observer::note(const reconciler::Step& step, const Applied& applied, base::TimePoint now) {
  touched_.insert(step.key);
  if (!applied.result) {
    hinted_ = true;
    if (may_have_worked(applied.result.error())) unsure_.insert(step.key);
    return;
  }
  if (applied.container)
    show_as_adopted(adopted_,
                    observed_.containers.insert_or_assign(applied.container->id, *applied.container)
                        .first->second);
  make_stale(step.container);
  if (applied.container) make_stale(applied.container->id);
  if (step.kind == StepKind::kRemove) observed_.containers.erase(step.container);
  if (step.kind == StepKind::kStop) {
    const auto stopped = observed_.containers.find(step.container);
    if (stopped == observed_.containers.end()) return;
    stopped->second.state = ContainerState::kExited;
    stopped->second.exited_at = now;
    stopped->second.pid = 0;
  }
}

std::optional<base::TimePoint> Observer::wake_at() const {
  std::optional<base::TimePoint> at;
  const auto sooner = [&](base::TimePoint time) {
    if (!at || time < *at) at = time;
  };
  if (!listing_ && next_list_) sooner(*next_list_);
  if (!listing_ && hint_since_ && failures_in_row_ == 0) sooner(*hint_since_ + kHintPatience);
  if (inspecting() < kInspectAtOnce)  // else the end of one of them is followed by a step
    for (const auto& [id, question] : questions_)
      if (!question.asking && !question.held && question.again_at) sooner(*question.again_at);
  return at;
}

}  // namespace agent
