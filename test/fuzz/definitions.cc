#include <cstdint>
#include <string>

#include "crds/decode.h"
#include "crds/edit.h"
#include "crds/print.h"

// Definitions as somebody may push them: whatever the bytes, an error has a place, and what is
// valid can be printed and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  constexpr const char* kPaths[] = {"services/a.toml", "services/a.yaml", "nodes/a.toml",
                                    "nodes/a.yaml",    "fleet.toml",      "fleet.yaml"};
  const std::string path = kPaths[data[0] % std::size(kPaths)];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const crds::DecodedFile decoded = crds::decode_file(path, text);
  for (const crds::Diagnostic& problem : decoded.problems)
    if (problem.text().empty()) __builtin_trap();
  if (!decoded.problems.empty()) return 0;
  for (const auto& service : decoded.services) {
    const std::string printed = crds::to_toml(service.value);
    const crds::DecodedFile again = crds::decode_file("services/a.toml", printed);
    if (again.services.size() != 1 || !(again.services.front().value == service.value))
      __builtin_trap();
  }
  return 0;
}
