#include <nlohmann/json.hpp>

#include "base/http/server.h"

namespace base {
namespace {

using Json = nlohmann::json;

constexpr char kProblemType[] = "application/problem+json";

Code code_of(int status) {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 422:
      return Code::kInvalid;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kDenied;
    case 404:
    case 410:
      return Code::kNotFound;
    case 409:
    case 412:
      return Code::kConflict;
    case 502:
    case 503:
      return Code::kUnavailable;
    case 408:
    case 504:
      return Code::kTimeout;
    case 507:
      return Code::kExhausted;
    default:
      return Code::kInternal;
  }
}

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kConflict:
      return 409;
    case Code::kUnavailable:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kExhausted:
      return 507;
    case Code::kCorrupt:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

HttpReply problem(const Error& error) {
  return problem(error, http_status(error.code));
}

HttpReply problem(const Error& error, int status) {
  Json document = {{"type", "about:blank"},
                   {"title", name(error.code)},
                   {"status", status},
                   {"detail", error.message}};
  if (!error.hint.empty()) document["hint"] = error.hint;
  // Messages can quote bytes of others that are no UTF-8.
  HttpReply reply =
      HttpReply::json(document.dump(-1, ' ', false, Json::error_handler_t::replace), status);
  reply.headers["content-type"] = kProblemType;
  return reply;
}

Error error_of(const HttpResponse& response) {
  const Code code = code_of(response.status);
  Error error = make_error(code, "the server answered " + std::to_string(response.status));
  if (code == Code::kInvalid) error.retry = Retry::kAfterChange;
  const Json document = Json::parse(response.body, nullptr, false);
  if (!document.is_object()) return error;
  const auto text = [&](const char* field) {
    const auto found = document.find(field);
    return found != document.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  };
  if (const std::string detail = text("detail"); !detail.empty()) error.message = detail;
  error.hint = text("hint");
  if (text("title") == name(Code::kCorrupt)) error.code = Code::kCorrupt;
  return error;
}

}  // namespace base
