#include <gmock/gmock.h>

#include <algorithm>

#include "test/integration/agent/node.h"
#include "test/integration/agent/silent_server.h"

namespace test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// "warning ServiceStalled job"
std::vector<std::string> alerts(Node& node) {
  std::vector<std::string> out;
  if (const auto document = node.status())
    for (const Json& alert : (*document)["alerts"])
      out.push_back(alert["severity"].get<std::string>() + " " + alert["key"].get<std::string>());
  return out;
}

TEST(AgentAlerts, OfAServiceBeginAndEndWithWhatIsWrong) {
  Node node(
      "[alerts]\nresolve_after = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nServiceStalled = \"0s\"\nNotReady = \"3s\"\n");
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  EXPECT_THAT(alerts(node), IsEmpty());

  node.write("services/job.toml", "name = \"job\"\nimag = 1\n");
  node.commit("break it");
  node.wait("the alert", [&] { return !alerts(node).empty(); });
  EXPECT_THAT(alerts(node), ElementsAre("warning ServiceStalled job")) << "the old one serves on";
  EXPECT_THAT((*node.status())["alerts"][0]["description"].get<std::string>(),
              HasSubstr("services/job.toml"));
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("mend it");
  node.wait("its end", [&] { return alerts(node).empty(); });

  // A service that never runs: nothing else says why, and nothing serves.
  node.write("services/lost.toml",
             "name = \"lost\"\n[[components]]\nname = \"main\"\n"
             "image = \"127.0.0.1:9/nothing:v1\"\n");
  node.commit("an image that is nowhere");
  node.wait("the alert", [&] { return !alerts(node).empty(); });
  EXPECT_THAT(alerts(node), ElementsAre("critical NotReady lost"));
  node.erase("services/lost.toml");
  node.commit("without it");
  node.wait("its end", [&] { return alerts(node).empty(); });
}

TEST(AgentAlerts, EachTroubleHasItsKind) {
  Node node(
      "[alerts]\nresolve_after = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nDriftNotHealed = \"0s\"\nRemovalsHeld = \"0s\"\n");
  const auto fires = [&](const std::string& alert) {
    node.wait(alert, [&] {
      const auto firing = alerts(node);
      return std::find(firing.begin(), firing.end(), alert) != firing.end();
    });
  };
  node.write("services/drifts.toml", "drift = { heal = false }\n" + definition("drifts", kSleep));
  node.write("services/rolls.toml", definition("rolls", kSleep));
  node.commit("two that run");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("drifts") && node.ready("rolls"); });
  EXPECT_THAT(alerts(node), IsEmpty());
  node.podman({"pause", "drifts.main"});
  fires("warning DriftNotHealed drifts");
  node.podman({"unpause", "drifts.main"});
  node.wait("its end", [&] { return alerts(node).empty(); });

  node.write("services/rolls.toml", definition("rolls", "exit 3"));
  node.write("services/flaps.toml", definition("flaps", "exit 4"));
  node.commit("a version that ends, and a service that does");
  fires("warning RolloutFailed rolls");
  fires("critical Flapping flaps");

  for (const char* name : {"drifts", "rolls", "flaps"})
    node.erase(std::string("services/") + name + ".toml");
  node.write("README.md", "nothing left\n");
  node.commit("without all of them");
  fires("warning RemovalsHeld");
  node.sync(true);
  node.wait("their end", [&] { return alerts(node).empty(); });
}

TEST(AgentAlerts, AReceiverThatNeverAnswersHoldsNoCommitUp) {
  const SilentServer silent;
  Node node(
      "[alerts]\ngroup_wait = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nServiceStalled = \"0s\"\n"
      "[[alerts.receivers]]\ntype = \"webhook\"\nname = \"silent\"\nurl = \"http://" +
      silent.host() + "/\"\n");
  node.write("services/bad.toml", "name = \"bad\"\nimag = 1\n");
  node.commit("bad");
  node.start_agent();
  node.wait("the receiver is told", [&] { return silent.somebody_waits(); });
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("job");
  node.wait("ready", [&] { return node.ready("job"); });
  EXPECT_EQ((*node.status())["alertReceivers"][0]["delivered"], 0);
}

}  // namespace
}  // namespace test
