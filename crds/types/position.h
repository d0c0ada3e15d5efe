#pragma once

#include "base/toml/position.h"

// Where something stands in a definition, and what is wrong with it.
namespace crds {

using base::Diagnostic;
using base::Position;

}  // namespace crds
