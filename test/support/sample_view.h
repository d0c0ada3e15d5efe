#pragma once

#include <set>
#include <string>

#include "agent/view/view.h"

namespace test {

inline constexpr char kSampleTime[] = "2026-11-22T10:00:00Z";

// A node in the middle of its work, as the loop would show it:
//   web       two components; "api" is ready behind a route of mc-proxy, "worker" ended and waits
//             to restart
//   database  ready, and its container runs another image than its definition says
//   mail      its image is being pulled
//   shop      runs, while a newer definition of it is invalid
//   blog      stopped by its definition
//   broken    has no valid definition
//   old       has no definition any more, and its container is still there
// and a container and a route that are not ours.
agent::View sample_view();
// As if these services were all that there is.
agent::View sample_view(const std::set<std::string>& services);

}  // namespace test
