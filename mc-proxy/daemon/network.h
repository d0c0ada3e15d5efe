#pragma once

#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"
#include "mc-proxy/config/config.h"
#include "mc-proxy/routes/route.h"

namespace mc_proxy {

// The address of a host as digits; a name is asked of the resolver, which can take its time.
base::Result<std::string> resolve(const std::string& host);
bool is_numeric(const std::string& host);

// HAProxy's words for a listener's address: one without host takes IPv4 and, where there is any,
// IPv6.
std::string bind_address(const Listener& listener);

// Whether this process could listen there; the error says why not.
base::Result<> can_bind(const Listener& listener);

// Which of these addresses (digits) take a connection within `patience`, all asked at once.
std::vector<bool> reachable(const std::vector<HostPort>& addresses, base::Millis patience);

}  // namespace mc_proxy
