// The agent as its operator sees it: real podman, real git, the real program.
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::HasSubstr;

TEST(Agent, PushedDefinitionsRunFollowChangesAndGo) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("two services");
  node.start_agent();
  node.wait("both are ready", [&] { return node.ready("web") && node.ready("job"); });
  const std::string job = node.container_id("job.main");
  EXPECT_EQ(node.page("web"), "one\n");

  node.write("services/web.toml", web_definition("web", "two"));
  node.commit("another text");
  node.wait("the change is rolled out",
            [&] { return node.container_id("web.main").empty() && node.ready("web"); });
  EXPECT_EQ(node.container_id("job.main"), job) << "an unchanged service is left alone";
  EXPECT_THAT(node.service("web")["components"][0]["cause"], HasSubstr("cmd"));

  node.write("services/job.toml", "active = false\n" + definition("job", kSleep));
  node.commit("stop the job");
  node.wait("the job is stopped", [&] { return node.ready_reason("job") == "Stopped"; });
  EXPECT_EQ(node.podman({"inspect", "job.main", "--format", "{{.State.Running}}"}), "false");

  node.erase("services/job.toml");
  node.commit("remove the job");
  node.wait("its container is gone, and its entry",
            [&] { return node.container_id("job.main").empty() && node.service("job").is_null(); });
}

TEST(Agent, HealsWhatIsKilledStoppedPausedOrRemoved) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const auto healed = [&](const std::string& how) {
    node.wait("healed after " + how, [&] {
      return node.ready("job") &&
             node.podman({"inspect", "job.main", "--format", "{{.State.Status}}"}) == "running";
    });
  };
  const int pid = node.pid_of("job.main");
  ::kill(pid, SIGKILL);
  node.wait("another process", [&] {
    const int now = node.pid_of("job.main");
    return now != 0 && now != pid;
  });
  healed("kill -9");
  node.podman({"stop", "-t", "1", "job.main"});
  healed("podman stop");
  node.podman({"pause", "job.main"});
  healed("podman pause");
  const std::string id = node.container_id("job.main");
  node.podman({"rm", "-f", "-t", "0", "job.main"});
  node.wait("a new container", [&] {
    const std::string now = node.container_id("job.main");
    return !now.empty() && now != id;
  });
  healed("podman rm");
}

TEST(Agent, APullThatFailsKeepsTheOldContainer) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const std::string id = node.container_id("job.main");
  std::string text = definition("job", kSleep);
  text.replace(text.find(PodmanFixture::kDemoImage), std::string(PodmanFixture::kDemoImage).size(),
               "127.0.0.1:9/nothing:v1");
  node.write("services/job.toml", text);
  node.commit("an image that is nowhere");
  node.wait("the pull has failed", [&] { return node.ready_reason("job") == "ImagePullFailed"; });
  EXPECT_EQ(node.container_id("job.main"), id);
  EXPECT_EQ(node.podman({"inspect", id, "--format", "{{.State.Running}}"}), "true");

  node.write("services/job.toml", definition("job", kSleep));
  node.commit("back");
  node.wait("ready again", [&] { return node.ready("job"); });
  EXPECT_EQ(node.container_id("job.main"), id);
}

TEST(Agent, ABrokenVersionLeavesTheOldOneServing) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  const std::string id = node.container_id("web.main");
  node.write("services/web.toml",
             definition("web", "exit 3", "[[components.routes]]\nport = 8443\n"));
  node.commit("a version that exits");
  node.wait("the rollout has failed", [&] { return node.ready_reason("web") == "RolloutFailed"; });
  EXPECT_EQ(node.container_id("web.main"), id);
  node.write("services/web.toml", web_definition("web", "three"));
  node.commit("the fix, while the failed one backs off");
  node.wait("the fix is not blocked", [&] { return node.ready("web"); });
  EXPECT_EQ(node.container_id("web.main"), "") << "the old one has gone";
}

