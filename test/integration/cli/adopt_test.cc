#include <gmock/gmock.h>

#include "base/process/process.h"
#include "test/integration/cli/fake_agent.h"
#include "test/support/dialogue.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

// `mcp adopt`, the program, with agents whose proposals are written here. With podman it stands in
// test/integration/adopt.
namespace test {
namespace {

using testing::HasSubstr;

constexpr char kShop[] =
    "name = \"shop\"\nnode = \"rift\"\n\n[[components]]\nname = \"front\"\n"
    "image = \"localhost/shop:v1\"\n";
const std::string kId(64, 'a');

class AdoptCommand : public testing::Test {
 protected:
  AdoptCommand()
      : isolated_((isolate_git(dir_ / "home"), true)),
        origin_(GitRepo::init_bare(dir_ / "origin.git")),
        work_(GitRepo::clone(dir_ / "origin.git", dir_ / "work")),
        rift_(dir_ / "rift.sock", dir_ / "origin.git"),
        svc_(dir_ / "svc.sock", dir_ / "origin.git") {
    svc_.node = "svc";
    for (const std::string name : {"rift", "svc"})
      work_.write("nodes/" + name + ".toml", "name = \"" + name +
                                                 "\"\naddress = \"192.0.2.1\"\nagent = \"unix://" +
                                                 (dir_ / (name + ".sock")) + "\"\n");
    work_.commit("start");
    work_.git({"push", "-q", "-u", "origin", "HEAD:main"});
    rift_.adoption = proposal("rift");
    svc_.adoption = nothing("svc");
    rift_.on_sync = [](FakeAgent& agent) {
      agent.set_service("shop", "ReconciliationSucceeded", true);
      Json& component = agent.services.back()["components"][0];
      component["name"] = "front";
      component["containerId"] = kId;
      component["startedAt"] = "2026-11-22T09:00:00Z";
    };
  }

  static Json proposal(const std::string& node) {
    return {
        {"service", "shop"},
        {"node", node},
        {"toml", kShop},
        {"components",
         {{{"name", "front"},
           {"containerId", kId},
           {"containerName", "shop_front_1"},
           {"startedAt", "2026-11-22T09:00:00Z"},
           {"losses",
            {{{"field", "dns"}, {"value", "1.1.1.1"}, {"consequence", "it asks others"}}}}}}},
        {"leftOut", {{{"containerName", "shop_old_1"}, {"reason", "it is exited"}}}},
        {"managers", {{{"kind", "compose"}, {"name", "shop"}, {"advice", "move its file away"}}}},
        {"otherContainers", Json::array()}};
  }
  static Json nothing(const std::string& node) {
    return {{"service", "shop"},
            {"node", node},
            {"toml", ""},
            {"components", Json::array()},
            {"leftOut", Json::array()},
            {"managers", Json::array()},
            {"otherContainers", {"shup"}}};
  }

  std::map<std::string, std::string> environment() const {
    return {{"MCP_AGENT", ""},
            {"MCP_REPO", work_.path().string()},
            {"MCP_CONFIG", ""},
            {"NO_COLOR", "1"},
            {"XDG_CONFIG_HOME", dir_ / "config"},
            {"XDG_STATE_HOME", dir_ / "state"},
            {"XDG_CACHE_HOME", dir_ / "cache"}};
  }

