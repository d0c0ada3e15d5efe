#pragma once

#include <string>
#include <string_view>

namespace crds {

// The text in double quotes, as TOML 1.0 (basic strings) and YAML 1.2 read alike.
std::string quoted(std::string_view text);

}  // namespace crds
