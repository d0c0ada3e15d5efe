#pragma once

#include <map>

#include "reconciler/component.h"
#include "reconciler/model.h"

namespace reconciler {

// The core. Level-triggered: it never asks what happened, only what is, and gives the next steps,
// not a script. Total: an impossible wish becomes a Stalled condition. A converged node gives an
// empty plan and `next == memory`. Pure: equal arguments give equal results. What of `memory` stays
// as it is costs nothing when it is moved in.
Outcome reconcile(const Desired& desired, const Observed& observed, Memory memory, TimePoint now);

// What reconcile() makes of each component, for people: what the conditions are made from. Empty
// while the runtime does not answer. Pure.
std::map<ComponentKey, Finding> explain(const Desired& desired, const Observed& observed,
                                        const Memory& memory, TimePoint now);

}  // namespace reconciler
