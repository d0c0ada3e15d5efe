#pragma once

#include <optional>
#include <string>

#include "reconciler/model.h"

namespace reconciler {

struct Verdict {
  enum State { kReady, kNotYet, kFailed };
  State state = kNotYet;
  bool asked = false;                 // a check has been made in this run of the container
  std::string message;                // why it is not ready
  std::optional<Probe> probe;         // the check to repeat
  std::optional<TimePoint> again_at;  // when time alone may change the verdict
};

// Whether a running container is ready: its health check passes; with none, its first route's port
// answers; with neither, it runs (and has done so for a moment when it replaces another).
// kFailed: not ready for as long as its health check allows.
Verdict judge(const crds::Component& component, const ObservedContainer& container,
              const Observed& observed, bool replaces_another, TimePoint now);

}  // namespace reconciler
