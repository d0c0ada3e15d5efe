#pragma once

#include <optional>
#include <string>

#include "reconciler/model.h"

namespace reconciler {

inline constexpr char kNoneIsLeft[] = "no service is left";
inline constexpr char kHeldBefore[] = "they were held, and nobody has approved of it since";

// Why the removal of `count` services of `all` that this node has waits for a word of approval
// (decision 7), and how it is given; nothing when it may go on. `doubt`: why not even one is
// removed unasked; empty: as many as the fleet allows are.
std::optional<std::string> removals_held(const Desired& desired, size_t count, size_t all,
                                         const std::string& doubt);

}  // namespace reconciler
