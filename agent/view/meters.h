#pragma once

#include <memory>

#include "base/metrics/metrics.h"

namespace agent {

// What the agent counts of itself while it works; docs/metrics.md has the names. Whoever does the
// work counts it, any thread; STATUS writes it down.
struct Meters {
  // What happens seldom is there with 0 from the start: Prometheus sees no increase in a series
  // that begins with 1.
  Meters() {
    for (const char* result : {"succeeded", "failed"}) rollouts.with({result});
    for (const char* result : {"success", "error"}) fetches.with({result});
    for (const char* how : {"restarted", "replaced", "rerouted"}) healed.with({how});
  }

  using Counter = base::metrics::Counter;
  using Histogram = base::metrics::Histogram;
  template <class Instrument>
  using Labelled = base::metrics::Labelled<Instrument>;

  Histogram reconciles;             // each plan, with what had to be written down before its steps
  Labelled<Counter> outcomes;       // of plans, by what the node's conditions said then
  Labelled<Histogram> steps;        // by kind, result: as long as podman or mc-proxy took
  Labelled<Histogram> rollouts;     // by result: from its begin to its end
  Labelled<Counter> healed;         // what differed behind our back, by how it was put right
  Labelled<Histogram> fetches;      // by result: of the git remote
  Labelled<Histogram> podman;       // by call: those that have an end
  Labelled<Counter> podman_errors;  // by call, code
  Histogram registry_writes;        // commits to the registry
  Counter registry_errors;          // commits that failed, and will be tried again
  Counter events_dropped;           // while the registry took none
};

using SharedMeters = std::shared_ptr<Meters>;

}  // namespace agent
