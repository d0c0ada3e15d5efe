#include "agent/apply/apply.h"

namespace agent {

using reconciler::ContainerState;
using reconciler::ObservedContainer;
using reconciler::Step;
using reconciler::StepKind;

namespace {

base::Error explained(const base::Error& error, const Step& step) {
  const std::string object = step.kind == StepKind::kPullImage ? step.image : step.container_name;
  return error.within("cannot " + std::string(name(step.kind)) + " " + object + " for " +
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
  return {{}, *started};
}

}  // namespace

Applied apply(const Step& step, reconciler::Runtime& runtime) {
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
    case StepKind::kStop:
      return plain(runtime.stop(step.container, step.stop_timeout));
    case StepKind::kRemove:
      return plain(runtime.remove(step.container));
  }
  return failed(base::invalid("unknown step"), step);
}

}  // namespace agent