TEST(Agent, ForeignContainersAndPortsAreLeftAlone) {
  Node node;
  node.podman({"run", "-d", "--name", "job.main", PodmanFixture::kDemoImage, "sleep", "100000"});
  node.podman({"run", "-d", "--name", "squatter", "-p", "127.0.0.1:18080:80",
               PodmanFixture::kDemoImage, "sleep", "100000"});
  const std::string foreign = node.container_id("job.main");
  node.write("services/job.toml", definition("job", kSleep));
  node.write("services/port.toml",
             definition("port", kSleep, "ports = [\"127.0.0.1:18080:80\"]\n"));
  node.commit("a name and a port that are taken");
  node.start_agent();
  node.wait("the name clash is told", [&] {
    return node.tells("job", "NameConflict", "(rename or remove it: it is not managed here)");
  });
  node.wait("the port clash is told", [&] {
    return node.tells("port", "HostPortTaken", "another process listens on that port of the host");
  });
  EXPECT_EQ(node.container_id("job.main"), foreign);
  node.podman({"rm", "-f", "-t", "0", "job.main", "squatter"});
  node.wait(
      "both come up without a restart of anything",
      [&] { return node.ready("job") && node.ready("port"); }, 120);
}

TEST(Agent, AnEmptiedTreeIsHeldUntilSomebodySaysSo) {
  Node node;
  node.write("services/a.toml", definition("a", kSleep));
  node.write("services/b.toml", definition("b", kSleep));
  node.commit("two");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("a") && node.ready("b"); });
  node.erase("services/a.toml");
  node.erase("services/b.toml");
  node.write("README.md", "nothing left\n");
  node.commit("oops");
  node.wait("held", [&] { return node.ready_reason("a") == "PruneHeld"; });
  const int pid = node.pid_of("a.main");
  ::kill(pid, SIGKILL);
  node.wait("what is held is still healed", [&] {
    const int now = node.pid_of("a.main");
    return now != 0 && now != pid;
  });
  node.sync(true);
  node.wait("gone", [&] {
    return node.container_id("a.main").empty() && node.container_id("b.main").empty();
  });
}

TEST(Agent, StopsWithoutTouchingContainersAndStartsWithoutRestartingThem) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  const std::string id = node.container_id("web.main");
  const int pid = node.pid_of("web.main");
  EXPECT_EQ(node.terminate_agent(), 0);
  EXPECT_EQ(node.pid_of("web.main"), pid);
  // Offline: the server is away, and the last good revision is known.
  std::filesystem::rename(node.repository(), node.repository() + ".away");
  node.start_agent();
  node.wait("the source is told to be away",
            [&] { return node.node_tells("SourceUnavailable", "(check the url)"); });
  node.wait("ready", [&] { return node.ready("web"); });
  EXPECT_EQ(node.container_id("web.main"), id);
  EXPECT_EQ(node.pid_of("web.main"), pid);
  ::kill(pid, SIGKILL);
  node.wait("healing goes on without git", [&] {
    // In its other place, should somebody have taken its port just then.
    const int now = std::max(node.pid_of("web.main"), node.pid_of("web.main.2"));
    return now != 0 && now != pid;
  });
  std::filesystem::rename(node.repository() + ".away", node.repository());
  node.wait("the source is back", [&] { return node.node_reason() == "ReconciliationSucceeded"; });
}

TEST(Agent, KilledAtAnyPointConvergesAndRestartsNoHealthyContainer) {
  Node node;
  node.write("services/steady.toml", web_definition("steady", "still here"));
  node.write("services/web.toml", web_definition("web", "0"));
  node.commit("start");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("steady") && node.ready("web"); });
  const int pid = node.pid_of("steady.main");
  std::mt19937 random(20261122);
  constexpr int kRounds = 12;
  for (int round = 1; round <= kRounds; ++round) {
    node.write("services/web.toml", web_definition("web", std::to_string(round)));
    node.commit("version " + std::to_string(round));
    // Somewhere in the rollout, which takes about a second.
    ::poll(nullptr, 0, static_cast<int>(300 + random() % 1200));
    node.kill_agent();
    node.start_agent();
  }
  node.wait("the last version runs", [&] {
    return node.ready("web") && node.page("web") == std::to_string(kRounds) + "\n";
  });
  EXPECT_EQ(node.pid_of("steady.main"), pid);
  node.wait("no orphan is left", [&] {
    const std::string all = node.podman({"ps", "-a", "--format", "{{.Names}}"});
    return std::count(all.begin(), all.end(), '\n') == 1;
  });
}

