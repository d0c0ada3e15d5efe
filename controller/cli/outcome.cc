#include "controller/cli/outcome.h"

namespace controller {

Exit exit_of(base::Code code) {
  switch (code) {
    case base::Code::kUnauthenticated:
    case base::Code::kDenied:
      return Exit::kDenied;
    case base::Code::kUnavailable:
      return Exit::kUnreachable;
    case base::Code::kTimeout:
      return Exit::kTimedOut;
    case base::Code::kInvalid:
      return Exit::kInvalidDefinitions;
    default:
      return Exit::kFailed;
  }
}

Failure usage(std::string message, std::string hint) {
  return {Exit::kUsage, base::invalid(std::move(message), std::move(hint))};
}

}  // namespace controller
