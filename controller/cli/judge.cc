#include "controller/cli/judge.h"

#include <algorithm>
#include <array>

#include "controller/cli/session.h"

namespace controller {
namespace {

using State = Verdict::State;

std::string reason_and_message(const Condition& condition) {
  return condition.message.empty() ? condition.reason : condition.reason + ": " + condition.message;
}

// The reasons of Reconciling=True that say that all goes well; with any other the agent retries
// what failed (docs/runbook.md).
bool is_progress(const std::string& reason) {
  constexpr std::array kReasons = {"Progressing",    "Probing",   "DependencyNotReady",
                                   "WaitingForPort", "Watching",  "Draining",
                                   "HandingOver",    "BackingOff"};
  return std::find(kReasons.begin(), kReasons.end(), reason) != kReasons.end();
}

// What stops a node from acting on the goal's commit; none: it has planned it.
std::optional<Verdict> before_planned(const Goal& goal, const Report& report) {
  Verdict waiting;
  if (!report.status) {
    waiting.reason = "AgentUnreachable";
    waiting.message = report.status.error().text();
    waiting.rows.push_back({report.label, waiting.message, Progress::State::kBusy});
    return waiting;
  }
  const auto sync = goal.syncs.find(report.label);
  const SourceStatus& source = report.status->source;
  const bool fetched = sync == goal.syncs.end() || source.syncs_done >= sync->second;
  if (fetched && (source.last_error.empty() || sync == goal.syncs.end())) return std::nullopt;
  waiting.node = report.label;
  waiting.reason = source.last_error.empty() ? "Syncing" : "SourceUnavailable";
  waiting.message = source.last_error.empty()
                        ? "fetches " + source.url
                        : "cannot fetch " + source.url + ": " + source.last_error;
  waiting.state = fetched ? State::kFailing : State::kWaiting;
  waiting.rows.push_back(
      {report.label, waiting.message, fetched ? Progress::State::kFailed : Progress::State::kBusy});
  return waiting;
}

Verdict judge_service(const ServiceStatus& service) {
  Verdict verdict;
  verdict.node = service.node;
  verdict.service = service;
  const Word word = summarise(service.conditions);
  if (word.condition != nullptr) {
    verdict.reason = word.condition->reason;
    verdict.message = word.condition->message;
  }
  if (service.hold) {
    verdict.state = State::kFailed;
    verdict.reason = service.hold->reason;
    verdict.message = service.hold->message;
  } else if (word.text == "Ready") {
    verdict.state = State::kDone;
  } else if (word.text == "Stalled") {
    verdict.state = State::kFailed;
  } else if (word.text == "Failed") {
    verdict.state = State::kFailing;
  }
  for (const ComponentStatus& component : service.components) {
    // A stopped service is Ready without a component that is; a component that is ready and waits
    // is one of an earlier definition.
    const bool done =
        verdict.state == State::kDone || (component.ready && component.waiting_for.empty());
    const bool failed = !done && !component.last_exit.empty() && component.state != "running";
    verdict.rows.push_back({service.name + "/" + component.name, describe_component(component),
                            done     ? Progress::State::kDone
                            : failed ? Progress::State::kFailed
                                     : Progress::State::kBusy});
  }
  const bool said = std::any_of(service.components.begin(), service.components.end(),
                                [](auto& one) { return !one.waiting_for.empty(); });
  if (verdict.rows.empty() || (verdict.state != State::kDone && !said))
    verdict.rows.push_back(
        {service.name,
         verdict.state == State::kDone || verdict.reason.empty()
             ? word.text
             : verdict.reason + (verdict.message.empty() ? "" : ": " + verdict.message),
         verdict.state == State::kDone      ? Progress::State::kDone
         : verdict.state == State::kWaiting ? Progress::State::kBusy
                                            : Progress::State::kFailed});
  return verdict;
}

// This node still reconciles to a revision without the goal's commit. When it was asked to fetch
// and has, that will stay so.
std::optional<Verdict> other_history(const Goal& goal, const Report& report) {
  const NodeStatus& status = *report.status;
  if (goal.revision.empty() || status.revision == goal.revision || !goal.contains) return {};
  if (!status.revision.empty() && goal.contains(status.revision, goal.revision)) return {};
  Verdict failed;
  failed.state = State::kFailed;
  const std::string& held = status.held_revision;
  const bool asked = goal.syncs.contains(report.label);
  // A held revision is not in force either; its hold says more than this could. One that was held
  // before the goal's commit says nothing about it.
  const Condition* stalled = find_condition(status.conditions, "Stalled");
  const bool concerned =
      asked || held == goal.revision || (!held.empty() && goal.contains(held, goal.revision));
  if (concerned && stalled != nullptr && stalled->status == "True") {
    failed.reason = stalled->reason;
    failed.message = stalled->message;
  } else if (!asked) {
    failed.state = State::kWaiting;
    failed.reason = "OtherRevision";
    failed.message = "is at " +
                     (status.revision.empty() ? "no revision" : short_revision(status.revision)) +
                     ", waits for " + short_revision(goal.revision);
  } else {
    failed.reason = "OtherRevision";
    failed.message = "the agent follows branch '" + status.source.branch + "' of " +
                     status.source.url + " at " + short_revision(status.revision) +
                     ", which does not contain " + short_revision(goal.revision);
  }
  failed.node = report.label;
  failed.in_force = status.revision;
  failed.rows.push_back(
      {report.label, failed.message,
       failed.state == State::kFailed ? Progress::State::kFailed : Progress::State::kBusy});
  return failed;
}

int urgency(State state) {
  return state == State::kFailed    ? 3
         : state == State::kWaiting ? 2
         : state == State::kFailing ? 1
                                    : 0;
}

// The worst of two decides; the rows of both are shown.
void merge(Verdict& all, Verdict one) {
  std::vector<Progress::Row> rows = std::move(all.rows);
  rows.insert(rows.end(), one.rows.begin(), one.rows.end());
  if (urgency(one.state) > urgency(all.state)) all = std::move(one);
  all.rows = std::move(rows);
}

Verdict judge_one(const Goal& goal, const std::vector<Report>& reports) {
  Verdict nowhere;
  std::optional<Verdict> found;
  std::optional<Verdict> blocked;
  for (const Report& report : reports) {
    if (auto early = before_planned(goal, report)) {
      if (!blocked || urgency(early->state) > urgency(blocked->state)) blocked = std::move(early);
      continue;
    }
    if (auto other = other_history(goal, report)) {
      blocked = std::move(other);
      continue;
    }
    nowhere.in_force = report.status->revision;
    for (const ServiceStatus& service : report.status->services) {
      if (service.name != goal.service) continue;
      Verdict verdict = judge_service(service);
      verdict.in_force = report.status->revision;
      if (goal.suspended && service.suspended) verdict.state = State::kDone;
      if (!found || verdict.state != State::kDone) found = std::move(verdict);
    }
  }
  if (goal.removed && found) {
    if (found->state != State::kFailed) found->state = State::kWaiting;
    if (found->state == State::kWaiting) {
      found->reason = "Removing";
      found->message = "its containers are being removed";
    }
    return *found;
  }
  if (found) return *found;
  if (blocked) return *blocked;
  if (goal.removed) {
    nowhere.state = State::kDone;
    nowhere.rows.push_back({goal.service, "gone", Progress::State::kDone});
    return nowhere;
  }
  nowhere.state = State::kFailing;
  nowhere.reason = "NotPlaced";
  nowhere.message = "no agent that was asked runs " + goal.service +
                    "; its node, its placement labels or the node files may name another one";
  nowhere.rows.push_back({goal.service, nowhere.message, Progress::State::kFailed});
  return nowhere;
}

}  // namespace

Word summarise(const std::vector<Condition>& conditions) {
  const Condition* ready = find_condition(conditions, "Ready");
  const Condition* stalled = find_condition(conditions, "Stalled");
  const Condition* reconciling = find_condition(conditions, "Reconciling");
  if (stalled != nullptr && stalled->status == "True") return {"Stalled", stalled};
  if (reconciling != nullptr && reconciling->status == "True")
    return {is_progress(reconciling->reason) ? "Reconciling" : "Failed", reconciling};
  if (ready != nullptr && ready->status == "True") return {"Ready", ready};
  if (ready != nullptr && ready->status == "False") return {"Failed", ready};
  return {"Unknown", ready};
}

Word word_of(const ServiceStatus& service) {
  Word word = summarise(service.conditions);
  if (service.suspended) word.text = "Suspended";
  return word;
}

std::string describe_component(const ComponentStatus& component) {
  const bool completed = component.ready && component.state == "exited";
  std::string text = completed                 ? "completed"
                     : component.ready         ? "ready"
                     : component.state.empty() ? "no container"
                                               : component.state;
  if (!component.ready && !component.last_exit.empty() && component.state != "running")
    text += " (" + component.last_exit + ")";
  if (component.waiting_for.empty()) return text;
  // Either a thing ("the start of web.api") or a sentence ("no answer yet; next attempt at ...").
  const bool thing = component.waiting_for.starts_with("the ");
  return text + (thing ? ", waits for " : ": ") + component.waiting_for;
}

Verdict judge(const Goal& goal, const std::vector<Report>& reports) {
  if (!goal.service.empty()) return judge_one(goal, reports);
  Verdict all;
  all.state = State::kDone;
  for (const Report& report : reports) {
    if (auto early = before_planned(goal, report)) {
      merge(all, std::move(*early));
      continue;
    }
    if (auto other = other_history(goal, report)) {
      merge(all, std::move(*other));
      continue;
    }
    for (const ServiceStatus& service : report.status->services) {
      Verdict one = judge_service(service);
      // It has been told to stay as it is, and nobody waits for the end of that.
      if (service.suspended) one.state = State::kDone;
      if (one.state == State::kDone)
        one.rows = {
            {service.name, service.suspended ? "suspended" : "ready", Progress::State::kDone}};
      if (!one.message.empty() && one.state != State::kDone)
        one.message = service.name + ": " + one.message;
      merge(all, std::move(one));
    }
    // The goal's commit is in force: what is held is a newer one.
    const bool other_held = !goal.revision.empty() && !report.status->held_revision.empty();
    if (const Condition* stalled = find_condition(report.status->conditions, "Stalled");
        !other_held && stalled != nullptr && stalled->status == "True")
      merge(all, {State::kFailed,
                  report.label,
                  report.status->revision,
                  stalled->reason,
                  stalled->message,
                  {{report.label, reason_and_message(*stalled), Progress::State::kFailed}},
                  {}});
  }
  return all;
}

}  // namespace controller
