// What others do to containers is seen, told and healed, or only told; with real podman.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <functional>

#include "base/core/time.h"
#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

std::string state(Node& node, const std::string& name) {
  return node.podman({"inspect", name, "--format", "{{.State.Status}}"});
}

// As somebody whose deed podman tells nobody of.
void unseen(Node& node, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--events-backend=none");
  node.podman(arguments);
}

TEST(Watch, EachChangeIsToldOnceAndHealed) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const auto healed = [&](const std::string& actual, const std::function<void()>& change) {
    const size_t told = node.events("job", "Drifted").size();
    const size_t mended = node.events("job", "Healed").size();
    change();
    const std::string wanted = "state: expected running, is " + actual;
    node.wait("told and healed: " + actual, [&] {
      const auto drifted = node.events("job", "Drifted");
      return drifted.size() > told && drifted.back() == wanted &&
             node.events("job", "Healed").size() > mended && node.ready("job");
    });
    EXPECT_EQ(state(node, "job.main"), "running");
  };
  healed("exited", [&] { node.podman({"stop", "-t", "1", "job.main"}); });
  healed("exited", [&] { ::kill(node.pid_of("job.main"), SIGKILL); });
  healed("paused", [&] { node.podman({"pause", "job.main"}); });
  EXPECT_EQ(node.events("job", "Drifted").size(), 3u) << "each is told once";
  healed("missing", [&] { node.podman({"rm", "-f", "-t", "0", "job.main"}); });
}

TEST(Watch, ThePeriodicListAloneHeals) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  unseen(node, {"pause", "job.main"});
  node.wait("resumed", [&] { return state(node, "job.main") == "running"; });
  const std::string id = node.container_id("job.main");
  unseen(node, {"rm", "-f", "-t", "0", "job.main"});
  node.wait("made anew", [&] {
    const std::string now = node.container_id("job.main");
    return !now.empty() && now != id && node.ready("job");
  });
  EXPECT_EQ(node.events("job", "Drifted").back(), "state: expected running, is missing");
}

TEST(Watch, WhatIsNotToBeHealedIsToldAndACommitMendsIt) {
  Node node("[drift]\nheal = false\n");
  node.write("services/job.toml", definition("job", kSleep));
  node.write("services/other.toml", "drift = { heal = true }\n" + definition("other", kSleep));
  node.commit("two");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job") && node.ready("other"); });
  node.podman({"pause", "job.main"});
  node.podman({"pause", "other.main"});
  node.wait("it is told", [&] { return node.ready_reason("job") == "Drifted"; });
  node.wait("what is to be healed is",
            [&] { return state(node, "other.main") == "running" && node.ready("other"); });
  EXPECT_EQ(state(node, "job.main"), "paused");
  EXPECT_THAT(node.events("job", "Drifted"),
              Contains("state: expected running, is paused").Times(1));
  const Json drift = node.service("job")["components"][0]["drift"];
  EXPECT_EQ(drift,
            Json::array({{{"field", "state"}, {"expected", "running"}, {"actual", "paused"}}}));

  node.write("services/job.toml",
             "restarted_at = 2026-11-22T10:00:00Z\n" + definition("job", kSleep));
  node.commit("restart");
  node.wait("made anew", [&] { return node.ready("job"); });
  EXPECT_EQ(state(node, node.container_id("job.main").empty() ? "job.main.2" : "job.main"),
            "running");
}

TEST(Watch, WhatFlapsSaysWhy) {
  Node node;
  node.write("services/job.toml",
             definition("job", "echo one; printf \"panic:\\033[31m no configuration\\n\"; exit 3"));
  node.commit("job");
  node.start_agent();
  node.wait("it flaps", [&] { return node.ready_reason("job") == "Flapping"; });
  node.wait("the event is stored", [&] { return !node.events("job", "Flapping").empty(); });
  EXPECT_THAT(node.events("job", "Flapping").front(),
              testing::AllOf(HasSubstr("exited with 3"), HasSubstr("its last lines: "),
                             HasSubstr("one | panic: [31m no configuration")));
  const Json component = node.service("job")["components"][0];
  EXPECT_EQ(component["lastExit"], "exited with 3");
  EXPECT_EQ(component["lastLines"].back(), "panic: [31m no configuration");
}

TEST(Watch, ANewVersionThatEndsAtOnceLeavesItsLastLines) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  node.write("services/job.toml", definition("job", "echo cannot open the database; exit 4"));
  node.commit("a version that ends");
  node.wait("it is told", [&] { return !node.events("job", "RolloutFailed").empty(); });
  EXPECT_THAT(node.events("job", "RolloutFailed").front(),
              testing::AllOf(HasSubstr("exited with 4"), HasSubstr("cannot open the database")));
}

TEST(Watch, ASuspendedServiceIsLeftAloneUntilItsTimeIsOver) {
  Node node;
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const auto now = std::chrono::system_clock::now();
  const auto until = std::chrono::floor<std::chrono::seconds>(now) + std::chrono::seconds(30);
  const std::string suspend =
      "suspend = { until = " + base::to_rfc3339(until) + ", reason = \"tests\" }\n";
  node.write("services/job.toml", suspend + definition("job", kSleep));
  node.commit("suspend");
  node.wait("suspended", [&] { return !node.service("job")["suspended"].is_null(); });
  EXPECT_TRUE(node.ready("job")) << "it is as it should be";
  node.podman({"rm", "-f", "-t", "0", "job.main"});
  node.wait("it is told", [&] { return node.ready_reason("job") == "Suspended"; });
  EXPECT_EQ(node.container_id("job.main"), "");
  node.wait("its time is over", [&] { return node.ready("job"); });
  EXPECT_GE(std::chrono::system_clock::now(), until);
  EXPECT_THAT(node.events("job", "Suspended"),
              Contains(HasSubstr("(tests): no change is made to it")));
  EXPECT_THAT(node.events("job", "Resumed"), SizeIs(1));

  node.write("services/job.toml", "suspend = {}\n" + definition("job", kSleep));
  node.commit("suspend without an end");
  node.wait("suspended", [&] { return !node.service("job")["suspended"].is_null(); });
  node.erase("services/job.toml");
  node.write("services/other.toml", definition("other", kSleep));
  node.commit("remove it");
  node.wait("removed", [&] { return node.container_id("job.main").empty(); });
}

}  // namespace
}  // namespace test
