#include "agent/status/component_status.h"

#include "agent/status/route_status.h"
#include "reconciler/conditions.h"
#include "reconciler/labels.h"
#include "reconciler/leases.h"
#include "reconciler/steps.h"

namespace agent {
namespace {

using reconciler::ComponentDesired;
using reconciler::ComponentKey;
using reconciler::ObservedContainer;

// What has to happen before the component is as it should be.
Json waiting_for(const Picture& picture, const ComponentKey& key) {
  if (const auto running = picture.running.find(key); running != picture.running.end())
    return reconciler::in_words(*running->second) + " (" + running->second->cause + ")";
  if (picture.view.observed.runtime_error) return picture.view.observed.runtime_error->text();
  const auto* decision = picture.decision(key);
  if (!decision || decision->phase == reconciler::Phase::kReady ||
      decision->phase == reconciler::Phase::kStopped)
    return nullptr;
  std::string text = decision->message;
  if (decision->phase == reconciler::Phase::kFailing && decision->wake_at &&
      *decision->wake_at > picture.view.at)
    text += "; next attempt at " + base::to_rfc3339(*decision->wake_at);
  return text;
}

Json ports_json(const ObservedContainer* container) {
  Json out = Json::array();
  if (!container) return out;
  for (const crds::PortMapping& port : container->ports) {
    std::string route;
    for (const auto& [name, lease] : container->owner->leases)
      if (lease == port.host_port) route = name;
    out.push_back({{"name", route},
                   {"hostIp", port.host_ip},
                   {"hostPort", port.host_port},
                   {"containerPort", port.container_port},
                   {"protocol", port.protocol}});
  }
  return out;
}

void add_drift(Json& out, const std::string& field, const std::string& expected,
               const std::string& actual) {
  if (expected != actual)
    out.push_back({{"field", field}, {"expected", expected}, {"actual", actual}});
}

std::string state_text(const ObservedContainer* container) {
  return container ? std::string(reconciler::name(container->state)) : "missing";
}

Json drift_json(const Picture& picture, const ComponentKey& key, const ComponentDesired& desired,
                const ObservedContainer* container) {
  Json out = Json::array();
  const auto* decision = picture.decision(key);
  const bool active = picture.desired(key.service)->definition.active;
  const std::string state = state_text(container);
  const bool completed = decision && decision->reason == reconciler::reason::kCompleted;
  if (active && !completed)
    add_drift(out, "state", "running", state);
  else if (state == "running" || state == "paused")
    add_drift(out, "state", "exited", state);
  // What the rest of this cannot see: a route that was led elsewhere.
  const auto memory = picture.view.memory.components.find(key);
  if (memory != picture.view.memory.components.end())
    for (const auto& change : memory->second.drift)
      if (change.field.starts_with("route ")) add_drift(out, change.field, change.from, change.to);
  if (!container) return out;
  for (const auto& change : reconciler::drift(desired, *container))
    add_drift(out, change.field, change.from, change.to);
  add_drift(out, std::string("labels.") + reconciler::kSpecHashLabel, desired.spec_hash,
            container->owner->spec_hash);
  return out;
}

// Podman knows it while the container does not run.
std::optional<reconciler::Exit> last_exit_of(const ObservedContainer* container,
                                             const std::optional<reconciler::Exit>& remembered) {
  if (container && container->state == reconciler::ContainerState::kExited)
    return reconciler::Exit{container->exit_code, container->exited_at,
                            container->last_lines.value_or(std::vector<std::string>())};
  return remembered;
}

Json health_message(const Picture& picture, const ObservedContainer* container) {
  if (!container) return nullptr;
  const auto found = picture.view.observed.readiness.find(container->id);
  return found == picture.view.observed.readiness.end() ? Json() : or_null(found->second.message);
}

}  // namespace

Json component_json(const Picture& picture, const ComponentKey& key) {
  const ComponentDesired* desired = picture.desired(key);
  const ObservedContainer* container = picture.serving(key);
  const auto* decision = picture.decision(key);
  const auto remembered = picture.view.memory.components.find(key);
  const bool known = remembered != picture.view.memory.components.end();
  const std::string image = container && !container->image.empty() ? container->image
                            : desired                              ? desired->spec.image
                                                                   : "";
  const std::optional<reconciler::Exit> last_exit =
      last_exit_of(container, known ? remembered->second.last_exit : std::nullopt);
  return {{"name", key.component.str()},
          {"image", image},
          {"version", version_of(image)},
          {"state", state_text(container)},
          {"ready", container && picture.ready(*container)},
          {"restarts", known ? remembered->second.restarts : 0},
          {"startedAt", container ? or_null(container->started_at) : Json()},
          {"containerName", container ? Json(container->name) : Json()},
          {"containerId", container ? Json(container->id.str()) : Json()},
          {"specHash", container ? Json(container->owner->spec_hash) : Json()},
          {"cause", desired ? desired->cause : "it is not defined any more"},
          {"reason", decision ? or_null(decision->reason) : Json()},
          {"message", decision ? or_null(decision->message) : Json()},
          {"waitingFor", waiting_for(picture, key)},
          {"lastExit", last_exit ? Json(reconciler::exit_text(last_exit->code)) : Json()},
          {"lastExitAt", last_exit ? or_null(last_exit->at) : Json()},
          {"lastLines", last_exit ? Json(last_exit->lines) : Json::array()},
          {"healthMessage", health_message(picture, container)},
          {"ports", ports_json(container)},
          {"routes", desired ? component_routes(picture, key, *desired, container) : Json::array()},
          {"rollout", rollout_json(picture, key)},
          {"drift", desired ? drift_json(picture, key, *desired, container) : Json::array()}};
}

}  // namespace agent
