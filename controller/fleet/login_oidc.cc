#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "base/http/client.h"
#include "base/http/url.h"
#include "controller/fleet/login.h"

namespace controller {
namespace {

using base::Code;
using base::make_error;
using base::Result;
using Json = nlohmann::json;

constexpr base::Millis kDeadline{15'000};
constexpr base::Millis kSlowDown{5000};  // RFC 8628 section 3.5
constexpr int kMaxSeconds = 3600;

struct Answer {
  int status = 0;
  Json document;
  std::string text(const char* name) const {
    if (!document.is_object()) return {};
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  }
  base::Millis seconds(const char* name, int otherwise) const {
    if (!document.is_object()) return std::chrono::seconds(otherwise);
    const auto found = document.find(name);
    const bool there = found != document.end() && found->is_number();
    const double value = there ? found->get<double>() : otherwise;
    return value > 0 && value <= kMaxSeconds ? base::Millis(static_cast<int64_t>(value * 1000))
                                             : base::Millis(std::chrono::seconds(otherwise));
  }
};

Result<Answer> ask(const OidcProvider& provider, const std::string& address,
                   const std::map<std::string, std::string>& form = {}) {
  MCP_TRY(const base::HttpsUrl url, base::parse_https_url(address));
  base::HttpClient client(base::HttpAddress::https(url.host, url.port, provider.ca_file));
  base::HttpCall call;
  call.target = url.target;
  call.headers["Accept"] = "application/json";
  call.deadline = kDeadline;
  if (!form.empty()) {
    call.method = "POST";
    call.content_type = "application/x-www-form-urlencoded";
    call.body = base::url_query(form).substr(1);
  }
  const auto response = client.request(call);
  if (!response) return response.error().within("cannot reach " + provider.issuer);
  return Answer{response->status, Json::parse(response->body, nullptr, /*allow_exceptions=*/false)};
}

base::Error failed(const OidcProvider& provider, const std::string& why, std::string hint = {},
                   Code code = Code::kInternal) {
  return make_error(code, "cannot log in at " + provider.issuer + ": " + why, std::move(hint));
}

// RFC 6749 section 5.2.
std::string reason(const Answer& answer) {
  const std::string error = answer.text("error");
  const std::string details = answer.text("error_description");
  if (error.empty()) return "it answers " + std::to_string(answer.status);
  return details.empty() ? error : error + ", " + details;
}

}  // namespace

Result<DeviceLogin> DeviceLogin::start(const OidcProvider& provider) {
  std::string base = provider.issuer;
  while (base.ends_with('/')) base.pop_back();
  MCP_TRY(const Answer discovery, ask(provider, base + "/.well-known/openid-configuration"));
  if (discovery.text("issuer") != provider.issuer)
    return failed(provider, "its discovery document is not that of this issuer",
                  "[oidc] issuer has to be exactly what the provider says");
  const std::string endpoint = discovery.text("device_authorization_endpoint");
  DeviceLogin login;
  login.provider_ = provider;
  login.token_endpoint_ = discovery.text("token_endpoint");
  if (endpoint.empty() || login.token_endpoint_.empty())
    return failed(provider, "it has no device login (RFC 8628)",
                  "allow the device authorization grant there");
  MCP_TRY(const Answer answer,
          ask(provider, endpoint,
              {{"client_id", provider.client_id}, {"scope", base::join(provider.scopes, " ")}}));
  login.device_code_ = answer.text("device_code");
  login.user_code_ = answer.text("user_code");
  login.page_ = answer.text("verification_uri");
  login.full_page_ = answer.text("verification_uri_complete");
  login.expires_in_ = answer.seconds("expires_in", 600);
  login.interval_ = answer.seconds("interval", 5);
  if (answer.status != 200 || login.device_code_.empty() || login.user_code_.empty() ||
      login.page_.empty())
    return failed(
        provider, reason(answer),
        "is '" + provider.client_id + "' a public client there that may use device login?");
  return login;
}

Result<std::optional<std::string>> DeviceLogin::poll() {
  MCP_TRY(const Answer answer, ask(provider_, token_endpoint_,
                                   {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                                    {"device_code", device_code_},
                                    {"client_id", provider_.client_id}}));
  if (answer.status == 200) {
    const std::string token = answer.text("id_token");
    if (token.empty()) return failed(provider_, "it gave no id token", "scopes must hold openid");
    return std::optional(token);
  }
  const std::string error = answer.text("error");
  if (error == "slow_down") interval_ += kSlowDown;
  if (error == "slow_down" || error == "authorization_pending") return std::optional<std::string>();
  if (error == "access_denied") return failed(provider_, "it was refused there", "", Code::kDenied);
  if (error == "expired_token")
    return failed(provider_, "the code has expired", "start again: mcp login",
                  Code::kUnauthenticated);
  return failed(provider_, reason(answer));
}

}  // namespace controller
