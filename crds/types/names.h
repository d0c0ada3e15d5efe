#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crds/types/types.h"

namespace crds {

// The variable in which a container finds the port of this route: PORT, or PORT_<NAME> in upper
// case, where '-' becomes '_' because it cannot stand in a variable's name.
std::string port_variable(const Route& route);

// "h1", "h2c", "tls": in definitions, of mc-proxy, and in the agent's API.
std::string_view name(Route::Protocol protocol);
std::optional<Route::Protocol> parse_protocol(std::string_view text);

}  // namespace crds
