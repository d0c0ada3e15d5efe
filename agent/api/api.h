#pragma once

#include <cstddef>
#include <string>

#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "base/http/server.h"

namespace agent {

// What a request may carry: POST /v1/plan has a whole tree of definitions.
inline constexpr size_t kMaxRequestBytes = 32 << 20;

// Adds every call of docs/api.md to `server`, before its start(); its options should have max_body
// = kMaxRequestBytes. `backend` and `events` must outlive the server. `version` is the git
// description of this program.
void add_api(base::HttpServer& server, Backend& backend, EventLog& events, std::string version);

}  // namespace agent
