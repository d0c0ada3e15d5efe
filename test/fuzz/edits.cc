#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>

#include "crds/decode.h"
#include "crds/edit.h"

// Edits of definitions that people have written: what comes out says the new value, everything else
// as before, and has all of their comments; or it is an error. The first byte says which edit of
// which format.
namespace {

const crds::Service* first(const crds::DecodedFile& file) {
  return file.problems.empty() && !file.services.empty() ? &file.services.front().value : nullptr;
}

void comments_are_kept(const std::string& before, const std::string& after) {
  std::istringstream lines(before);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("#") && after.find(line) == std::string::npos) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string path = data[0] % 2 == 0 ? "services/a.toml" : "services/a.yaml";
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const crds::DecodedFile decoded = crds::decode_file(path, text);
  if (first(decoded) == nullptr) return 0;
  crds::Service wanted = *first(decoded);
  base::Result<std::string> edited = std::string();
  switch (data[0] / 2 % 5) {
    case 0:
      wanted.active = !wanted.active;
      edited = crds::set_active(path, text, wanted.name, wanted.active);
      break;
    case 1:
      wanted.version = "v1.2.3-fuzz";
      edited = crds::set_version(path, text, wanted.name, wanted.version);
      break;
    case 2:
      wanted.restarted_at = base::TimePoint(std::chrono::hours(500'000));
      edited = crds::set_restarted_at(path, text, wanted.name, *wanted.restarted_at);
      break;
    case 3:
      wanted.suspend =
          crds::Suspend{base::TimePoint(std::chrono::hours(500'000)), "a 'b' \"c\" # d"};
      edited = crds::set_suspend(path, text, wanted.name, *wanted.suspend);
      break;
    default:
      if (wanted.components.empty()) return 0;
      wanted.components.back().image = "localhost/fuzz:v2";
      edited = crds::set_component_image(path, text, wanted.name, wanted.components.back().name,
                                         wanted.components.back().image);
  }
  if (!edited) return edited.error().message.empty() ? __builtin_trap(), 0 : 0;
  const crds::DecodedFile again = crds::decode_file(path, *edited);
  if (!again.problems.empty() || again.services.size() != decoded.services.size()) __builtin_trap();
  if (!(again.services.front().value == wanted)) __builtin_trap();
  for (size_t i = 1; i < again.services.size(); ++i)
    if (!(again.services[i].value == decoded.services[i].value)) __builtin_trap();
  comments_are_kept(text, *edited);
  return 0;
}
