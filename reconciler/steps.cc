#include "reconciler/steps.h"

#include <algorithm>

#include "base/core/text.h"
#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/leases.h"

namespace reconciler {
namespace {

Step step_for(StepKind kind, const ComponentKey& key, const Revision& revision, std::string cause) {
  Step step;
  step.kind = kind;
  step.key = key;
  step.revision = revision;
  step.cause = std::move(cause);
  return step;
}

void set_id(Step& step, const std::string& object) {
  step.id = step.key.text() + " " + std::string(name(step.kind)) + " " + object;
}

Step container_step(StepKind kind, const ComponentKey& key, const Revision& revision,
                    const ObservedContainer& container, std::string cause) {
  Step step = step_for(kind, key, revision, std::move(cause));
  step.container = container.id;
  step.container_name = container.name;
  set_id(step, container.name);
  return step;
}

}  // namespace

Step pull_step(const ComponentKey& key, const Revision& revision, const std::string& image,
               std::string cause) {
  Step step = step_for(StepKind::kPullImage, key, revision, std::move(cause));
  step.image = image;
  set_id(step, image);
  return step;
}

Step create_step(const ComponentKey& key, const NodeName& node, const ServiceDesired& service,
                 const ComponentDesired& desired, Slot slot,
                 const std::map<std::string, uint16_t>& leases, std::string cause) {
  Step step = step_for(StepKind::kCreate, key, service.revision, std::move(cause));
  step.container_name = container_name(key, slot);
  step.image = desired.spec.image;
  ContainerSpec spec;
  spec.name = step.container_name;
  spec.owner = {key, node, desired.spec_hash, service.revision, slot, leases};
  spec.component = desired.spec;
  spec.ports = published_ports(desired.spec, leases);
  spec.env = environment(desired.spec, leases);
  spec.aliases = {key.service.str() + "-" + key.component.str()};
  if (service.components.size() == 1 || key.component.str() == key.service.str())
    spec.aliases.push_back(key.service.str());
  step.spec = std::move(spec);
  set_id(step, step.container_name);
  return step;
}

Step start_step(const ComponentKey& key, const Revision& revision,
                const ObservedContainer& container, bool heals, std::string cause) {
  Step step = container_step(StepKind::kStart, key, revision, container, std::move(cause));
  step.heals = heals;
  return step;
}

Step route_step(const ComponentKey& key, const Revision& revision, const std::string& object,
                std::vector<RouteSpec> routes, std::vector<RouteKey> unroutes, std::string cause) {
  Step step = step_for(StepKind::kRoute, key, revision, std::move(cause));
  step.routes = std::move(routes);
  step.unroutes = std::move(unroutes);
  set_id(step, object);
  return step;
}

Step stop_step(const ComponentKey& key, const Revision& revision,
               const ObservedContainer& container, std::optional<Millis> timeout,
               std::string cause) {
  Step step = container_step(StepKind::kStop, key, revision, container, std::move(cause));
  step.stop_timeout = timeout;
  return step;
}

Step remove_step(const ComponentKey& key, const Revision& revision,
                 const ObservedContainer& container, std::string cause) {
  return container_step(StepKind::kRemove, key, revision, container, std::move(cause));
}

std::string in_words(const Step& step) {
  switch (step.kind) {
    case StepKind::kPullImage:
      return "the pull of " + step.image;
    case StepKind::kCreate:
      return "the creation of " + step.container_name;
    case StepKind::kStart:
      return "the start of " + step.container_name;
    case StepKind::kRoute:
      return step.routes.empty() ? "the removal of its routes" : "the switch of its routes";
    case StepKind::kStop:
      return "the stop of " + step.container_name;
    case StepKind::kRemove:
      return "the removal of " + step.container_name;
  }
  return step.id;
}

std::string suspension_text(const crds::Suspend& suspend) {
  return (suspend.until ? "suspended until " + base::to_rfc3339(*suspend.until)
                        : std::string("suspended until it is resumed")) +
         (suspend.reason.empty() ? "" : " (" + suspend.reason + ")");
}

const char* failure_reason(const Failure& failure) {
  const base::Code code = failure.error.code;
  if (code == base::Code::kUnavailable && failure.step == StepKind::kRoute)
    return reason::kProxyUnavailable;
  if (code == base::Code::kUnavailable && failure.step != StepKind::kPullImage)
    return reason::kRuntimeUnavailable;
  switch (failure.step) {
    case StepKind::kPullImage:
      return reason::kImagePullFailed;
    case StepKind::kCreate:
      return code == base::Code::kConflict ? reason::kNameConflict : reason::kCreateFailed;
    case StepKind::kStart:
      return code == base::Code::kConflict ? reason::kHostPortTaken : reason::kStartFailed;
    case StepKind::kRoute:
      return code == base::Code::kConflict ? reason::kRouteConflict : reason::kRouteFailed;
    case StepKind::kStop:
      return reason::kStopFailed;
    case StepKind::kRemove:
      return reason::kRemoveFailed;
  }
  return reason::kCreateFailed;
}

std::string said(const std::vector<std::string>& lines) {
  constexpr size_t kShown = 160;
  const auto last = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) {
    return line.find_first_not_of(' ') != line.npos;
  });
  if (last == lines.rend()) return "";
  return " (it said: " + base::utf8_prefix(*last, kShown) + (last->size() > kShown ? "...)" : ")");
}

