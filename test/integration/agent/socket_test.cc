#include <gmock/gmock.h>

#include <filesystem>

#include "test/integration/agent/node.h"

namespace test {
namespace {

TEST(AgentSocket, AFileThatIsRemovedIsMadeAgain) {
  Node node;
  node.start_agent();
  node.wait("the API answers", [&] { return node.status().has_value(); });
  std::filesystem::remove(node.folder() / "agent.sock");
  EXPECT_FALSE(node.status());
  node.wait("the API answers again", [&] { return node.status().has_value(); });
  EXPECT_THAT(node.agent_log(), testing::HasSubstr("the socket file was removed"));
}

}  // namespace
}  // namespace test
