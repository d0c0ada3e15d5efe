#include <gmock/gmock.h>

#include "agent/config/config.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

LoadedConfig parse(const std::string& text) {
  return parse_config(text, "a.toml", {.host_name = "rift", .root = true, .home = "/root"});
}

TEST(IdentityConfig, EverybodyWhoIsTrustedIsOneList) {
  const auto loaded = parse(R"(
[mcias]
server_url = "https://mcias.example.net:8443"
ca_cert = "/etc/mcp/ca.pem"
service_name = "mcp"
tags = ["env:prod"]
[oidc]
issuer = "https://id.example.net/realms/home"
audience = "mcp"
ca_cert = "/etc/mcp/id.pem"
roles_claim = "realm_access.roles"
roles = { ops = "operator", "*" = "viewer" }
[[oidc.trust]]
issuer = "https://token.actions.githubusercontent.com"
audience = "mcp.example.net"
role = "operator"
claims = { repository = "org/desired", ref = "refs/heads/main" }
[[oidc.trust]]
issuer = "https://gitlab.home.example"
audience = "mcp.example.net"
ca_cert = "/etc/mcp/gitlab.pem"
role = "viewer"
claims = { project_path = "org/*" }
)");
  for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
  EXPECT_EQ(loaded.config.mcias.server_url, "https://mcias.example.net:8443");
  EXPECT_EQ(loaded.config.mcias.ca_cert, "/etc/mcp/ca.pem");
  const std::vector<Trust> trusts = loaded.config.oidc.trusts();
  ASSERT_EQ(trusts.size(), 3U);
  EXPECT_EQ(trusts[0].issuer, "https://id.example.net/realms/home");
  EXPECT_EQ(trusts[0].audience, "mcp");
  EXPECT_EQ(trusts[0].ca_cert, "/etc/mcp/id.pem");
  ASSERT_EQ(trusts[0].grants.size(), 2U);
  for (const Grant& grant : trusts[0].grants) {
    const bool everybody = grant.rules.empty();
    EXPECT_EQ(grant.role, everybody ? Role::kViewer : Role::kOperator);
    if (!everybody) {
      EXPECT_EQ(grant.rules[0], (ClaimRule{"realm_access.roles", "ops"}));
    }
  }
  EXPECT_EQ(trusts[1].grants[0].rules.size(), 2U);
  EXPECT_EQ(trusts[2].ca_cert, "/etc/mcp/gitlab.pem");
  EXPECT_EQ(trusts[2].grants[0].role, Role::kViewer);
}

TEST(IdentityConfig, WhatLetsInStrangersOrNobodyIsRefused) {
  const std::string trust =
      "[[oidc.trust]]\nissuer = 'https://gitlab.com'\naudience = 'mcp'\nrole = 'operator'\n";
  const std::pair<std::string, const char*> table[] = {
      {"[mcias]\nserver_url = 'http://mcias.example'\n", "does not begin with https://"},
      {"[oidc]\nissuer = 'https://id.example'\n", "an issuer needs an audience"},
      {"[oidc]\nissuer = 'id.example'\naudience = 'mcp'\n", "does not begin with https://"},
      {"[oidc]\nroles = { ops = 'operator' }\n", "[oidc] roles has no issuer"},
      {"[oidc]\nroles = { ops = 'admin' }\n",
       "oidc.roles: ops: found the string 'admin', wanted a"},
      {"[oidc]\nroles = 'ops'\n", "wanted a table"},
      {"[oidc]\ntrust = ['x']\n", "number 1, line 2: found the string 'x', wanted [[oidc.trust]]"},
      {trust, "it has no claims"},
      {trust + "claims = {}\n", "it has no claims"},
      {trust + "claims = { ref = 'main' }\n", "no claim here says whose are meant"},
      {trust + "claims = { project_path = 7 }\n", "claims.project_path is the number 7"},
      {trust + "claims = { project_path = 'a/b' }\nroles = 1\n", "unknown key 'roles'"},
      {"[[oidc.trust]]\nissuer = 'https://ci.example'\naudience = 'mcp'\nclaims = { a = 'b' }\n",
       "it gives no role"},
      {"[[oidc.trust]]\nissuer = 'https://ci.example'\nrole = 'viewer'\nclaims = { a = 'b' }\n",
       "an issuer needs an audience"},
  };
  for (const auto& [text, why] : table) {
    const auto loaded = parse(text);
    ASSERT_EQ(loaded.problems.size(), 1U) << text;
    EXPECT_THAT(loaded.problems[0].text(), HasSubstr(why)) << text;
  }
}

}  // namespace
}  // namespace agent
