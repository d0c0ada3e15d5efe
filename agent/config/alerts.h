#pragma once

#include <span>

#include "agent/config/keys.h"

// The keys of [alerts]. For this folder alone.
namespace agent {

std::span<const Key> alert_keys();

// What no key can see alone: two receivers of one name.
base::Result<> check_alerts(const Config& config);

}  // namespace agent
