#include <nlohmann/json.hpp>

#include "base/http/client.h"
#include "base/http/url.h"
#include "controller/fleet/login.h"

namespace controller {
namespace {

using base::Code;
using base::make_error;
using Json = nlohmann::json;

constexpr base::Millis kDeadline{15'000};  // passwords are slow to check, on purpose

std::string text_of(const Json& document, const char* name) {
  if (!document.is_object()) return {};
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

base::Result<base::HttpResponse> post(const MciasServer& server, const std::string& path,
                                      const Json& body, const std::string& token = {}) {
  MCP_TRY(const base::HttpsUrl url, base::parse_https_url(server.url));
  base::HttpClient client(base::HttpAddress::https(url.host, url.port, server.ca_file));
  base::HttpCall call;
  call.method = "POST";
  call.target = url.base() + path;
  if (!token.empty()) call.headers["Authorization"] = "Bearer " + token;
  call.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  call.content_type = "application/json";
  call.deadline = kDeadline;
  auto response = client.request(call);
  if (!response) return response.error().within("cannot reach MCIAS at " + server.url);
  return response;
}

base::Error refused(const MciasServer& server, const base::HttpResponse& response,
                    const Json& answer) {
  const std::string said = text_of(answer, "error");
  const std::string why = said.empty() ? "it answers " + std::to_string(response.status) : said;
  const Code code =
      response.status == 429 || response.status >= 500 ? Code::kUnavailable : Code::kInternal;
  return make_error(code, "cannot log in at " + server.url + ": " + why);
}

}  // namespace

base::Result<MciasAnswer> login_at_mcias(const MciasServer& server,
                                         const MciasCredentials& credentials) {
  Json body = {{"username", credentials.user}, {"password", credentials.password}};
  if (!credentials.code.empty()) body["totp_code"] = credentials.code;
  if (!server.service_name.empty()) body["service_name"] = server.service_name;
  if (!server.tags.empty()) body["tags"] = server.tags;
  MCP_TRY(const base::HttpResponse response, post(server, "/v1/auth/login", body));
  const Json answer = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (response.status == 401) {
    if (text_of(answer, "code") == "totp_required" && credentials.code.empty())
      return MciasAnswer{.wants_code = true};
    return make_error(
        Code::kUnauthenticated,
        "cannot log in as " + credentials.user + " at " + server.url + ": the name" +
            (credentials.code.empty() ? " or the password" : ", the password or the code") +
            " is wrong");
  }
  if (response.status == 403)
    return make_error(Code::kDenied,
                      "cannot log in as " + credentials.user + " at " + server.url +
                          ": the password is right, and the policy there does not let you in to " +
                          server.service_name,
                      "ask an administrator of MCIAS");
  if (!response.ok()) return refused(server, response, answer);
  MciasAnswer result{false, text_of(answer, "token"), text_of(answer, "expires_at")};
  if (result.token.empty())
    return make_error(Code::kInternal, "cannot log in at " + server.url + ": it gave no token",
                      "is [mcias] server_url the address of MCIAS?");
  return result;
}

base::Result<> logout_at_mcias(const MciasServer& server, const std::string& token) {
  MCP_TRY(const base::HttpResponse response,
          post(server, "/v1/auth/logout", Json::object(), token));
  if (response.ok() || response.status == 401) return {};
  return make_error(Code::kInternal, "MCIAS at " + server.url +
                                         " does not revoke the token: it answers " +
                                         std::to_string(response.status));
}

}  // namespace controller
