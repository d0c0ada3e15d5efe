#pragma once

#include <string_view>

namespace controller {

enum class Age { kUnknown, kOlder, kSame, kNewer };

// Of two git descriptions ("v0.2.0-14-g1a2b3c4-dirty"): how old `one` is beside `other`, by its
// tag, then by the commits since. kUnknown: one of them is no such description ("1a2b3c4", "v9").
Age compare_ages(std::string_view one, std::string_view other);

}  // namespace controller
