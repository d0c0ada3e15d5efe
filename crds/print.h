#pragma once

#include <string>

#include "crds/types/types.h"

// A definition as text that decodes to the same value: for `mcp service export` of a service whose
// file is not at hand.
namespace crds {

std::string to_toml(const Service& service);

}  // namespace crds
