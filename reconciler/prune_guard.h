#pragma once

#include <optional>
#include <string>

#include "reconciler/model.h"

namespace reconciler {

// Why the removal of `count` services of `all` that this node has waits for a word of approval
// (decision 7), and how it is given; nothing when it may go on. `emptied`: no service is left.
std::optional<std::string> removals_held(const Desired& desired, size_t count, size_t all,
                                         bool emptied);

}  // namespace reconciler
