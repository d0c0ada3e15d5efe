#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// What a step did, as far as podman said.
struct Applied {
  base::Result<> result;
  std::optional<reconciler::ObservedContainer> container;  // kCreate, kStart: as it is now
  std::vector<std::string> last_lines;  // kRemove of one that failed: what it said in the end
};

// What steps act on. `router` is null where routes are not managed: then no step of routes comes.
struct Hands {
  reconciler::Runtime& runtime;
  reconciler::ProxyRouter* router;
  std::string owner;  // of routes
};

// APPLY: one step of the plan becomes one call of podman or of mc-proxy. Any thread; as long as
// that takes.
Applied apply(const reconciler::Step& step, const Hands& hands);

}  // namespace agent
