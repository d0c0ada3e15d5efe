#include "reconciler/prune_guard.h"

#include <algorithm>

namespace reconciler {

std::optional<std::string> removals_held(const Desired& desired, size_t count, size_t all,
                                         const std::string& doubt) {
  const auto percent = static_cast<size_t>(std::max(desired.fleet.prune_percent, 0));
  const size_t limit =
      std::max(static_cast<size_t>(std::max(desired.fleet.prune_max, 0)), percent * all / 100);
  const bool unasked = doubt.empty() && count <= limit;
  if (unasked || static_cast<size_t>(desired.approved_removals) >= count) return std::nullopt;
  return "commit " + desired.revision.str().substr(0, 7) + " removes " + std::to_string(count) +
         " of " + std::to_string(all) + " services, more than is done unasked (" +
         (doubt.empty() ? "limit " + std::to_string(limit) : doubt) +
         "); they run on. To remove them: mcp sync --allow-prune, or a commit with the trailer "
         "'Mcp-Approve-Prune: " +
         std::to_string(count) + "'" +
         (doubt.empty() ? ", or a higher prune.max in fleet.toml" : "");
}

}  // namespace reconciler
