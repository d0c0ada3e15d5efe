#include "agent/config/identity.h"

#include "agent/auth/oidc.h"
#include "base/core/text.h"
#include "base/http/url.h"

namespace agent {
namespace {

using base::Result;
using crds::Value;

Result<Role> parse_role(const Value& value) {
  if (value.type == Value::Type::kString && value.text == "viewer") return Role::kViewer;
  if (value.type == Value::Type::kString && value.text == "operator") return Role::kOperator;
  return base::invalid("found " + describe(value) + ", wanted a role",
                       "\"viewer\" may read, \"operator\" may do everything");
}

Result<> read_claims(const Value& value, Grant& grant) {
  if (value.type != Value::Type::kTable)
    return base::invalid("claims is " + describe(value) + ", wanted a table");
  for (const crds::Member& member : value.members) {
    if (member.value.type != Value::Type::kString)
      return base::invalid("claims." + member.key + " is " + describe(member.value) +
                           ", wanted a string");
    grant.rules.push_back({member.key, member.value.text});
  }
  return {};
}

Result<> read_text(const crds::Member& member, std::string& target) {
  if (member.value.type != Value::Type::kString)
    return base::invalid(member.key + " is " + describe(member.value) + ", wanted a string");
  target = member.value.text;
  return {};
}

Result<Trust> read_trust(const Value& value) {
  if (value.type != Value::Type::kTable)
    return base::invalid("found " + describe(value) + ", wanted [[oidc.trust]]");
  Trust trust;
  Grant grant;
  for (const crds::Member& member : value.members) {
    if (member.key == "issuer") {
      MCP_CHECK(read_text(member, trust.issuer));
    } else if (member.key == "audience") {
      MCP_CHECK(read_text(member, trust.audience));
    } else if (member.key == "ca_cert") {
      MCP_CHECK(read_text(member, trust.ca_cert));
    } else if (member.key == "role") {
      MCP_TRY(grant.role, parse_role(member.value));
    } else if (member.key == "claims") {
      MCP_CHECK(read_claims(member.value, grant));
    } else {
      return base::invalid("unknown key '" + member.key + "'",
                           "known: issuer, audience, ca_cert, role, claims");
    }
  }
  if (grant.role == Role::kNone) return base::invalid("it gives no role", "role = \"operator\"");
  // Whom an issuer of CI tokens knows is mostly strangers.
  if (grant.rules.empty())
    return base::invalid("it has no claims", "claims = { repository = \"org/name\" }");
  trust.grants.push_back(std::move(grant));
  MCP_CHECK(check_trust(trust));
  return trust;
}

}  // namespace

Result<> set_oidc_roles(Config& config, const Value& value) {
  for (const crds::Member& member : value.members) {
    auto role = parse_role(member.value);
    if (!role) return role.error().within(member.key);
    Grant grant;
    grant.role = *role;
    if (member.key != "*") grant.rules.push_back({{}, member.key});
    config.oidc.roles.push_back(std::move(grant));
  }
  return {};
}

Result<> set_oidc_trust(Config& config, const Value& value) {
  for (size_t i = 0; i < value.items.size(); ++i) {
    auto trust = read_trust(value.items[i]);
    if (!trust)
      return trust.error().within("number " + std::to_string(i + 1) + ", line " +
                                  std::to_string(value.items[i].at.line));
    config.oidc.trust.push_back(std::move(*trust));
  }
  return {};
}

Result<> check_identity(const Config& config) {
  if (!config.mcias.server_url.empty()) MCP_CHECK(base::parse_https_url(config.mcias.server_url));
  if (config.oidc.issuer.empty()) {
    if (config.oidc.roles.empty()) return {};
    return base::invalid("[oidc] roles has no issuer", "set issuer and audience in [oidc]");
  }
  for (const Trust& trust : config.oidc.trusts()) MCP_CHECK(check_trust(trust));
  return {};
}

std::vector<Trust> Config::Oidc::trusts() const {
  std::vector<Trust> all = trust;
  if (issuer.empty()) return all;
  Trust people{issuer, audience, ca_cert, roles};
  for (Grant& grant : people.grants)
    for (ClaimRule& rule : grant.rules) rule.claim = roles_claim;
  all.insert(all.begin(), std::move(people));
  return all;
}

}  // namespace agent
