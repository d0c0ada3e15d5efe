#include "agent/auth/mcias.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/auth/text.h"
#include "base/http/client.h"
#include "base/http/url.h"
#include "base/jwt/jwt.h"

namespace agent {
namespace {

using base::Code;
using base::Error;
using base::make_error;
using Json = nlohmann::json;

constexpr base::Millis kDeadline{5000};

Error not_valid() {
  return make_error(Code::kUnauthenticated,
                    "MCIAS does not accept the token: it has expired or was revoked",
                    "get a new one: mcp login");
}

Error no_answer(const std::string& what) {
  return base::unavailable("cannot check the token: MCIAS " + what,
                           "nobody is let in before MCIAS answers; the node's socket still works");
}

base::Result<Caller> caller_of(const Json& answer) {
  const auto valid = answer.find("valid");
  if (valid == answer.end() || !valid->is_boolean()) return no_answer("gave an unknown answer");
  if (!valid->get<bool>()) return not_valid();
  const auto text = [&](const char* name) {
    const auto found = answer.find(name);
    return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Caller caller;
  caller.via = "mcias";
  caller.role = Role::kOperator;
  caller.subject = printable(text("username").empty() ? text("sub") : text("username"));
  if (caller.subject.empty()) return no_answer("does not say whose token it is");
  const auto roles = answer.find("roles");
  if (roles == answer.end() || roles->is_null()) return caller;
  if (!roles->is_array()) return no_answer("gave an unknown answer");
  if (std::find(roles->begin(), roles->end(), Json("guest")) != roles->end())
    return make_error(Code::kDenied,
                      caller.subject + " is a guest at MCIAS, and guests may do nothing here",
                      "ask an administrator of MCIAS for the role user");
  return caller;
}

}  // namespace

MciasValidator::MciasValidator(Question question, TokenCache::Limits limits, TokenCache::Now now)
    : question_(std::move(question)), cache_(limits, std::move(now)) {}

base::Result<Caller> MciasValidator::validate(const std::string& token) {
  MCP_TRY(const base::JwtHint hint, base::peek_jwt(token));
  if (hint.algorithm != "EdDSA") return not_valid();
  return cache_.get(token, [this](const std::string& text) { return ask(text); });
}

base::Result<Caller> MciasValidator::ask(const std::string& token) {
  const auto response = question_(token);
  if (!response) return no_answer("cannot be reached: " + response.error().message);
  if (response->status == 401) return not_valid();
  if (response->status == 403)
    return make_error(Code::kDenied, "MCIAS does not allow this account here",
                      "ask an administrator of MCIAS");
  if (!response->ok()) return no_answer("answered " + std::to_string(response->status));
  const Json answer = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return no_answer("gave an unknown answer");
  return caller_of(answer);
}

base::Result<MciasValidator::Question> ask_mcias(const MciasOptions& options) {
  MCP_TRY(const base::HttpsUrl url, base::parse_https_url(options.server_url));
  const auto client = std::make_shared<base::HttpClient>(
      base::HttpAddress::https(url.host, url.port, options.ca_cert));
  return MciasValidator::Question([client, base = url.base()](const std::string& token) {
    base::HttpCall call;
    call.method = "POST";
    call.target = base + "/v1/token/validate";
    call.headers["Authorization"] = "Bearer " + token;
    call.body = Json{{"token", token}}.dump();
    call.content_type = "application/json";
    call.deadline = kDeadline;
    return client->request(call);
  });
}

}  // namespace agent
