#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "agent/view/finding.h"
#include "agent/view/meters.h"
#include "base/http/server.h"

namespace agent {

class Access;

struct ApiContext {
  Backend& backend;
  EventLog& events;
  std::string version;    // the git description of this program
  std::string data_root;  // <data_root>/<service> is what PUT and GET /v1/files reach
  uint64_t max_file_bytes = 0;
  std::vector<std::string> own_paths = {};  // of the agent: no service's data
  SharedMeters meters = std::make_shared<Meters>();
  // What `mcp-agent check` would say now; it may take as long as a fetch. One at a time.
  std::function<std::vector<Finding>()> examine = [] { return std::vector<Finding>(); };
};

// `transport` (where it listens, with how many threads) and what every server of the API has: the
// bound of a request, the version in each answer, and `access`, which must outlive the server.
base::HttpServerOptions api_options(base::HttpServerOptions transport, const std::string& version,
                                    Access& access);

// Adds every call of docs/api.md to `server`, before its start(). What `context` refers to must
// outlive the server.
void add_api(base::HttpServer& server, const ApiContext& context);
// GET /metrics, /healthz and /readyz alone, for a server that knows nobody.
void add_metrics(base::HttpServer& server, const ApiContext& context);

}  // namespace agent
