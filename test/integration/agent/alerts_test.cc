#include <gmock/gmock.h>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const kSleep = "trap 'exit 0' TERM; sleep 100000 & wait";

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

}  // namespace
}  // namespace test
