#pragma once

#include "base/http/server.h"
#include "mc-proxy/daemon/proxy.h"

namespace mc_proxy {

// The admin API's calls, before the server starts. `proxy` outlives the server.
void add_routes(base::HttpServer& server, Proxy& proxy);
// GET /metrics alone, which add_routes() has as well.
void add_metrics(base::HttpServer& server, Proxy& proxy);

}  // namespace mc_proxy
