#include "controller/cli/completion.h"

#include <gmock/gmock.h>

#include "controller/cli/commands/commands.h"

namespace controller {
namespace {

using testing::ElementsAre;

std::vector<std::string> offered(const std::vector<std::string>& words) {
  const auto names = [](Complete kind) -> std::vector<std::string> {
    if (kind == Complete::kService) return {"db", "web"};
    if (kind == Complete::kComponent) return {"db", "web", "web/api"};
    if (kind == Complete::kNode) return {"rift"};
    if (kind == Complete::kShell) return {"bash", "fish", "zsh"};
    return {};
  };
  const auto commands = all_commands();
  std::vector<std::string> texts;
  for (const Candidate& one : complete(commands, words, names)) texts.push_back(one.text);
  return texts;
}

TEST(Completion, OffersCommandsNamesFlagsAndValues) {
  EXPECT_THAT(offered({"st"}), ElementsAre("stop", "start", "status"));
  EXPECT_THAT(offered({"serv"}), ElementsAre("service"));
  EXPECT_THAT(offered({"service", ""}), ElementsAre("show", "edit", "export"));
  EXPECT_THAT(offered({"deploy", "w"}), ElementsAre("web", "web/api"));
  EXPECT_THAT(offered({"stop", ""}), ElementsAre("db", "web"));
  EXPECT_THAT(offered({"stop", "web", ""}), ElementsAre());
  EXPECT_THAT(offered({"sync", "rift", ""}), ElementsAre("rift"));
  EXPECT_THAT(offered({"status", "--node", ""}), ElementsAre("rift"));
  EXPECT_THAT(offered({"deploy", "web", "--ver"}), ElementsAre("--version", "--verbose"));
  EXPECT_THAT(offered({"deploy", "--version", "v1", "w"}), ElementsAre("web", "web/api"));
  EXPECT_THAT(offered({"validate", "-o", "g"}), ElementsAre("github", "gitlab"));
  EXPECT_THAT(offered({"completion", "b"}), ElementsAre("bash"));
  EXPECT_THAT(offered({"__comp"}), ElementsAre());
}

}  // namespace
}  // namespace controller
