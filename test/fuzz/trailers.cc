#include <cstdint>
#include <string>

#include "agent/source/approvals.h"

// Messages of commits, which approve removals in their trailers: whatever the bytes, a number of
// them, and none without the word.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::git::CommitInfo commit;
  commit.message.assign(reinterpret_cast<const char*>(data), size);
  const int approved = agent::approvals_in({commit, commit});
  if (approved < 0) __builtin_trap();
  if (approved > 0 && commit.message.find_first_of("pP") == std::string::npos) __builtin_trap();
  return 0;
}
