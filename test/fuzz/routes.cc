#include <cstdint>
#include <string>

#include "mc-proxy/daemon/documents.h"

// Bodies of mc-proxy's API: whatever the bytes, they are routes with an owner, or an error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  const auto put = mc_proxy::read_put(body, {"listener", "host"});
  const auto apply = mc_proxy::read_apply(body);
  if (put ? put->owner.empty() : put.error().message.empty()) __builtin_trap();
  if (apply ? apply->owner.empty() : apply.error().message.empty()) __builtin_trap();
  return 0;
}
