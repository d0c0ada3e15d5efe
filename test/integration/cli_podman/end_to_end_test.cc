#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/process/process.h"
#include "test/support/git/git_repo.h"
#include "test/support/podman_fixture.h"
#include "test/support/temp_dir.h"

// An operator's day: `mcp`, git, `mcp-agent` and podman as they are.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr char kWeb[] = R"(# the web
name = "web"

[[components]]
name = "api"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "echo hello; trap 'exit 0' TERM; sleep 10000 & wait"]   # until it is told to end
stop_timeout = "2s"
)";

class EndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    auto podman = PodmanFixture::make();
    ASSERT_TRUE(podman) << podman.error().text();
    podman_ = std::move(*podman);
    isolate_git(dir_ / "home");
    origin_ = GitRepo::init_bare(dir_ / "origin.git");
    work_ = GitRepo::clone(dir_ / "origin.git", dir_ / "work");
    work_->write("services/web.toml", kWeb);
    work_->commit("start");
    work_->git({"push", "-q", "-u", "origin", "HEAD:main"});
    write_file(dir_ / "agent.toml", "[node]\nname = \"rift\"\n[source]\nurl = \"" +
                                        (dir_ / "origin.git") + "\"\n[podman]\nsocket = \"" +
                                        podman_->socket() + "\"\n[api]\nsocket = \"" +
                                        (dir_ / "agent.sock") + "\"\n[registry]\npath = \"" +
                                        (dir_ / "mcp.db") + "\"\n");
    base::Child::Options options;
    options.output_file = dir_ / "agent.log";
    auto agent = base::Child::spawn(
        {{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "--config", dir_ / "agent.toml"}},
        options);
    ASSERT_TRUE(agent) << agent.error().text();
    agent_.emplace(std::move(*agent));
    for (int i = 0; i < 300 && !fs::exists(dir_ / "agent.sock"); ++i)
      ASSERT_FALSE(agent_->wait(std::chrono::milliseconds(100))) << read_file(dir_ / "agent.log");
  }

  void TearDown() override {
    if (agent_) agent_->terminate(std::chrono::seconds(10));
  }

  base::Finished mcp(std::vector<std::string> args) const {
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    const base::Command command{args,
                                {{"MCP_AGENT", "unix://" + (dir_ / "agent.sock")},
                                 {"MCP_REPO", ""},
                                 {"MCP_CONFIG", ""},
                                 {"XDG_CONFIG_HOME", dir_ / "config"},
                                 {"XDG_STATE_HOME", dir_ / "state"}},
                                work_->path().string()};
    auto done = base::run_command(command, "", std::chrono::minutes(3));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  std::string containers() const {
    const auto listed = podman_->podman({"ps", "--all", "--format", "{{.Names}} {{.Status}}"});
    return listed ? listed->out : listed.error().text();
  }

  TempDir dir_;
  std::unique_ptr<PodmanFixture> podman_;
  std::optional<GitRepo> origin_;
  std::optional<GitRepo> work_;
  std::optional<base::Child> agent_;
};

TEST_F(EndToEnd, AnOperatorsDay) {
  const auto first = mcp({"deploy", "web"});
  ASSERT_EQ(first.exit_code, 0) << first.err << first.out;
  EXPECT_THAT(first.out, HasSubstr("nothing to commit; already at "));
  EXPECT_THAT(first.out, HasSubstr("web is Ready on rift at "));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_THAT(mcp({"logs", "web"}).out, HasSubstr("hello\n"));
  EXPECT_EQ(mcp({"status", "--check"}).exit_code, 0);

  // A version that nobody has made: the old container serves on, and the way back is one command.
  const auto missing = mcp({"deploy", "web", "--version", "v404"});
  EXPECT_EQ(missing.exit_code, 1) << missing.out;
  EXPECT_THAT(missing.err, HasSubstr("ImagePullFailed"));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_EQ(mcp({"status", "--check"}).exit_code, 4);
  EXPECT_THAT(mcp({"why", "web/api"}).out, HasSubstr("image: localhost/mcp-demo:v1 -> "));
  const auto back = mcp({"rollback", "web", "-o", "json"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(Json::parse(back.out)["ready"], true);
  EXPECT_EQ(origin_->git({"show", "main:services/web.toml"}) + "\n", kWeb);

  // A container that ends at once.
  std::string crashing = kWeb;
  crashing.replace(crashing.find("echo hello"), 10, "echo boom; exit 3");
  work_->write("services/web.toml", crashing);
  const auto diff = mcp({"diff", "--exit-code"});
  EXPECT_EQ(diff.exit_code, 4) << diff.err;
  EXPECT_THAT(diff.out, HasSubstr("~ replace web/api"));
  const auto crashed = mcp({"deploy", "web", "--timeout", "90s"});
  EXPECT_NE(crashed.exit_code, 0);
  EXPECT_THAT(crashed.out + crashed.err, HasSubstr("exited with 3"));
  ASSERT_EQ(mcp({"rollback", "web"}).exit_code, 0);

  ASSERT_EQ(mcp({"stop", "web"}).exit_code, 0);
  EXPECT_THAT(containers(), Not(HasSubstr(" Up ")));
  ASSERT_EQ(mcp({"start", "web"}).exit_code, 0);
  ASSERT_EQ(mcp({"restart", "web"}).exit_code, 0);
  EXPECT_THAT(containers(), HasSubstr(" Up "));
  EXPECT_THAT(mcp({"history", "web"}).out, HasSubstr("restart web"));
  EXPECT_THAT(mcp({"events", "web"}).out, HasSubstr("web/api"));

  const auto gone = mcp({"undeploy", "web"});
  ASSERT_EQ(gone.exit_code, 0) << gone.err;
  EXPECT_EQ(containers(), "");
  const auto restored = mcp({"rollback", "web"});
  EXPECT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_THAT(containers(), HasSubstr(" Up "));
}

}  // namespace
}  // namespace test
