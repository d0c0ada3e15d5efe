#include "base/toml/position.h"

namespace base {

std::string Diagnostic::text() const {
  std::string out = at.file;
  if (at.line > 0) out += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  if (!field.empty()) out += ": " + field;
  out += ": " + message;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

}  // namespace base
