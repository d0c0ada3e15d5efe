#include "reconciler/back_off.h"
#include "reconciler/component.h"
#include "reconciler/conditions.h"
#include "reconciler/steps.h"

namespace reconciler {

Decision decide_removal(const ComponentKey& key, const Revision& revision,
                        const std::vector<const ObservedContainer*>& containers,
                        const ComponentMemory& memory, TimePoint now) {
  Decision decision;
  decision.next = memory;
  decision.reason = reason::kProgressing;
  decision.message = "being removed";
  const bool failed = memory.failure && (memory.failure->step == StepKind::kStop ||
                                         memory.failure->step == StepKind::kRemove);
  if (failed) {
    decision.phase = Phase::kFailing;
    decision.reason = failure_reason(*memory.failure);
    decision.message = memory.failure->error.text();
  }
  if (failed && !due(memory.step_back_off.next_at, now, kStepRetry)) {
    decision.wake_at = memory.step_back_off.next_at;
    return decision;
  }
  const std::string cause = "not defined any more (commit " + revision.str().substr(0, 7) + ")";
  const ObservedContainer& first = *containers.front();
  const bool stopped =
      first.state == ContainerState::kExited || first.state == ContainerState::kCreated;
  decision.step = stopped ? remove_step(key, revision, first, cause)
                          : stop_step(key, revision, first, std::chrono::seconds(10), cause);
  return decision;
}

}  // namespace reconciler
