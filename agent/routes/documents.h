#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/routes/mc_proxy.h"
#include "base/http/message.h"

// mc-proxy's documents as values, and back. For this folder alone.
namespace agent {

// How mc-proxy names listeners that its configuration may have lost: by route, from the last list.
using ListenerNames = std::map<reconciler::RouteKey, std::string>;

// The body of POST /v1/routes:apply.
std::string apply_body(const std::string& owner, const std::vector<reconciler::RouteSpec>& upserts,
                       const std::vector<reconciler::RouteKey>& removes,
                       const ListenerNames& names);

// kCorrupt: the text is not the document that is meant. A field that is missing is as if it were
// empty, and an unknown one is ignored, so that versions get along.
base::Result<std::vector<reconciler::ObservedRoute>> parse_routes(const std::string& body);
base::Result<McProxy::Status> parse_status(const std::string& body);

// What an answer with an error status means for the agent. `doing` is what was tried.
base::Error refusal(const base::HttpResponse& response, const std::string& doing);

}  // namespace agent
