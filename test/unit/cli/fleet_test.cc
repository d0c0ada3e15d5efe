#include "controller/fleet/fleet.h"

#include <gmock/gmock.h>

#include "controller/fleet/address.h"

namespace controller {
namespace {

using testing::HasSubstr;

TEST(Address, UnixNowOthersLater) {
  EXPECT_EQ(parse_address("unix:///run/mcp/agent.sock")->socket, "/run/mcp/agent.sock");
  EXPECT_EQ(parse_address("/run/x.sock")->socket, "/run/x.sock");
  struct Case {
    std::string text;
    std::string said;
  };
  for (const Case& one : std::vector<Case>{
           {"https://rift:9444", "https addresses are not supported yet"},
           {"100.95.252.120:9444", "https addresses are not supported yet"},
           {"ssh://mcp@rift", "ssh addresses are not supported yet"},
           {"rift", "is not an agent address"},
           {"ftp://rift", "is not an agent address"},
           {"unix:///" + std::string(120, 'x'), "too long"},
       }) {
    const auto address = parse_address(one.text);
    ASSERT_FALSE(address) << one.text;
    EXPECT_THAT(address.error().message, HasSubstr(one.said));
    EXPECT_FALSE(address.error().hint.empty());
  }
}

TEST(Fleet, ChoosesNodesByName) {
  const std::vector<KnownNode> known = {{"rift", "/run/a.sock"}, {"pass", "/run/b.sock"}};
  const auto names = [&](const std::vector<std::string>& wanted) {
    std::vector<std::string> out;
    const auto agents = choose_agents(known, wanted, {"/run/default.sock"}, base::Millis(1000));
    if (!agents) return std::vector<std::string>{agents.error().text()};
    for (const Agent& agent : *agents) out.push_back(agent.name());
    return out;
  };
  EXPECT_THAT(names({}), testing::ElementsAre("rift", "pass"));
  EXPECT_THAT(names({"pass"}), testing::ElementsAre("pass"));
  EXPECT_THAT(names({"rfit"}),
              testing::ElementsAre("no node is called 'rfit' (did you mean 'rift'?)"));
  const auto local = choose_agents({}, {}, {"/nonexistent/a.sock"}, base::Millis(1000));
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
