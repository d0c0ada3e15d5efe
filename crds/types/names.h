#pragma once

#include <string>

#include "crds/types/types.h"

namespace crds {

// The variable in which a container finds the port of this route: PORT, or PORT_<NAME> in upper
// case, where '-' becomes '_' because it cannot stand in a variable's name.
std::string port_variable(const Route& route);

}  // namespace crds
