#pragma once

#include <cstdint>
#include <string>

#include "base/core/result.h"
#include "base/core/time.h"

// For this folder alone.
namespace agent {

// `address` is numeric, IPv4 or IPv6.
base::Result<> probe_tcp(const std::string& address, uint16_t port, base::Millis timeout);

}  // namespace agent
