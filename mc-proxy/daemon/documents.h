#pragma once

#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/metrics/exposition.h"
#include "mc-proxy/daemon/proxy.h"

// The API's bodies; docs/mc-proxy.md shows them.
namespace mc_proxy {

std::string status_document(const ProxyView& view);
std::string routes_document(const ProxyView& view);
std::string metrics_document(const ProxyView& view, base::metrics::Format format);
std::string generation_document(uint64_t generation);  // one line

// One route of a body for PUT; owner, listener and host name may come from elsewhere. A field that
// is not known is an error: what is sent is what is meant.
struct PutBody {
  std::string owner;
  Route route;
};
base::Result<PutBody> read_put(const std::string& body, const RouteKey& key);

struct ApplyBody {
  std::string owner;
  std::vector<Route> upserts;
  std::vector<RouteKey> removes;
};
base::Result<ApplyBody> read_apply(const std::string& body);

}  // namespace mc_proxy
