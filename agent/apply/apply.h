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

// What is kept of the end of what a container has said.
inline constexpr int kLastLines = 10;

// Those lines, and none when they cannot be read: that keeps nothing from going on. Any thread.
std::vector<std::string> last_lines_of(const reconciler::ContainerId& container,
                                       reconciler::Runtime& runtime);

// APPLY: one step of the plan becomes one call of podman or of mc-proxy. Any thread; as long as
// that takes.
Applied apply(const reconciler::Step& step, const Hands& hands);

}  // namespace agent
