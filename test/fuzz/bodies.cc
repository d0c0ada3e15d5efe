#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/api/wish.h"

// Bodies of POST /v1/plan: whatever the bytes, they are a tree that can be checked, or an error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = agent::Json::parse(data, data + size, nullptr, false);
  const auto files = agent::decode_files(body);
  if (!files) return files.error().message.empty() ? __builtin_trap(), 0 : 0;
  (void)agent::snapshot_of(*files, {});
  return 0;
}