TEST(Agent, PodmanKilledFrozenOrAwayIsToldAndRecoveredFrom) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const int pid = node.pid_of("job.main");

  const char* const kMend = "is the service that owns it running, and may this user use it?";
  node.engine().kill_service();
  node.wait("told", [&] { return node.node_tells("RuntimeUnavailable", kMend); });
  EXPECT_TRUE(node.tells("job", "RuntimeUnavailable", kMend))
      << "nobody knows, so nobody says Ready";
  node.write("services/late.toml", definition("late", kSleep));
  node.commit("while podman is away");
  ASSERT_TRUE(node.engine().start_service());
  node.wait("recovered", [&] { return node.ready("job") && node.ready("late"); }, 120);
  EXPECT_EQ(node.pid_of("job.main"), pid);

  node.engine().freeze_service();
  node.wait("a hanging podman is told", [&] {
    return node.node_tells("RuntimeUnavailable", "no complete answer within") &&
           node.node_tells("RuntimeUnavailable",
                           "hangs or is overloaded: look at it, or restart it");
  });
  node.engine().thaw_service();
  node.wait("recovered", [&] { return node.ready("job"); }, 120);
  EXPECT_EQ(node.pid_of("job.main"), pid);

  // The open connections would go on to serve.
  std::filesystem::remove(node.engine().socket());
  node.engine().kill_service();
  node.wait("a socket that is gone is told", [&] {
    return node.node_tells("RuntimeUnavailable", "podman.sock: No such file") &&
           node.node_tells("RuntimeUnavailable", kMend);
  });
  ASSERT_TRUE(node.engine().start_service());
  node.wait("recovered", [&] { return node.ready("job"); }, 120);
  EXPECT_EQ(node.pid_of("job.main"), pid);
}

TEST(Agent, WaitsForAPodmanThatIsNotThereYet) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.engine().kill_service();
  std::filesystem::remove(node.engine().socket());
  node.start_agent();
  node.wait("told", [&] {
    return node.node_tells("RuntimeUnavailable", "podman.sock: No such file") &&
           node.node_tells("RuntimeUnavailable", "is the service that owns it running");
  });
  ASSERT_TRUE(node.engine().start_service());
  node.wait("ready without a restart", [&] { return node.ready("job"); }, 120);
}

TEST(Agent, ALockedRegistryIsToldAndHealingGoesOn) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(node.registry().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const int pid = node.pid_of("job.main");
  ::kill(pid, SIGKILL);
  node.wait("told", [&] {
    return node.node_tells("RegistryUnavailable", "another process is writing to it: fuser");
  });
  node.wait("healed all the same", [&] {
    const int now = node.pid_of("job.main");
    return now != 0 && now != pid;
  });
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  node.wait("recovered", [&] { return node.node_reason() == "ReconciliationSucceeded"; });
}

TEST(Agent, ANewCommitSupersedesOneThatStillRollsOut) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  node.write("services/web.toml",
             definition("web", kSleep,
                        "[components.health]\nhttp = \"/\"\nstart_period = \"10m\"\n"
                        "[[components.routes]]\nport = 8443\n"));
  node.commit("never ready, and allowed to take ten minutes");
  node.wait("it is on its way", [&] { return node.ready_reason("web") == "Probing"; });
  node.write("services/web.toml", web_definition("web", "three"));
  node.commit("the next one");
  node.wait("the next one does not wait for it", [&] { return node.ready("web"); });
}

}  // namespace
}  // namespace test
