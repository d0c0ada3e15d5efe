// Removals that nobody may have meant, as an operator meets them: with the real `mcp`.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class PruneGuard : public testing::Test {
 protected:
  base::Command mcp(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), MCP_BINARY_DIR "/bin/mcp");
    return {arguments,
            {{"MCP_AGENT", "unix://" + (node_.folder() / "agent.sock")},
             {"MCP_REPO", ""},
             {"MCP_CONFIG", ""},
             {"XDG_CONFIG_HOME", node_.folder() / "config"}}};
  }
  void run_mcp(const std::vector<std::string>& arguments) {
    const auto done = base::run_command(mcp(arguments), "", std::chrono::seconds(60));
    ASSERT_TRUE(done && done->ok()) << (done ? done->err : done.error().text());
  }
  void write(const std::string& name) {
    node_.write("infra/services/" + name + ".toml", definition(name, kSleep));
  }
  std::vector<std::string> alerts() {
    std::vector<std::string> keys;
    if (const auto document = node_.status())
      for (const Json& alert : (*document)["alerts"]) keys.push_back(alert["key"]);
    return keys;
  }
  bool held(const std::string& name) { return node_.ready_reason(name) == "PruneHeld"; }

  Node node_{
      "path = \"infra\"\n[alerts]\nresolve_after = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nRemovalsHeld = \"0s\"\nRevisionInvalid = \"0s\"\n"};
};

TEST_F(PruneGuard, AFolderThatVanishesIsHeldToldAndApproved) {
  write("a");
  write("b");
  node_.commit("two");
  node_.start_agent();
  node_.wait("ready", [&] { return node_.ready("a") && node_.ready("b"); });
  const int a = node_.pid_of("a.main"), b = node_.pid_of("b.main");

  node_.erase("infra/services/a.toml");
  node_.erase("infra/services/b.toml");
  node_.write("elsewhere/services/a.toml", definition("a", kSleep));
  node_.commit("the folder has another name now");
  node_.wait("held", [&] { return held("a") && held("b") && alerts().size() == 2; });
  EXPECT_THAT(alerts(), UnorderedElementsAre("RemovalsHeld", "RevisionInvalid"));
  EXPECT_TRUE(node_.tells("a", "PruneHeld", "mcp sync --allow-prune"));
  node_.kill_agent();
  node_.start_agent();
  node_.wait("still held", [&] { return held("a") && held("b"); });
  EXPECT_EQ(node_.pid_of("a.main"), a);
  EXPECT_EQ(node_.pid_of("b.main"), b);

  run_mcp({"sync", "--allow-prune"});
  node_.wait("gone", [&] {
    return node_.container_id("a.main").empty() && node_.container_id("b.main").empty();
  });
  node_.wait("told to be over", [&] {
    const auto left = alerts();
    return std::find(left.begin(), left.end(), "RemovalsHeld") == left.end();
  });
  EXPECT_THAT(alerts(), ElementsAre("RevisionInvalid")) << "the folder is missing still";
}

TEST_F(PruneGuard, MoreThanThreeAreHeldUntilTheCommitSaysHowMany) {
  for (const char* name : {"a", "b", "c", "d", "e"}) write(name);
  node_.commit("five");
  node_.start_agent();
  node_.wait("ready", [&] {
    return node_.ready("a") && node_.ready("b") && node_.ready("c") && node_.ready("d") &&
           node_.ready("e");
  });
  const int a = node_.pid_of("a.main");
  for (const char* name : {"a", "b", "c", "d"})
    node_.erase(std::string("infra/services/") + name + ".toml");
  node_.commit("without four, and three are meant\n\nMcp-Approve-Prune: 3");
  node_.wait("held", [&] { return held("a") && held("d") && !alerts().empty(); });
  EXPECT_THAT(alerts(), ElementsAre("RemovalsHeld"));
  EXPECT_TRUE(node_.ready("e"));
  EXPECT_EQ(node_.pid_of("a.main"), a);
  node_.commit("as it is meant\n\nMcp-Approve-Prune: 4");
  node_.wait("gone", [&] {
    return node_.podman({"ps", "-aq", "--filter", "name=^[abcd].main$"}).empty() &&
           alerts().empty();
  });
  EXPECT_TRUE(node_.ready("e"));
}

TEST_F(PruneGuard, WhoFollowsTheEventsSeesDrift) {
  write("a");
  node_.commit("one");
  node_.start_agent();
  node_.wait("ready", [&] { return node_.ready("a"); });
  const std::string file = node_.folder() / "events";
  auto follower = base::Child::spawn(mcp({"events", "-f"}), {.output_file = file});
  ASSERT_TRUE(follower) << follower.error().text();
  const auto shown = [&] {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  };
  node_.wait("it follows", [&] { return shown().find("Started a.main") != std::string::npos; });
  node_.podman({"pause", "a.main"});
  node_.wait("drift and its end", [&] {
    return shown().find("expected running, is paused") != std::string::npos &&
           shown().find("Healed") != std::string::npos;
  });
  follower->terminate(std::chrono::seconds(10));
}

}  // namespace
}  // namespace test
