#pragma once

#include "reconciler/model.h"
#include "reconciler/policy.h"
#include "reconciler/ports.h"

namespace reconciler {

// SPEC becomes DESIRED: the services of `snapshot` that this node runs, with defaults filled in.
// `previous` is what was in force before (none at the very first start): a broken definition keeps
// its last good one, and more removals than the fleet allows are held. `approve_removals` is the
// operator's word that the removals of this snapshot are meant. What asks for more than `policy`
// allows is held as a broken definition is. Pure and total.
Desired resolve(const Snapshot& snapshot, const NodeName& self, const Desired* previous,
                bool approve_removals, const Policy& policy = Policy::anything());

}  // namespace reconciler
