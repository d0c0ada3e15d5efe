#pragma once

#include <chrono>
#include <string>

#include "base/core/result.h"
#include "reconciler/model.h"

// For this folder alone.
namespace agent {

// Whether mc-proxy at `address` serves the name; the error says why not.
base::Result<> probe_name(const std::string& address, const reconciler::PeerName& name,
                          std::chrono::steady_clock::time_point until);

}  // namespace agent
