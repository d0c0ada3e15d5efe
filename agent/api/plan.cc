#include <nlohmann/json.hpp>
#include <set>

#include "agent/api/documents.h"
#include "agent/api/handlers.h"
#include "reconciler/conditions.h"
#include "reconciler/preview.h"
#include "reconciler/resolve.h"
#include "reconciler/steps.h"

namespace agent {
namespace {

using reconciler::Desired;
using reconciler::ServiceName;

// What would not come into force, though it is valid.
Json held_json(const Desired& desired, const std::vector<reconciler::Change>& changes,
               base::TimePoint now) {
  Json held = Json::array();
  const auto add = [&](const ServiceName& service, const std::string& why,
                       const std::string& message) {
    held.push_back({{"service", service.str()}, {"reason", why}, {"message", message}});
  };
  using namespace reconciler::reason;
  for (const auto& [name, service] : desired.services)
    if (service.hold && service.hold->reason != kInvalidDefinition)
      add(name, service.hold->reason, service.hold->message);
  for (const ServiceName& name : desired.refused)
    add(name, kPolicyViolation, desired.unusable.at(name));
  std::set<ServiceName> changed;
  for (const auto& change : changes) changed.insert(change.key.service);
  for (const ServiceName& name : changed) {
    const auto service = desired.services.find(name);
    if (service == desired.services.end()) continue;
    const auto& suspend = service->second.definition.suspend;
    if (suspend && (!suspend->until || now < *suspend->until))
      add(name, kSuspended, reconciler::suspension_text(*suspend));
  }
  return held;
}

}  // namespace

Handlers::Reply Handlers::plan(const Request& request) {
  MCP_TRY(const auto files, read_tree(request.body));
  const View view = backend_.view();
  const Desired& now = view.desired;
  const reconciler::Snapshot wish = snapshot_of(files, now);
  const Desired* previous = now.revision.empty() ? nullptr : &now;
  const auto resolved = [&](bool approve) {
    return reconciler::resolve(wish, now.node, previous, approve, view.policy);
  };

  Json problems = Json::array(), changes = Json::array();
  for (const auto& problem : wish.tree.problems) problems.push_back(problem_json(problem));
  const auto changed = reconciler::preview(now, resolved(true));
  for (const auto& change : changed) changes.push_back(change_json(change));
  // The changes are those that the tree means; what the prune guard would hold is said beside.
  const Json held = held_json(resolved(false), changed, view.at);
  return base::HttpReply::json(to_body(
      {{"valid", problems.empty()}, {"problems", problems}, {"changes", changes}, {"held", held}}));
}

}  // namespace agent
