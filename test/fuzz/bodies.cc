#include "agent/api/bodies.h"

#include <cstdint>
#include <string>

namespace {

template <class Body>
void is_read_or_blamed(const base::Result<Body>& body) {
  if (!body && body.error().message.empty()) __builtin_trap();
}

}  // namespace

// Bodies of the agent's API: whatever the bytes, they are what a call can work with, or an error
// that says something.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  is_read_or_blamed(agent::read_sync(body));
  const auto adoption = agent::read_adoption(body);
  is_read_or_blamed(adoption);
  if (adoption && *adoption && (*adoption)->components.empty()) __builtin_trap();
  const auto tree = agent::read_tree(body);
  is_read_or_blamed(tree);
  if (tree) (void)agent::snapshot_of(*tree, {});
  return 0;
}
