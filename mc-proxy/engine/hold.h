#pragma once

#include <string>

#include "mc-proxy/engine/layout.h"

// How HAProxy lets requests wait for a route: a Lua action that looks the route up again and again
// (https://www.arpalert.org/src/haproxy-lua-api/2.6/). It needs nobody but HAProxy itself.
namespace mc_proxy {

// For the maps of these listeners. "lua.hold MAP" reads txn.host and txn.route; it returns once
// txn.route leads somewhere, or still says that the route is held when the patience was in vain or
// too many wait. "show holds" prints "MAP HOST waiting held requests failed", a line for each host
// that was ever held; the last two count those that were refused.
std::string hold_script(const EngineFiles& files, const std::vector<EngineListener>& listeners);

}  // namespace mc_proxy
