#include "reconciler/service_conditions.h"

#include <algorithm>

#include "base/core/text.h"
#include "reconciler/conditions.h"
#include "reconciler/handover.h"
#include "reconciler/placement.h"

namespace reconciler {
namespace {

void add(std::vector<Condition>& conditions, const std::vector<Condition>& before, TimePoint now,
         const char* type, Status status, const std::string& reason, const std::string& message) {
  Condition condition{type, status, reason, message, now};
  for (const Condition& old : before)
    if (old.type == type && old.status == status && old.reason == reason)
      condition.since = old.since;
  conditions.push_back(std::move(condition));
}

// "api: ..." where a service has several components.
std::string message_of(const ServiceDesired& service, const ComponentName& component,
                       const Finding& decision) {
  return service.components.size() > 1 ? component.str() + ": " + decision.message
                                       : decision.message;
}

// "a, b, c, d, e and 3 more"
std::string some(std::vector<std::string> names) {
  constexpr size_t kNamed = 5;
  const size_t count = names.size();
  if (count > kNamed) names.resize(kNamed);
  return base::join(names, ", ") +
         (count > kNamed ? " and " + std::to_string(count - kNamed) + " more" : "");
}

}  // namespace

std::vector<Condition> service_conditions(
    const ServiceDesired& service,
    const std::vector<std::pair<ComponentName, const Finding*>>& components,
    const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  const auto ready = [&](Status status, const std::string& reason, const std::string& message) {
    add(out, before, now, "Ready", status, reason, message);
  };
  const auto is_true = [&](const char* type, const std::string& reason, const std::string& text) {
    add(out, before, now, type, Status::kTrue, reason, text);
  };
  const std::pair<ComponentName, const Finding*>* failing = nullptr;
  const std::pair<ComponentName, const Finding*>* progressing = nullptr;
  for (const auto& part : components) {
    if (part.second->phase == Phase::kFailing && failing == nullptr) failing = &part;
    if (part.second->phase == Phase::kProgressing && progressing == nullptr) progressing = &part;
  }
  const auto* worst = failing != nullptr ? failing : progressing;
  if (service.hold) {
    ready(Status::kFalse, service.hold->reason, service.hold->message);
    if (progressing != nullptr)
      is_true("Reconciling", progressing->second->reason,
              message_of(service, progressing->first, *progressing->second));
    is_true("Stalled", service.hold->reason, service.hold->message);
  } else if (worst != nullptr) {
    const std::string message = message_of(service, worst->first, *worst->second);
    const bool probing = worst->second->reason == reason::kProbing && worst->second->available;
    ready(probing ? Status::kUnknown : Status::kFalse, worst->second->reason, message);
    const bool stalled =
        worst->second->final || worst->second->reason == reason::kHostPortConflict ||
        worst->second->reason == reason::kExited || worst->second->reason == reason::kSuspended ||
        worst->second->reason == reason::kRouteConflict;
    is_true(stalled ? "Stalled" : "Reconciling", worst->second->reason, message);
  } else if (!service.definition.active) {
    ready(Status::kTrue, reason::kStopped, "stopped: active is false");
  } else {
    const bool completed = std::any_of(components.begin(), components.end(), [](const auto& part) {
      return part.second->reason == reason::kCompleted;
    });
    ready(Status::kTrue, completed ? reason::kCompleted : reason::kSucceeded,
          (completed ? "ended as its restart policy allows" : "all components are ready") +
              (service.goes_to.empty()
                   ? std::string()
                   : "; it is to go to " + service.goes_to.str() +
                         (keeps_data(service.definition) ? ", which waits for its data"
                                                         : " when its suspension is over")));
  }
  return out;
}

std::vector<Condition> conditions_of_unusable(const Desired& desired, const ServiceName& service,
                                              const std::vector<Condition>& before, TimePoint now) {
  const char* why =
      desired.refused.contains(service) ? reason::kPolicyViolation : reason::kInvalidDefinition;
  return conditions_of_stalled(why, desired.unusable.at(service), before, now);
}

std::vector<Condition> conditions_of_stalled(const std::string& why, const std::string& message,
                                             const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  add(out, before, now, "Ready", Status::kFalse, why, message);
  add(out, before, now, "Stalled", Status::kTrue, why, message);
  return out;
}

std::vector<Condition> conditions_of_waiting(const ServiceDesired& service, const NodeName& here,
                                             const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  const std::string where = "its data is on " + service.data_on.str();
  if (!service.definition.active) {
    add(out, before, now, "Ready", Status::kTrue, reason::kStopped,
        "stopped: active is false; " + where);
    return out;
  }
  const std::string message =
      "placed here, and " + where + " (" + data_hint(service.definition.name, here) + ")";
  return conditions_of_stalled(reason::kWaitingForData, message, before, now);
}

std::vector<Condition> conditions_of_leaving(const std::string& message, bool late,
                                             const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  add(out, before, now, "Ready", Status::kFalse, reason::kHandingOver, message);
  add(out, before, now, late ? "Stalled" : "Reconciling", Status::kTrue, reason::kHandingOver,
      message);
  return out;
}

std::vector<Condition> conditions_of_unknown(const base::Error& error,
                                             const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  add(out, before, now, "Ready", Status::kUnknown, reason::kRuntimeUnavailable, error.text());
  return out;
}

std::vector<Condition> node_conditions(const Desired& desired, const Observed& observed,
                                       const std::map<ServiceName, ServiceMemory>& services,
                                       const std::vector<std::string>& removals,
                                       const std::vector<Condition>& before, TimePoint now) {
  std::vector<Condition> out;
  const auto trouble = [&](Status ready, const char* reason, const std::string& message) {
    add(out, before, now, "Ready", ready, reason, message);
    add(out, before, now, "Reconciling", Status::kTrue, reason, message);
    return out;
  };
  if (observed.runtime_error)
    return trouble(Status::kUnknown, reason::kRuntimeUnavailable, observed.runtime_error->text());
  if (observed.registry_error)
    return trouble(Status::kFalse, reason::kRegistryUnavailable, observed.registry_error->text());
  if (observed.source_error)
    return trouble(Status::kFalse, reason::kSourceUnavailable, observed.source_error->text());
  if (observed.commit_held) {
    const std::string message = observed.commit_held->why.text();
    add(out, before, now, "Ready", Status::kFalse, reason::kCommitNotVerified, message);
    add(out, before, now, "Stalled", Status::kTrue, reason::kCommitNotVerified, message);
    return out;
  }
  if (desired.revision.empty())
    return trouble(Status::kFalse, reason::kProgressing, "no revision has been fetched yet");
  if (!desired.problems.empty()) {
    const std::string message = base::join(desired.problems, "; ");
    add(out, before, now, "Ready", Status::kFalse, reason::kInvalidDefinition, message);
    add(out, before, now, "Stalled", Status::kTrue, reason::kInvalidDefinition, message);
    return out;
  }
  std::vector<std::string> unready, suspended;
  bool reconciling = !removals.empty();
  for (const auto& [service_name, service] : services) {
    if (service.suspended) {
      suspended.push_back(service_name.str());
      continue;
    }
    if (service.conditions.front().status == Status::kTrue) continue;
    unready.push_back(service_name.str());
    for (const Condition& condition : service.conditions)
      reconciling |= condition.type == "Reconciling";
  }
  unready.insert(unready.end(), removals.begin(), removals.end());
  if (unready.empty()) {
    const size_t count = services.size() - suspended.size();
    std::string message = services.empty() ? "no service is to run here"
                          : count == 1
                              ? "the one service is as desired"
                              : "all " + std::to_string(count) + " services are as desired";
    if (!suspended.empty())
      message = (count > 0 ? message + "; suspended: " : "suspended: ") + some(suspended);
    add(out, before, now, "Ready", Status::kTrue, reason::kSucceeded, message);
    return out;
  }
  const std::string message = "not ready: " + some(unready);
  add(out, before, now, "Ready", Status::kFalse, reason::kProgressing, message);
  add(out, before, now, reconciling ? "Reconciling" : "Stalled", Status::kTrue,
      reason::kProgressing, message);
  return out;
}

}  // namespace reconciler
