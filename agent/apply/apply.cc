#include "agent/apply/apply.h"

#include "base/core/text.h"

namespace agent {

using reconciler::ContainerState;
using reconciler::ObservedContainer;
using reconciler::Step;
using reconciler::StepKind;

namespace {

std::string object_of(const Step& step) {
  if (step.kind == StepKind::kPullImage) return step.image;
  if (step.kind != StepKind::kRoute) return step.container_name;
  std::vector<std::string> names;
  for (const reconciler::RouteSpec& route : step.routes) names.push_back(route.key.text());
  for (const reconciler::RouteKey& key : step.unroutes) names.push_back(key.text());
  return base::join(names, ", ");
}

base::Error explained(const base::Error& error, const Step& step) {
  return error.within("cannot " + std::string(name(step.kind)) + " " + object_of(step) + " for " +
                      step.key.text());
}

Applied failed(const base::Error& error, const Step& step) {
  return {explained(error, step), std::nullopt};
}

Applied create(const Step& step, reconciler::Runtime& runtime) {
  const auto id = runtime.create(*step.spec);
  if (!id) return failed(id.error(), step);
  ObservedContainer made;
  made.id = *id;
  made.name = step.spec->name;
  made.state = ContainerState::kCreated;
  made.owner = step.spec->owner;
  made.image = step.spec->component.image;
  made.ports = step.spec->ports;
  return {{}, made};
}

Applied start(const Step& step, reconciler::Runtime& runtime) {
  const auto started = runtime.start(step.container);
  if (!started) return failed(started.error(), step);
  Applied applied{{}, *started, {}};
  if (started->state == ContainerState::kExited)
    applied.container->last_lines = last_lines_of(step.container, runtime);
  return applied;
}

Applied remove(const Step& step, reconciler::Runtime& runtime) {
  Applied applied;
  if (step.failed) applied.last_lines = last_lines_of(step.container, runtime);
  const auto removed = runtime.remove(step.container);
  if (!removed) return failed(removed.error(), step);
  return applied;
}

}  // namespace

std::vector<std::string> last_lines_of(const reconciler::ContainerId& container,
                                       reconciler::Runtime& runtime) {
  return runtime.last_lines(container, kLastLines).value_or(std::vector<std::string>());
}

Applied apply(const Step& step, const Hands& hands) {
  reconciler::Runtime& runtime = hands.runtime;
  const auto plain = [&](const base::Result<>& result) -> Applied {
    return result ? Applied{{}, std::nullopt} : failed(result.error(), step);
  };
  switch (step.kind) {
    case StepKind::kPullImage:
      return plain(runtime.pull(step.image));
    case StepKind::kCreate:
      return create(step, runtime);
    case StepKind::kStart:
      return start(step, runtime);
    case StepKind::kRoute:
      return plain(hands.router->apply(hands.owner, step.routes, step.unroutes));
    case StepKind::kStop:
      return plain(runtime.stop(step.container, step.stop_timeout));
    case StepKind::kRemove:
      return remove(step, runtime);
  }
  return failed(base::invalid("unknown step"), step);
}

}  // namespace agent
