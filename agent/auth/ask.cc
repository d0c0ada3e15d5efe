#include <nlohmann/json.hpp>
#include <set>

#include "agent/auth/issuer.h"
#include "agent/auth/mcias.h"
#include "agent/auth/validators.h"
#include "base/core/text.h"

namespace agent {
namespace {

base::Result<std::string> ask_mcias_whether_it_is_there(const MciasOptions& options) {
  MCP_TRY(const auto question, ask_mcias(options));
  const auto response = question("nobody's");
  if (!response) return response.error().within("cannot reach MCIAS");
  const auto answer = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  const bool judged = response->ok() && answer.is_object() && answer.contains("valid");
  if (judged || response->status == 401) return std::string("MCIAS answers");
  return base::unavailable("MCIAS at " + options.server_url + " cannot check tokens: it answers " +
                               std::to_string(response->status),
                           "is [mcias] server_url its address?");
}

base::Result<std::string> ask_issuer_whether_it_is_there(const Trust& trust) {
  Issuer issuer(trust.issuer, fetch_https(trust.ca_cert), monotonic_now);
  MCP_TRY(const auto keys, issuer.keys_for({}));
  if (keys->size() == 0)
    return base::unavailable(trust.issuer + " has no key for RS256, ES256 or EdDSA");
  return trust.issuer + " has " + std::to_string(keys->size()) + " keys for us";
}

}  // namespace

base::Result<std::string> ask_identity(const MciasOptions& mcias,
                                       const std::vector<Trust>& trusts) {
  std::vector<std::string> answers;
  if (!mcias.server_url.empty()) {
    MCP_TRY(answers.emplace_back(), ask_mcias_whether_it_is_there(mcias));
  }
  std::set<std::string> asked;
  for (const Trust& trust : trusts) {
    if (!asked.insert(trust.issuer).second) continue;
    MCP_TRY(answers.emplace_back(), ask_issuer_whether_it_is_there(trust));
  }
  if (answers.empty())
    return std::string("tokens are not used (neither [mcias] nor [oidc] is set)");
  return base::join(answers, "; ");
}

}  // namespace agent
