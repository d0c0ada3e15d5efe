#pragma once

#include <string>

#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "base/http/server.h"

namespace agent {

// Adds every call of docs/api.md to `server`, before its start(). `backend` and `events` must
// outlive the server. `version` is the git description of this program.
void add_api(base::HttpServer& server, Backend& backend, EventLog& events, std::string version);

}  // namespace agent
