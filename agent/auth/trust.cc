#include <algorithm>
#include <array>
#include <string_view>

#include "agent/auth/oidc.h"
#include "base/http/url.h"

namespace agent {
namespace {

// Claims that only the owner of a project or an account can get, at the issuers of CI tokens that
// serve everybody: docs.github.com "OpenID Connect reference", docs.gitlab.com "ID tokens".
constexpr std::array kOwned = {std::string_view("sub"),
                               std::string_view("repository"),
                               std::string_view("repository_id"),
                               std::string_view("repository_owner"),
                               std::string_view("repository_owner_id"),
                               std::string_view("job_workflow_ref"),
                               std::string_view("project_path"),
                               std::string_view("project_id"),
                               std::string_view("namespace_path"),
                               std::string_view("namespace_id")};

bool serves_everybody(const std::string& issuer) {
  return issuer == "https://token.actions.githubusercontent.com" || issuer == "https://gitlab.com";
}

bool says_whose(const ClaimRule& rule) {
  if (std::find(kOwned.begin(), kOwned.end(), rule.claim) == kOwned.end()) return false;
  // "org*" is "organisation-of-somebody-else" too, and "repo:*" is everybody.
  const std::string& pattern = rule.pattern;
  return !pattern.ends_with('*') || pattern.ends_with("/*") ||
         (pattern.ends_with(":*") && pattern.find('/') != pattern.npos);
}

base::Result<> check_rule(const ClaimRule& rule) {
  const size_t star = rule.pattern.find('*');
  if (rule.claim.empty() || rule.pattern.empty())
    return base::invalid("a claim and its value may not be empty");
  if (star != rule.pattern.npos && star + 1 != rule.pattern.size())
    return base::invalid("'" + rule.pattern + "' has a '*' before its end",
                         "only the last character may be one");
  if (rule.pattern == "*")
    return base::invalid("'*' fits every value of " + rule.claim, "write how the value begins");
  return {};
}

}  // namespace

base::Result<> check_trust(const Trust& trust) {
  MCP_CHECK(base::parse_https_url(trust.issuer));
  if (trust.audience.empty())
    return base::invalid("an issuer needs an audience",
                         "or tokens that were made for others would count");
  for (const Grant& grant : trust.grants) {
    for (const ClaimRule& rule : grant.rules) MCP_CHECK(check_rule(rule));
    if (serves_everybody(trust.issuer) &&
        std::none_of(grant.rules.begin(), grant.rules.end(), says_whose))
      return base::invalid(
          "everybody gets tokens of " + trust.issuer + ", and no claim here says whose are meant",
          "name the repository or the project: \"org/name\" or \"org/*\"");
  }
  return {};
}

}  // namespace agent
