#include "base/core/result.h"

#include <cstdio>
#include <cstdlib>

namespace base {

Error Error::within(std::string_view context) const {
  Error outer = *this;
  outer.message = std::string(context) + ": " + message;
  return outer;
}

std::string Error::text() const {
  return hint.empty() ? message : message + " (" + hint + ")";
}

void die_of_unread_error(const Error& error) {
  std::fprintf(stderr, "an error was taken for a value: %s\n", error.text().c_str());
  std::abort();
}

std::string_view name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "Invalid";
    case Code::kNotFound:
      return "NotFound";
    case Code::kConflict:
      return "Conflict";
    case Code::kUnauthenticated:
      return "Unauthenticated";
    case Code::kDenied:
      return "Denied";
    case Code::kUnavailable:
      return "Unavailable";
    case Code::kTimeout:
      return "Timeout";
    case Code::kExhausted:
      return "Exhausted";
    case Code::kCorrupt:
      return "Corrupt";
    case Code::kInternal:
      return "Internal";
  }
  return "Internal";
}

Error make_error(Code code, std::string message, std::string hint) {
  return {code, Retry::kBackOff, std::move(message), std::move(hint)};
}

Error invalid(std::string message, std::string hint) {
  return {Code::kInvalid, Retry::kAfterChange, std::move(message), std::move(hint)};
}

Error not_found(std::string message, std::string hint) {
  return make_error(Code::kNotFound, std::move(message), std::move(hint));
}

Error unavailable(std::string message, std::string hint) {
  return make_error(Code::kUnavailable, std::move(message), std::move(hint));
}

}  // namespace base
