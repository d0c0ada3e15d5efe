#pragma once

#include <string>
#include <string_view>

namespace crds {

// The text in double quotes, as TOML 1.0 (basic strings) and YAML 1.2 read alike.
// Not named like std::quoted, which argument-dependent lookup finds and would prefer.
std::string in_quotes(std::string_view text);

}  // namespace crds
