#include "agent/status/report.h"

#include "agent/status/json.h"

namespace agent {
namespace {

// Types, states and reasons: messages may change from one moment to the next.
std::string outcome_of(const std::vector<reconciler::Condition>& conditions) {
  std::string out;
  for (const reconciler::Condition& condition : conditions)
    out +=
        " " + condition.type + "=" + std::string(name(condition.status)) + ":" + condition.reason;
  return out + "\n";
}

}  // namespace

Report make_report(const reconciler::Desired& desired, const reconciler::Memory& memory,
                   const reconciler::Observed& observed, std::string_view version) {
  Report out;
  Json services = Json::array();
  const std::string held = observed.commit_held ? observed.commit_held->revision.str() : "";
  out.outcome = desired.revision.str() + " " + held + outcome_of(memory.conditions);
  for (const auto& [service, state] : memory.services) {
    const auto wanted = desired.services.find(service);
    const auto* one = wanted == desired.services.end() ? nullptr : &wanted->second;
    Json hold;
    if (one != nullptr && one->hold)
      hold = {{"reason", one->hold->reason}, {"message", one->hold->message}};
    const std::string revision = one == nullptr ? "" : one->revision.str();
    services.push_back({{"name", service.str()},
                        {"node", desired.node.str()},
                        {"active", one == nullptr || one->definition.active},
                        {"revision", or_null(revision)},
                        {"lastReadyRevision", or_null(state.ready_revision.str())},
                        {"hold", hold},
                        {"suspended", suspended_json(state.suspended)},
                        {"conditions", conditions_json(state.conditions)}});
    out.outcome += service.str() + " " + revision + (state.suspended ? " suspended" : "") +
                   outcome_of(state.conditions);
  }
  const Json document = {{"node", desired.node.str()},
                         {"agentVersion", version},
                         {"revision", or_null(desired.revision.str())},
                         {"lastReadyRevision", or_null(memory.ready_revision.str())},
                         {"heldRevision", or_null(held)},
                         {"conditions", conditions_json(memory.conditions)},
                         {"problems", desired.problems},
                         {"services", services}};
  out.document = document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

}  // namespace agent
