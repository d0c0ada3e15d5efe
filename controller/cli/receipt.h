#pragma once

#include <string>

#include "controller/cli/document.h"
#include "controller/fleet/documents.h"

namespace controller {

// How a rollout went, in one line: "v1 -> v2 in 3.4 s (ready 1.1 s, switched, drained 0.2 s): 1,234
// requests, 0 failed, 3 held", or "v1 -> v2 failed after 3.4 s (...): ...; why". What it did not
// reach is left out, and so is what routes saw when it switched none.
std::string receipt(const RolloutStatus& rollout);

// {"component", "from", "to", "revision", "begun", "phases": {"readyMs", ...}, "requests",
// "failed", "held", "error"}
Json receipt_document(const std::string& component, const RolloutStatus& rollout);

// Of the rollouts that the definition in force has caused, and that have finished: a line each,
// with the component's name where there are several; and as a list.
std::string receipts(const ServiceStatus& service);
Json receipts_document(const ServiceStatus& service);

}  // namespace controller
