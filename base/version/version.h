#pragma once

#include <string_view>

namespace base {

// The git description that the program was built from: "v0.1.0-12-g1a2b3c4-dirty".
std::string_view version();

}  // namespace base