std::string exit_text(int code) {
  return "exited with " + std::to_string(code);
}

std::string exit_text(const ObservedContainer& container) {
  return exit_text(container.exit_code);
}

ComponentMemory absorb(const ComponentMemory& memory, const Step& step,
                       const base::Result<>& result, TimePoint now) {
  ComponentMemory next = memory;
  if (result) {
    // The old container was kept in service while the new image cannot be had: that is still so.
    const bool aside = (step.kind == StepKind::kStart || step.kind == StepKind::kRoute) &&
                       next.failure && next.failure->step == StepKind::kPullImage;
    // The next step may follow at once. How often something failed is forgotten when the component
    // is as desired, not before: one step may work each time that leads to one that does not.
    if (!aside) {
      next.failure.reset();
      next.step_back_off.next_at = {};
    }
    if (step.kind == StepKind::kPullImage) next.image_missing = false, next.image_pulled = true;
    if (step.kind == StepKind::kCreate) next.image_pulled = false;
    if (step.heals) next.heals.push_back(now);
    const bool ends = step.kind == StepKind::kStop || step.kind == StepKind::kRemove;
    if (ends && next.settled && next.settled->container == step.container)
      next.settled->left = true;
    if (step.kind == StepKind::kRoute) {
      const bool holds = std::any_of(step.routes.begin(), step.routes.end(),
                                     [](const RouteSpec& route) { return route.hold.count() > 0; });
      next.held_since = holds ? now : TimePoint{};
    }
    if (step.kind == StepKind::kStart) {
      if (step.heals) ++next.restarts;
      next.heal_pending = next.resume = false;
    }
    return next;
  }
  const base::Error& error = result.error();
  if (step.kind == StepKind::kCreate && error.code == base::Code::kNotFound &&
      !memory.image_pulled) {
    next.image_missing = true;
    return next;
  }
  next.image_pulled = false;
  next.failure = Failure{step.kind, error};
  ++next.step_back_off.attempts;
  // Podman being away says nothing about the step: it is asked again soon.
  const bool away = error.code == base::Code::kUnavailable || error.code == base::Code::kTimeout;
  const Schedule schedule = away && step.kind != StepKind::kPullImage
                                ? Schedule{std::chrono::seconds(1), std::chrono::seconds(15)}
                                : kStepRetry;
  next.step_back_off.next_at = now + delay(schedule, next.step_back_off.attempts, step.key.text());
  return next;
}

}  // namespace reconciler
