#include "agent/loop/journal.h"

#include <algorithm>
#include <utility>

#include "base/core/text.h"
#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/steps.h"

namespace agent {

using namespace reconciler;  // NOLINT: this file speaks of little else

namespace {

constexpr Schedule kWriteRetry{std::chrono::seconds(1), std::chrono::seconds(30)};
constexpr size_t kMaxEventsInHand = 10'000;

const char* done_reason(StepKind kind) {
  switch (kind) {
    case StepKind::kPullImage:
      return "Pulled";
    case StepKind::kCreate:
      return "Created";
    case StepKind::kStart:
      return "Started";
    case StepKind::kRoute:
      return "Routed";
    case StepKind::kStop:
      return "Stopped";
    case StepKind::kRemove:
      return "Removed";
  }
  return "Done";
}

// "started after 400ms, ready after 1.2s, routed after 1.3s, drained after 11.4s, done after 11.9s;
// 1234 requests, 0 failed, 3 held"
std::string receipt(const Rollout& rollout) {
  std::string out;
  const auto phase = [&](const char* text, TimePoint at) {
    if (at == TimePoint{}) return;
    out += (out.empty() ? "" : ", ") + std::string(text) + " after " +
           base::to_duration(std::max(Millis(0), at - rollout.begun));
  };
  phase("started", rollout.started);
  phase("ready", rollout.ready);
  phase("routed", rollout.switched);
  phase("drained", rollout.drained);
  phase("done", rollout.finished);
  if (rollout.switched == TimePoint{} || !rollout.replaces) return out;
  return out + "; " + std::to_string(rollout.seen.requests) + " requests, " +
         std::to_string(rollout.seen.failed) + " failed, " + std::to_string(rollout.seen.held) +
         " held";
}

const char* how_healed(const ComponentMemory& before, const ComponentMemory& after) {
  if (!before.settled || before.settled->container != after.settled->container) return "replaced";
  const bool runs = std::none_of(before.drift.begin(), before.drift.end(),
                                 [](const FieldChange& change) { return change.field == "state"; });
  return runs ? "rerouted" : "restarted";
}

const Condition* first(const std::vector<Condition>& conditions) {
  return conditions.empty() ? nullptr : &conditions.front();
}

// Whether the node's condition says no more than that of its services.
bool sums_up_services(const Condition* condition) {
  return condition == nullptr || condition->reason == reason::kProgressing ||
         condition->reason == reason::kSucceeded;
}

bool same_state(const Condition* a, const Condition* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->status == b->status && a->reason == b->reason;
}

std::string object_of(const Step& step) {
  if (step.kind == StepKind::kPullImage) return step.image;
  if (step.kind != StepKind::kRoute) return step.container_name;
  std::vector<std::string> parts;
  for (const RouteSpec& route : step.routes)
    parts.push_back(route.key.text() + " -> " + route.backend +
                    (route.hold.count() > 0 ? " (holding new connections)" : ""));
  for (const RouteKey& key : step.unroutes) parts.push_back(key.text() + " -> (none)");
  return base::join(parts, ", ");
}

// " | " between the lines that the component of the service said which ended last; its end is the
// reason.
std::string last_words(const Memory& memory, const ServiceName& service, const std::string& why) {
  constexpr size_t kMost = 2000;
  if (why != reason::kFlapping && why != reason::kRolloutFailed) return "";
  const Exit* last = nullptr;
  for (auto it = memory.components.lower_bound({service, {}});
       it != memory.components.end() && it->first.service == service; ++it)
    if (const auto& exit = it->second.last_exit; exit && !exit->lines.empty())
      if (last == nullptr || exit->at > last->at) last = &*exit;
  std::string out;
  if (last == nullptr) return out;
  for (auto line = last->lines.rbegin(); line != last->lines.rend(); ++line) {
    if (out.size() + line->size() > kMost) break;
    out = *line + (out.empty() ? "" : " | ") + out;
  }
  return out.empty() ? out : "; its last lines: " + out;
}

// The pieces of `now` that differ from `before`, and the keys that are gone.
template <class Key, class Value>
void difference(const std::map<Key, Value>& before, const std::map<Key, Value>& now,
                std::map<Key, Value>& changed, std::set<Key>& gone) {
  for (const auto& [key, value] : now) {
    const auto old = before.find(key);
    if (old == before.end() || !(old->second == value)) changed.emplace(key, value);
  }
  for (const auto& [key, value] : before)
    if (!now.contains(key)) gone.insert(key);
}

}  // namespace

base::Result<Store::Saved> Journal::load() {
  MCP_TRY(Store::Saved saved, store_.load());
  stored_desired_ = saved.desired;
  stored_ = described_ = saved.memory;
  return saved;
}

void Journal::add(Event event) {
  if (listener_) listener_(event);
  if (events_.size() == kMaxEventsInHand) {
    events_.pop_front();
    meters_->events_dropped.add();
  }
  events_.push_back(std::move(event));
}

void Journal::add(RolloutRecord record) {
  if (rollouts_.size() == kMaxEventsInHand) rollouts_.pop_front();
  rollouts_.push_back(std::move(record));
}

void Journal::note(const Step& step, const Applied& applied, base::TimePoint now) {
  const bool image_missing = step.kind == StepKind::kCreate && !applied.result &&
                             applied.result.error().code == base::Code::kNotFound;
  Event event;
  event.time = now;
  event.warning = !applied.result && !image_missing;
  event.service = step.key.service;
  event.component = step.key.component;
  event.reason = applied.result ? done_reason(step.kind) : "StepFailed";
  event.message = applied.result ? std::string(done_reason(step.kind)) + " " + object_of(step)
                                 : applied.result.error().text();
  if (image_missing) {
    // The usual way to learn that a pull comes next.
    event.reason = "ImageMissing";
    event.message = step.image + " is not on this node";
  }
  event.cause = step.cause;
  event.revision = step.revision;
  event.step = step.id;
  add(event);
  if (applied.last_lines.empty()) return;
  event.warning = true;
  event.reason = "LastLines";
  event.message =
      step.container_name + " said in the end: " + base::join(applied.last_lines, " | ");
  add(std::move(event));
}

void Journal::describe_changes(const Memory& memory, base::TimePoint now, const Desired& desired) {
  const auto describe = [&](const ServiceName& service, const Revision& revision,
                            const std::vector<Condition>& before,
                            const std::vector<Condition>& after) {
    const Condition* condition = first(after);
    if (condition == nullptr || same_state(first(before), condition)) return;
    Event event;
    event.time = now;
    const bool on_its_way = after.size() == 1 || after.back().type == "Reconciling";
    // What is tried again and again is no progress.
    const bool troubled =
        condition->reason == reason::kFlapping || condition->reason == reason::kRolloutFailed;
    event.warning = condition->status == Status::kFalse && (!on_its_way || troubled);
    event.service = service;
    event.reason = condition->reason;
    event.message = condition->message + last_words(memory, service, condition->reason);
    event.revision = revision;
    add(event);
  };
  // What others did comes before what is made of it.
  for (const auto& [key, after] : memory.components) {
    const auto before = described_.components.find(key);
    describe_drift(key, before == described_.components.end() ? ComponentMemory{} : before->second,
                   after, desired, now);
  }
  if (!sums_up_services(first(described_.conditions)) ||
      !sums_up_services(first(memory.conditions)))
    describe(ServiceName(), desired.revision, described_.conditions, memory.conditions);
  for (const auto& [service, after] : memory.services) {
    const auto before = described_.services.find(service);
    const ServiceMemory& old =
        before == described_.services.end() ? ServiceMemory{} : before->second;
    const auto wish = desired.services.find(service);
    const Revision revision =
        wish == desired.services.end() ? desired.revision : wish->second.revision;
    describe_suspension(service, revision, old.suspended, after.suspended, now);
    describe(service, revision, old.conditions, after.conditions);
    const Condition* condition = first(after.conditions);
    if (!(after.ready_revision == old.ready_revision)) {
      failed_.erase(service);
      add(RolloutRecord{service, after.ready_revision, now, true, condition->message});
    } else if (condition != nullptr && condition->reason == reason::kRolloutFailed &&
               !same_state(first(old.conditions), condition) &&
               std::exchange(failed_[service], revision) != revision) {
      add(RolloutRecord{service, revision, now, false, condition->message});
    }
  }
  for (const auto& [key, after] : memory.components) {
    const auto before = described_.components.find(key);
    if (!after.rollout || after.rollout->finished == TimePoint{} ||
        (before != described_.components.end() && before->second.rollout == after.rollout))
      continue;
    const bool failed = !after.rollout->error.empty();
    meters_->rollouts.with({failed ? "failed" : "succeeded"})
        .observe(after.rollout->finished - after.rollout->begun);
    if (failed && !after.rollout->replaces) continue;  // nothing was swapped
    Event event;
    event.time = now;
    event.service = key.service;
    event.component = key.component;
    event.warning = failed;
    event.reason = failed ? "RolledBack" : "RolledOut";
    event.message = (failed ? after.rollout->error + "; " : "") + receipt(*after.rollout);
    event.revision = after.rollout->revision;
    add(std::move(event));
  }
  describe_adoptions(memory, now);
  std::erase_if(failed_, [&](const auto& entry) { return !memory.services.contains(entry.first); });
  described_ = memory;
}

void Journal::describe_drift(const ComponentKey& key, const ComponentMemory& before,
                             const ComponentMemory& after, const Desired& desired,
                             base::TimePoint now) {
  const auto among = [](const std::vector<FieldChange>& all, const FieldChange& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  Event event;
  event.time = now;
  event.service = key.service;
  event.component = key.component;
  if (const auto service = desired.services.find(key.service); service != desired.services.end())
    event.revision = service->second.revision;
  for (const FieldChange& change : after.drift) {
    if (among(before.drift, change)) continue;
    event.warning = true;
    event.reason = reason::kDrifted;
    event.message = change.field + ": expected " + (change.from.empty() ? "(none)" : change.from) +
                    ", is " + (change.to.empty() ? "(none)" : change.to);
    const bool ended = change.to == name(ContainerState::kExited) && after.last_exit;
    event.cause = ended ? exit_text(after.last_exit->code) + said(after.last_exit->lines)
                        : "changed behind our back";
    add(event);
  }
  if (before.drift.empty() || !after.drift.empty() || !after.settled ||
      before.wanted_hash != after.wanted_hash)
    return;
  event.warning = false;
  event.reason = "Healed";
  event.message = "it is as defined again";
  std::vector<std::string> parts;
  for (const FieldChange& change : before.drift)
    parts.push_back(change.field + " was " + change.to);
  event.cause = base::join(parts, ", ");
  add(std::move(event));
  meters_->healed.with({how_healed(before, after)}).add();
}

void Journal::describe_suspension(const ServiceName& service, const Revision& revision,
                                  const std::optional<crds::Suspend>& before,
                                  const std::optional<crds::Suspend>& after, base::TimePoint now) {
  if (before == after) return;
  Event event;
  event.time = now;
  event.service = service;
  event.revision = revision;
  if (after) {
    event.reason = reason::kSuspended;
    event.message = suspension_text(*after) + ": no change is made to it";
  } else {
    const bool over = before->until && *before->until <= now;
    event.reason = "Resumed";
    event.message = over ? "its suspension is over" : "it is not suspended any more";
    event.cause = over ? "it was " + suspension_text(*before) : "";
  }
  add(std::move(event));
}

void Journal::describe_adoptions(const Memory& memory, base::TimePoint now) {
  const auto adoption_in = [](const Memory& state, const ComponentKey& key) {
    const auto found = state.components.find(key);
    return found == state.components.end() ? std::nullopt : found->second.adopted;
  };
  const auto tell = [&](const ComponentKey& key, const Adoption& adoption, bool warning,
                        const char* why, const std::string& message, const std::string& cause) {
    Event event;
    event.time = now;
    event.warning = warning;
    event.service = key.service;
    event.component = key.component;
    event.reason = why;
    event.message = "container " + adoption.container.str().substr(0, 12) + message;
    event.cause = cause;
    event.revision = adoption.revision;
    add(std::move(event));
  };
  for (const auto& [key, component] : memory.components) {
    if (!component.adopted || component.adopted->revision.empty()) continue;
    const auto before = adoption_in(described_, key);
    if (before && before->container == component.adopted->container && !before->revision.empty())
      continue;
    tell(key, *component.adopted, false, "Adopted", " is managed from here on, and was not touched",
         "adoption accepted at " + base::to_rfc3339(component.adopted->since) + ", and defined");
  }
  for (const auto& [key, component] : described_.components)
    if (component.adopted && component.adopted->revision.empty() && !adoption_in(memory, key))
      tell(key, *component.adopted, true, "AdoptionDropped", " is not managed",
           "it is gone, or no commit defined " + key.text() + " in time");
}

void Journal::save(const Desired& desired, const Memory& memory, base::TimePoint now) {
  Transaction transaction;
  describe_changes(memory, now, desired);
  if (error_ && !due(next_at_, now, kWriteRetry)) return;
  if (!stored_desired_ || !(*stored_desired_ == desired)) transaction.desired = desired;
  difference(stored_.components, memory.components, transaction.components,
             transaction.forgotten_components);
  difference(stored_.services, memory.services, transaction.services,
             transaction.forgotten_services);
  if (!(stored_.conditions == memory.conditions && stored_.ready_revision == memory.ready_revision))
    transaction.node = {memory.conditions, memory.ready_revision};
  transaction.events.assign(events_.begin(), events_.end());
  transaction.rollouts.assign(rollouts_.begin(), rollouts_.end());
  const base::Result<> written = transaction.empty() ? base::Result<>() : commit(transaction);
  if (!written) {
    error_ = written.error();
    if (written.error().code == base::Code::kCorrupt) {
      stored_desired_.reset();
      stored_ = {};
    }
    next_at_ = now + delay(kWriteRetry, ++failures_in_row_, "registry");
    return;
  }
  error_.reset();
  failures_in_row_ = 0;
  stored_ = memory;
  if (transaction.desired) stored_desired_ = std::move(transaction.desired);
  events_.clear();
  rollouts_.clear();
}

base::Result<> Journal::commit(const Transaction& transaction) {
  const base::metrics::Stopwatch watch;
  base::Result<> written = store_.commit(transaction);
  meters_->registry_writes.observe(watch.elapsed());
  if (!written) meters_->registry_errors.add();
  return written;
}

std::optional<base::TimePoint> Journal::wake_at() const {
  return error_ ? std::optional(next_at_) : std::nullopt;
}

}  // namespace agent
