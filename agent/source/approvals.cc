#include "agent/source/approvals.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

namespace agent {
namespace {

constexpr std::string_view kApproval = "mcp-approve-prune";
constexpr int kAll = std::numeric_limits<int>::max();

bool is_approval(std::string_view key) {
  return std::equal(key.begin(), key.end(), kApproval.begin(), kApproval.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

int count_in(std::string_view text) {
  int count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  return failed == std::errc() && end == text.data() + text.size() ? std::max(count, 0) : 0;
}

}  // namespace

int approvals_in(const std::vector<base::git::CommitInfo>& commits) {
  int approved = 0;
  for (const base::git::CommitInfo& commit : commits)
    for (const auto& [key, value] : commit.trailers())
      if (is_approval(key)) approved += std::min(count_in(value), kAll - approved);
  return approved;
}

}  // namespace agent
