#pragma once

#include <span>
#include <string>
#include <string_view>

namespace crds {

// The hint for a name that is none of the known ones: "did you mean 'image'?", or the known ones
// when they are few, behind `label`.
std::string suggest(std::string_view word, std::span<const std::string> known,
                    std::string_view label);

}  // namespace crds
