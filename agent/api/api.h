#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/store/event_log.h"
#include "agent/view/backend.h"
#include "base/http/server.h"

namespace agent {

// What a request may carry: POST /v1/plan has a whole tree of definitions.
inline constexpr size_t kMaxRequestBytes = 32 << 20;

struct ApiContext {
  Backend& backend;
  EventLog& events;
  std::string version;    // the git description of this program
  std::string data_root;  // <data_root>/<service> is what PUT and GET /v1/files reach
  uint64_t max_file_bytes = 0;
  std::vector<std::string> own_paths = {};  // of the agent: no service's data
};

// For HttpServerOptions::headers: clients of another version are to know why they miss something.
base::HttpHeaders api_headers(const std::string& version);

// Adds every call of docs/api.md to `server`, before its start(); its options should have max_body
// = kMaxRequestBytes, and an Access. What `context` refers to must outlive the server.
void add_api(base::HttpServer& server, const ApiContext& context);

}  // namespace agent
