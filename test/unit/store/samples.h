#pragma once

#include "reconciler/ports.h"

// Values in which no field has its default.
namespace agent::samples {

reconciler::Desired desired();
reconciler::Memory memory();
// A transaction that commits both, two events and a rollout.
reconciler::Transaction everything();

}  // namespace agent::samples
