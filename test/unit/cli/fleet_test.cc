#include "controller/fleet/fleet.h"

#include <gmock/gmock.h>

#include "controller/fleet/address.h"

namespace controller {
namespace {

using testing::HasSubstr;

std::string parts(const AgentAddress& address) {
  constexpr const char* kKinds[] = {"socket", "ssh", "https"};
  return std::string(kKinds[static_cast<int>(address.kind)]) + " " + address.user + "@" +
         address.host + ":" + std::to_string(address.port) + " " + address.socket;
}

TEST(Address, IsASocketOrThroughSshOrHttps) {
  const std::pair<const char*, const char*> table[] = {
      {"unix:///run/mcp/agent.sock", "socket @:0 /run/mcp/agent.sock"},
      {"/run/x.sock", "socket @:0 /run/x.sock"},
      {"ssh://rift", "ssh @rift:0 "},
      {"ssh://mcp@rift.example.net:2222/run/a.sock", "ssh mcp@rift.example.net:2222 /run/a.sock"},
      {"ssh://mcp@[2001:db8::1]:22/", "ssh mcp@2001:db8::1:22 "},
      {"https://rift", "https @rift:9444 "},
      {"https://rift:443/", "https @rift:443 "},
      {"https://[::1]:9444", "https @::1:9444 "},
      {"100.95.252.120:9444", "https @100.95.252.120:9444 "}};
  for (const auto& [text, said] : table) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text << ": " << address.error().text();
    EXPECT_EQ(parts(*address), said) << text;
  }
}

TEST(Address, NothingThatAProgramCouldReadAsMore) {
  for (const std::string& text :
       {std::string("rift"), std::string("ftp://rift"), std::string("ssh://"),
        std::string("ssh://-oProxyCommand=x"), std::string("ssh://-x@rift"),
        std::string("ssh://a b@rift"), std::string("ssh://rift:0"), std::string("ssh://rift:99999"),
        std::string("ssh://rift/a b"), std::string("ssh://rift/$(x)"), std::string("https://"),
        std::string("https://rift:"), std::string("https://rift:x"),
        std::string("https://rift/api"), std::string("https://[::1"),
        "unix:///" + std::string(120, 'x')}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, base::Code::kInvalid);
    EXPECT_FALSE(address.error().hint.empty());
  }
}

TEST(Fleet, ChoosesNodesByName) {
  const std::vector<KnownNode> known = {{"rift", "/run/a.sock"}, {"pass", "/run/b.sock"}};
  const auto names = [&](const std::vector<std::string>& wanted) {
    std::vector<std::string> out;
    const auto agents = choose_agents(known, wanted, {"/run/default.sock"}, base::Millis(1000), {});
    if (!agents) return std::vector<std::string>{agents.error().text()};
    for (const Agent& agent : *agents) out.push_back(agent.name());
    return out;
  };
  EXPECT_THAT(names({}), testing::ElementsAre("rift", "pass"));
  EXPECT_THAT(names({"pass"}), testing::ElementsAre("pass"));
  EXPECT_THAT(names({"rfit"}),
              testing::ElementsAre("no node is called 'rfit' (did you mean 'rift'?)"));
  const auto local = choose_agents({}, {}, {"/nonexistent/a.sock"}, base::Millis(1000), {});
  ASSERT_TRUE(local);
  EXPECT_EQ(local->front().address(), "unix:///nonexistent/a.sock");
  const auto status = local->front().status();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, base::Code::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("/nonexistent/a.sock"));
}

TEST(Documents, WhatIsMissingOrUnknownDoesNotMatter) {
  const auto status = parse_status(R"({
    "node": "rift", "new": {"field": 1}, "revision": null,
    "source": {"url": "u", "lastError": null, "syncsDone": 4},
    "services": [{"name": "web", "hold": {"reason": "PruneHeld", "message": "m"},
      "components": [{"name": "api", "waitingFor": null, "restarts": "many"}]}, 5]})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->source.syncs_done, 4);
  EXPECT_EQ(status->source.last_error, "");
  ASSERT_EQ(status->services.size(), 1U);
  EXPECT_EQ(status->services[0].node, "rift");
  EXPECT_EQ(status->services[0].hold->reason, "PruneHeld");
  EXPECT_EQ(status->services[0].components[0].restarts, 0);
  for (const char* wrong : {"", "[]", "{", "<html>", "null"}) EXPECT_FALSE(parse_status(wrong));
  EXPECT_FALSE(status->services[0].components[0].rollout);
  EXPECT_EQ(parse_routes(R"({"managed": true, "routes": [{"hostname": "a", "new": 1}]})")
                ->routes[0]
                .hostname,
            "a");
  EXPECT_FALSE(parse_routes("[]"));
  EXPECT_TRUE(parse_events("[]"));
  EXPECT_FALSE(parse_events("{}"));
}

}  // namespace
}  // namespace controller
