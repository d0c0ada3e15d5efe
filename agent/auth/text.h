#pragma once

#include <string>
#include <string_view>

namespace agent {

// A name that somebody else chose, fit for a log line: at most 200 bytes, control characters and
// what is not ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace agent
