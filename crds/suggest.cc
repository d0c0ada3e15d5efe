#include "crds/suggest.h"

#include "base/core/text.h"

namespace crds {

std::string suggest(std::string_view word, std::span<const std::string> known,
                    std::string_view label) {
  constexpr size_t kFew = 24;
  if (const auto near = base::nearest(word, known)) return "did you mean '" + *near + "'?";
  if (known.empty() || known.size() > kFew) return {};
  return std::string(label) + ": " + base::join(known, ", ");
}

}  // namespace crds
