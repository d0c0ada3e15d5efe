#pragma once

#include <optional>

#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// What a step did, as far as podman said.
struct Applied {
  base::Result<> result;
  std::optional<reconciler::ObservedContainer> container;  // kCreate, kStart: as it is now
};

// APPLY: one step of the plan becomes one call of the runtime. Any thread; as long as the runtime
// takes.
Applied apply(const reconciler::Step& step, reconciler::Runtime& runtime);

}  // namespace agent