  // Without a terminal.
  base::Finished mcp(std::vector<std::string> args) const {
    args.insert(args.begin(), {"setsid", "--wait", std::string(MCP_BINARY_DIR) + "/bin/mcp"});
    auto done = base::run_command({args, environment(), dir_.path()}, "", std::chrono::seconds(60));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  int answered(const std::string& answer) const {
    Dialogue dialogue({std::string(MCP_BINARY_DIR) + "/bin/mcp", "adopt", "shop"}, environment());
    EXPECT_TRUE(dialogue.see("[y/N]")) << dialogue.screen();
    dialogue.type(answer);
    const int exit_code = dialogue.end();
    EXPECT_THAT(dialogue.screen(), HasSubstr("image = \"localhost/shop:v1\""));
    return exit_code;
  }
  std::string head() const { return origin_.git({"rev-parse", "main"}); }

  TempDir dir_;
  bool isolated_;
  GitRepo origin_;
  GitRepo work_;
  FakeAgent rift_;
  FakeAgent svc_;
};

TEST_F(AdoptCommand, ShowsAcceptsCommitsAndLooksWhetherItIsSo) {
  const auto done = mcp({"adopt", "shop", "--yes"});
  ASSERT_EQ(done.exit_code, 0) << done.out << done.err;
  for (const char* text : {"shop_front_1 (aaaaaaaaaaaa) becomes component front",
                           "shop_old_1 is left out: it is exited", "image = \"localhost/shop:v1\"",
                           "1.1.1.1", "it asks others", "compose shop: move its file away",
                           "adopt shop on rift (pushed)", "shop is Ready on rift"})
    EXPECT_THAT(done.out, HasSubstr(text));
  EXPECT_THAT(done.err, HasSubstr("nothing was restarted: 1 container"));
  EXPECT_EQ(origin_.git({"show", "main:services/shop.toml"}) + "\n", kShop);
  EXPECT_EQ(rift_.adopt_request["components"], (Json{{"front", kId}}));
  EXPECT_EQ(rift_.adopt_request["files"]["services/shop.toml"], kShop);
  EXPECT_TRUE(rift_.adopt_request["files"].contains("nodes/rift.toml"));
  EXPECT_TRUE(svc_.adopt_request.is_null());
}

TEST_F(AdoptCommand, SaysWhenItWasRestartedNevertheless) {
  rift_.on_sync = [](FakeAgent& agent) {
    agent.set_service("shop", "ReconciliationSucceeded", true);
  };
  const auto done = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("shop/front does not run in the container that was adopted"));
}

TEST_F(AdoptCommand, AsksAPerson) {
  const std::string before = head();
  EXPECT_EQ(answered("n\r"), 1);
  EXPECT_EQ(answered("\r"), 1);
  EXPECT_EQ(answered("\x03"), 130);
  EXPECT_EQ(head(), before);
  EXPECT_TRUE(rift_.adopt_request.is_null());
  EXPECT_EQ(answered("y\r"), 0);
  EXPECT_NE(head(), before);
}

TEST_F(AdoptCommand, ChangesNothingWhereItCannotBeRight) {
  const std::string before = head();
  const auto unasked = mcp({"adopt", "shop"});
  EXPECT_EQ(unasked.exit_code, 2);
  EXPECT_EQ(mcp({"adopt", "My_Shop"}).exit_code, 2);

  rift_.takes_adoption = false;
  const auto gone = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.err, HasSubstr("the container has gone"));

  svc_.adoption = proposal("svc");
  const auto both = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_THAT(both.err, HasSubstr("rift, svc"));
  EXPECT_THAT(both.err, HasSubstr("--node"));
  EXPECT_EQ(mcp({"adopt", "shop", "--dry-run", "--node", "svc"}).exit_code, 0);

  svc_.adoption = Json();
  const auto managed = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(managed.exit_code, 1);
  EXPECT_THAT(managed.err, HasSubstr("managed already"));

  rift_.adoption = nothing("rift");
  svc_.adoption = nothing("svc");
  const auto none = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("no running container on rift, svc belongs to 'shop'"));
  EXPECT_THAT(none.err, HasSubstr("did you mean 'shup'?"));
  EXPECT_EQ(head(), before);
}

TEST_F(AdoptCommand, ADefinitionThatIsThereIsNotOverwritten) {
  work_.change("services/shop.toml", kShop, "by hand");
  work_.git({"push", "-q", "origin", "HEAD:main"});
  const auto done = mcp({"adopt", "shop", "--yes"});
  EXPECT_EQ(done.exit_code, 1) << done.out;
  EXPECT_THAT(done.err, HasSubstr("shop is defined already, in services/shop.toml"));
  EXPECT_TRUE(rift_.adopt_request.is_null());
}

TEST_F(AdoptCommand, AnAgentThatIsAwayMayHaveIt) {
  work_.change("nodes/third.toml",
               "name = \"third\"\naddress = \"192.0.2.1\"\nagent = \"unix://" +
                   (dir_ / "third.sock") + "\"\n",
               "third");
  work_.git({"push", "-q", "origin", "HEAD:main"});
  const auto found = mcp({"adopt", "shop", "--dry-run"});
  EXPECT_EQ(found.exit_code, 0) << found.err;
  EXPECT_THAT(found.err, HasSubstr("third"));
  EXPECT_EQ(found.out, kShop);
  rift_.adoption = nothing("rift");
  EXPECT_EQ(mcp({"adopt", "shop", "--dry-run"}).exit_code, 7);
}

}  // namespace
}  // namespace test
