#include "reconciler/model.h"

#include "reconciler/ports.h"

namespace reconciler {

std::string container_name(const ComponentKey& key, Slot slot) {
  return key.service.str() + "." + key.component.str() + (slot == Slot::kFirst ? "" : ".2");
}

std::string_view name(ContainerState state) {
  switch (state) {
    case ContainerState::kCreated:
      return "created";
    case ContainerState::kRunning:
      return "running";
    case ContainerState::kPaused:
      return "paused";
    case ContainerState::kExited:
      return "exited";
    case ContainerState::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view name(StepKind kind) {
  switch (kind) {
    case StepKind::kPullImage:
      return "pull";
    case StepKind::kCreate:
      return "create";
    case StepKind::kStart:
      return "start";
    case StepKind::kRoute:
      return "route";
    case StepKind::kStop:
      return "stop";
    case StepKind::kRemove:
      return "remove";
  }
  return "step";
}

std::string_view name(Status status) {
  switch (status) {
    case Status::kTrue:
      return "True";
    case Status::kFalse:
      return "False";
    case Status::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

bool Transaction::empty() const {
  return !desired && components.empty() && forgotten_components.empty() && services.empty() &&
         forgotten_services.empty() && !node && events.empty() && rollouts.empty();
}

}  // namespace reconciler
