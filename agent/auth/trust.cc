#include <algorithm>
#include <iterator>
#include <string_view>

#include "agent/auth/oidc.h"
#include "base/http/url.h"

namespace agent {
namespace {

// Claims that only the owner of a project, a group or an account can get, at the issuers that serve
// everybody: docs.github.com "OpenID Connect reference", docs.gitlab.com "ID tokens" and "GitLab as
// OpenID Connect identity provider". Who started a job is none of them, nor that person's groups
// (groups_direct): people start jobs of others; nor is the workflow's file, which others may call.
constexpr std::string_view kOwned[] = {
    "sub",          "repository", "repository_id",  "repository_owner", "repository_owner_id",
    "project_path", "project_id", "namespace_path", "namespace_id",     "groups"};

bool serves_everybody(const std::string& issuer) {
  return issuer == "https://token.actions.githubusercontent.com" || issuer == "https://gitlab.com";
}

bool says_whose(const ClaimRule& rule) {
  if (std::find(std::begin(kOwned), std::end(kOwned), rule.claim) == std::end(kOwned)) return false;
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
