#include "agent/view/finding.h"

namespace agent {

std::string Finding::line() const {
  std::string out(name(level));
  out.resize(9, ' ');
  return out + what + ": " + text + (hint.empty() ? "" : " (" + hint + ")");
}

std::string_view name(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarning:
      return "warning";
    case Finding::Level::kError:
      break;
  }
  return "error";
}

}  // namespace agent
