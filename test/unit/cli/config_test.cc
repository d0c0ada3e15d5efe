#include "controller/cli/config.h"

#include <gmock/gmock.h>

namespace controller {
namespace {

using testing::HasSubstr;

TEST(Config, ReadsEverySection) {
  const auto config = parse_config("mcp.toml", R"(
[services]
dir = "~/.config/mcp/services"
[mcias]
server_url = "https://mcias.example.net:8443"
service_name = "mcp"
tags = ["a", "b"]
[oidc]
issuer = "https://id.example.net"
client_id = "mcp"
ca_cert = "~/id.pem"
scopes = ["openid", "groups"]
[auth]
token_path = "~/token"
ca_file = "~/ca.pem"
[repo]
url = "git@example.net:desired.git"
path = "/srv/desired"
branch = "main"
[[nodes]]
name = "rift"
address = "100.95.252.120:9444"
ca_file = "~/rift.pem"
[[nodes]]
name = "pass"
address = "unix:///run/mcp/agent.sock"
)",
                                   "/home/kyle");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->services.dir, "/home/kyle/.config/mcp/services");
  EXPECT_EQ(config->mcias.server_url, "https://mcias.example.net:8443");
  EXPECT_THAT(config->mcias.tags, testing::ElementsAre("a", "b"));
  EXPECT_EQ(config->oidc.issuer, "https://id.example.net");
  EXPECT_EQ(config->oidc.client_id, "mcp");
  EXPECT_EQ(config->oidc.ca_cert, "/home/kyle/id.pem");
  EXPECT_THAT(config->oidc.scopes, testing::ElementsAre("openid", "groups"));
  EXPECT_EQ(config->auth.token_path, "/home/kyle/token");
  EXPECT_EQ(config->auth.ca_file, "/home/kyle/ca.pem");
  EXPECT_EQ(config->repo.url, "git@example.net:desired.git");
  EXPECT_EQ(config->repo.path, "/srv/desired");
  EXPECT_EQ(config->repo.branch, "main");
  ASSERT_EQ(config->nodes.size(), 2U);
  EXPECT_EQ(config->nodes[0].name, "rift");
  EXPECT_EQ(config->nodes[0].address, "100.95.252.120:9444");
  EXPECT_EQ(config->nodes[0].ca_file, "/home/kyle/rift.pem");
}

TEST(Config, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text;
    std::string said;
  };
  for (const Case& one : std::vector<Case>{
           {"[repo]\nulr = 'x'\n", "mcp.toml:2:1: repo.ulr: unknown key (did you mean 'url'?)"},
           {"[repos]\nurl = 'x'\n", "mcp.toml:1:2: repos: unknown key (did you mean 'repo'?)"},
           {"[repo]\nurl = 5\n", "mcp.toml:2:7: repo.url: found the number 5, a string is wanted"},
           {"repo = 'x'\n", "repo: found the string 'x', a table is wanted"},
           {"[mcias]\ntags = 'x'\n", "mcias.tags: found the string 'x', a list is wanted"},
           {"[[nodes]]\nname = 'rift'\n", "nodes: a node needs a name and an address"},
           {"[repo\n", "mcp.toml:1:"},
       }) {
    SCOPED_TRACE(one.text);
    const auto config = parse_config("mcp.toml", one.text, "/home/kyle");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, base::Code::kInvalid);
    EXPECT_THAT(config.error().message, HasSubstr(one.said));
  }
}

TEST(Config, AFileThatWasNamedMustExist) {
  Environment environment;
  environment.config_home = "/nonexistent";
  EXPECT_TRUE(load_config(environment));
  environment.config = "/nonexistent/mcp.toml";
  const auto config = load_config(environment);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("/nonexistent/mcp.toml"));
}

}  // namespace
}  // namespace controller
