#include "agent/status/status.h"

#include "agent/status/alert_status.h"
#include "agent/status/component_status.h"
#include "agent/status/json.h"
#include "agent/status/picture.h"
#include "agent/status/route_status.h"
#include "reconciler/conditions.h"
#include "reconciler/service_conditions.h"

namespace agent {

using reconciler::ComponentKey;
using reconciler::Condition;
using reconciler::ServiceName;

Json conditions_json(const std::vector<Condition>& conditions) {
  Json out = Json::array();
  for (const Condition& condition : conditions)
    out.push_back({{"type", condition.type},
                   {"status", reconciler::name(condition.status)},
                   {"reason", condition.reason},
                   {"message", condition.message},
                   {"since", base::to_rfc3339(condition.since)}});
  return out;
}

Json suspended_json(const std::optional<crds::Suspend>& suspended) {
  if (!suspended) return nullptr;
  return {{"until", suspended->until ? Json(base::to_rfc3339(*suspended->until)) : Json()},
          {"reason", or_null(suspended->reason)}};
}

std::string version_of(const std::string& image) {
  const size_t digest = image.find('@');
  const std::string name = image.substr(0, digest);
  const size_t colon = name.rfind(':');
  // A colon before a slash is a registry's port.
  if (colon != name.npos && name.find('/', colon) == name.npos) return name.substr(colon + 1);
  if (digest != image.npos) return image.substr(digest + 1);
  return image.empty() ? "" : "latest";
}

namespace {

std::vector<Condition> conditions_of(const Picture& picture, const ServiceName& name) {
  const auto known = picture.view.memory.services.find(name);
  if (known != picture.view.memory.services.end() && !known->second.conditions.empty())
    return known->second.conditions;
  if (picture.view.desired.unusable.contains(name))
    return reconciler::conditions_of_unusable(picture.view.desired, name, {}, picture.view.at);
  if (picture.desired(name)) return {};
  return {{"Ready", reconciler::Status::kFalse, reconciler::reason::kProgressing, "being removed",
           picture.view.at},
          {"Reconciling", reconciler::Status::kTrue, reconciler::reason::kProgressing,
           "being removed", picture.view.at}};
}

Json service_json(const Picture& picture, const ServiceName& name) {
  const auto* desired = picture.desired(name);
  const auto memory = picture.view.memory.services.find(name);
  const bool remembered = memory != picture.view.memory.services.end();
  Json hold;
  if (desired && desired->hold)
    hold = {{"reason", desired->hold->reason}, {"message", desired->hold->message}};
  Json components = Json::array();
  for (const auto& component : picture.components(name))
    components.push_back(component_json(picture, {name, component}));
  Json out = {
      {"name", name.str()},
      {"node", picture.view.desired.node.str()},
      {"path", desired ? or_null(desired->path) : Json()},
      {"active",
       desired ? desired->definition.active : picture.view.desired.unusable.contains(name)},
      {"revision", desired ? or_null(desired->revision.str()) : Json()},
      {"lastReadyRevision", remembered ? or_null(memory->second.ready_revision.str()) : Json()},
      {"hold", hold},
      {"suspended", remembered ? suspended_json(memory->second.suspended) : Json()},
      {"conditions", conditions_json(conditions_of(picture, name))},
      {"components", components}};
  if (desired && !desired->goes_to.empty()) out["goesTo"] = desired->goes_to.str();
  if (desired && !desired->data_on.empty()) out["dataOn"] = desired->data_on.str();
  return out;
}

Json services_json(const Picture& picture) {
  Json out = Json::array();
  for (const ServiceName& name : picture.services) out.push_back(service_json(picture, name));
  return out;
}

Json source_json(const SourceState& source) {
  return {{"url", source.url},
          {"branch", source.branch},
          {"lastFetch", source.last_fetch ? or_null(*source.last_fetch) : Json()},
          {"lastError", source.last_error ? Json(source.last_error->text()) : Json()},
          {"syncsDone", source.syncs_done}};
}

}  // namespace

Json status_document(const View& view, std::string_view version) {
  return {{"node", view.desired.node.str()},
          {"agentVersion", version},
          {"time", base::to_rfc3339(view.at)},
          {"revision", or_null(view.desired.revision.str())},
          {"lastReadyRevision", or_null(view.memory.ready_revision.str())},
          {"heldRevision",
           view.observed.commit_held ? Json(view.observed.commit_held->revision.str()) : Json()},
          {"source", source_json(view.source)},
          {"conditions", conditions_json(view.memory.conditions)},
          {"problems", view.desired.problems},
          {"routes", routes_state(view)},
          {"routesError", routes_error(view)},
          {"alerts", alerts_json(view.alerts)},
          {"alertReceivers", receivers_json(view.alerts)},
          {"services", services_json(Picture(view))}};
}

Json services_document(const View& view) {
  return services_json(Picture(view));
}

std::optional<Json> service_document(const View& view, const ServiceName& name) {
  const Picture picture(view);
  if (!picture.services.contains(name)) return std::nullopt;
  return service_json(picture, name);
}

std::vector<std::string> service_names(const View& view) {
  std::vector<std::string> names;
  for (const ServiceName& name : Picture(view).services) names.push_back(name.str());
  return names;
}

Json containers_document(const View& view) {
  const Picture picture(view);
  Json out = Json::array();
  for (const auto& [key, list] : picture.containers) {
    const auto memory = view.memory.components.find(key);
    for (const auto* container : list)
      out.push_back(
          {{"service", key.service.str()},
           {"component", key.component.str()},
           {"node", view.desired.node.str()},
           {"name", container->name},
           {"id", container->id.str()},
           {"state", reconciler::name(container->state)},
           {"image", container->image},
           {"version", version_of(container->image)},
           {"startedAt", or_null(container->started_at)},
           {"exitCode", container->state == reconciler::ContainerState::kExited
                            ? Json(container->exit_code)
                            : Json()},
           {"ready", picture.ready(*container)},
           {"restarts", memory == view.memory.components.end() ? 0 : memory->second.restarts}});
  }
  return out;
}

std::optional<reconciler::ContainerId> container_of(const View& view, const ComponentKey& key) {
  const auto* container = Picture(view).serving(key);
  return container ? std::optional(container->id) : std::nullopt;
}

base::Result<> readiness(const View& view) {
  if (view.observed.runtime_error) return view.observed.runtime_error->within("not ready");
  if (view.observed.registry_error) return view.observed.registry_error->within("not ready");
  if (view.desired.revision.empty())
    return base::unavailable("not ready: no revision has been fetched yet",
                             view.source.last_error ? view.source.last_error->text() : "");
  return {};
}

}  // namespace agent
