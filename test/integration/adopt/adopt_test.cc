#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/process/process.h"
#include "test/support/git/git_repo.h"
#include "test/support/podman_fixture.h"
#include "test/support/temp_dir.h"

// Containers that people made with podman run, podman-compose and podman kube play come under the
// management of `mcp`, through git, the agent and podman as they are.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr char kImage[] = "localhost/mcp-demo:v1";
constexpr char kNext[] = "localhost/mcp-demo:v2";
constexpr char kProgram[] = "echo hello; trap 'exit 0' TERM; sleep 10000 & wait";

class Adopt : public testing::Test {
 protected:
  void SetUp() override {
    auto podman = PodmanFixture::make();
    if (!podman) GTEST_SKIP() << podman.error().text();
    podman_ = std::move(*podman);
    podman_run({"tag", kImage, kNext});
    isolate_git(dir_ / "home");
    origin_ = GitRepo::init_bare(dir_ / "origin.git");
    work_ = GitRepo::clone(dir_ / "origin.git", dir_ / "work");
    work_->write("fleet.toml", "name = \"home\"\n");
    work_->commit("start");
    work_->git({"push", "-q", "-u", "origin", "HEAD:main"});
    write_file(dir_ / "agent.toml", "[node]\nname = \"rift\"\n[source]\nurl = \"" +
                                        (dir_ / "origin.git") + "\"\n[podman]\nsocket = \"" +
                                        podman_->socket() + "\"\n[api]\nsocket = \"" +
                                        (dir_ / "agent.sock") + "\"\n[registry]\npath = \"" +
                                        (dir_ / "mcp.db") + "\"\n");
    start_agent();
  }

  void TearDown() override {
    if (agent_) agent_->terminate(std::chrono::seconds(10));
  }

  void start_agent() {
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

  void kill_agent() {
    ::kill(agent_->pid(), SIGKILL);
    agent_->wait(std::chrono::seconds(10));
    fs::remove(dir_ / "agent.sock");
  }

  // Without a terminal that could be asked on.
  base::Finished mcp(std::vector<std::string> args) const {
    args.insert(args.begin(), {"setsid", "--wait", std::string(MCP_BINARY_DIR) + "/bin/mcp"});
    return run({args,
                {{"MCP_AGENT", "unix://" + (dir_ / "agent.sock")},
                 {"MCP_REPO", ""},
                 {"MCP_CONFIG", ""},
                 {"XDG_CONFIG_HOME", dir_ / "config"},
                 {"XDG_STATE_HOME", dir_ / "state"}},
                work_->path().string()});
  }

  static base::Finished run(const base::Command& command) {
    auto done = base::run_command(command, "", std::chrono::minutes(3));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  std::string podman_run(std::vector<std::string> arguments) const {
    const auto done = podman_->podman(arguments);
    EXPECT_TRUE(done && done->ok())
        << arguments.front() << ": " << (done ? done->err : done.error().text());
    return done ? done->out : "";
  }

  // What a restart or a replacement would change.
  std::string life_of(const std::string& name) const {
    return podman_run({"inspect", "--type", "container", "--format",
                       "{{.Id}} {{.State.StartedAt}} {{.State.Status}}", name});
  }

  std::string names() const { return podman_run({"ps", "--all", "--format", "={{.Names}}="}); }

  void expect_as_defined() const {
    const auto diff = mcp({"diff", "--exit-code"});
    EXPECT_EQ(diff.exit_code, 0) << diff.out << diff.err;
    const auto status = mcp({"status", "--check"});
    EXPECT_EQ(status.exit_code, 0) << status.out << status.err << read_file(dir_ / "agent.log");
  }

  TempDir dir_;
  std::unique_ptr<PodmanFixture> podman_;
  std::optional<GitRepo> origin_;
  std::optional<GitRepo> work_;
  std::optional<base::Child> agent_;
};

TEST_F(Adopt, AContainerOfPodmanRunFromTheFirstLookToItsEnd) {
  podman_run({"run",
              "-d",
              "--name",
              "web",
              "-p",
              "127.0.0.1:18480:80",
              "-v",
              "webdata:/data",
              "-e",
              "LEVEL=debug",
              "--restart",
              "unless-stopped",
              "--stop-timeout",
              "2",
              "--dns",
              "192.0.2.53",
              kImage,
              "sh",
              "-c",
              kProgram});
  podman_run({"run", "-d", "--name", "other", "--stop-timeout", "1", kImage, "sh", "-c", kProgram});
  const std::string before = life_of("web"), other = life_of("other");
  const std::string head = origin_->git({"rev-parse", "main"});

  const auto unknown = mcp({"adopt", "wob"});
  EXPECT_EQ(unknown.exit_code, 1) << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'web'?"));
  const auto unsure = mcp({"adopt", "web"});
  EXPECT_EQ(unsure.exit_code, 2) << unsure.err;
  EXPECT_THAT(unsure.err, HasSubstr("--yes"));
  EXPECT_THAT(unsure.out, HasSubstr("192.0.2.53"));
  const auto dry = mcp({"adopt", "web", "--dry-run"});
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("ports = [\"127.0.0.1:18480:80\"]"));
  EXPECT_THAT(dry.err, HasSubstr("192.0.2.53"));
  EXPECT_EQ(origin_->git({"rev-parse", "main"}), head);

  const auto adopted = mcp({"adopt", "web", "--yes"});
  ASSERT_EQ(adopted.exit_code, 0) << adopted.out << adopted.err << read_file(dir_ / "agent.log");
  EXPECT_THAT(adopted.err, HasSubstr("nothing was restarted"));
  EXPECT_EQ(origin_->git({"show", "main:services/web.toml"}) + "\n", dry.out);
  expect_as_defined();
  EXPECT_EQ(life_of("web"), before);
  EXPECT_THAT(mcp({"events", "web"}).out, HasSubstr("Adopted"));
  EXPECT_THAT(mcp({"logs", "web"}).out, HasSubstr("hello\n"));
  const auto again = mcp({"adopt", "web", "--yes"});
  EXPECT_EQ(again.exit_code, 1) << again.out;
  EXPECT_THAT(again.err, HasSubstr("managed already"));

  // The word is kept, whatever happens to the agent.
  kill_agent();
  start_agent();
  ASSERT_EQ(mcp({"sync", "--wait"}).exit_code, 0);
  expect_as_defined();
  EXPECT_EQ(life_of("web"), before);

  // Ours like any other: its definition replaces it, on the port that it had.
  const auto deployed = mcp({"deploy", "web", "--image", kNext});
  ASSERT_EQ(deployed.exit_code, 0) << deployed.out << deployed.err << read_file(dir_ / "agent.log");
  EXPECT_THAT(names(), Not(HasSubstr("=web=")));
  EXPECT_THAT(names(), HasSubstr("=web.web"));
  expect_as_defined();
  const auto gone = mcp({"undeploy", "web"});
  EXPECT_EQ(gone.exit_code, 0) << gone.err;
  EXPECT_THAT(names(), Not(HasSubstr("=web.web")));
  EXPECT_EQ(life_of("other"), other);
}

TEST_F(Adopt, AProjectOfPodmanCompose) {
  write_file(dir_ / "shop/docker-compose.yml", std::string(R"(version: "3"
services:
  front:
    image: localhost/mcp-demo:v1
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 10000 & wait"]
    ports: ["127.0.0.1:18481:80"]
    environment: {MODE: x}
    stop_grace_period: 2s
  back:
    image: localhost/mcp-demo:v1
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 10000 & wait"]
    stop_grace_period: 2s
)"));
  write_file(dir_ / "podman", "#!/bin/sh\nexec " MCP_SOURCE_DIR "/test/support/podman_env.sh run " +
                                  podman_->folder() + " \"$@\"\n");
  fs::permissions(dir_ / "podman", fs::perms::owner_all);
  if (const auto there = base::run_command({.argv = {"sh", "-c", "command -v podman-compose"}}, "",
                                           std::chrono::seconds(10));
      !there || !there->ok())
    GTEST_SKIP() << "podman-compose is not installed";
  const auto up =
      run({{"podman-compose", "--podman-path", dir_ / "podman", "up", "-d"}, {}, dir_ / "shop"});
  ASSERT_TRUE(up.ok()) << up.err;
  const std::string before = life_of("shop_front_1") + life_of("shop_back_1");

  const auto adopted = mcp({"adopt", "shop", "--yes", "-o", "json"});
  ASSERT_EQ(adopted.exit_code, 0) << adopted.out << adopted.err << read_file(dir_ / "agent.log");
  const Json document = Json::parse(adopted.out);
  EXPECT_EQ(document["ready"], true);
  EXPECT_EQ(document["components"].size(), 2u);
  EXPECT_EQ(document["managers"][0]["kind"], "compose");
  expect_as_defined();
  EXPECT_EQ(life_of("shop_front_1") + life_of("shop_back_1"), before);

  // One component changes; the other runs on.
  const std::string front = life_of("shop_front_1");
  const auto deployed = mcp({"deploy", "shop/back", "--image", kNext});
  ASSERT_EQ(deployed.exit_code, 0) << deployed.out << deployed.err;
  EXPECT_THAT(names(), Not(HasSubstr("=shop_back_1=")));
  EXPECT_EQ(life_of("shop_front_1"), front);
  expect_as_defined();
}

TEST_F(Adopt, APodOfKubePlay) {
  write_file(dir_ / "blog.yaml", R"(apiVersion: v1
kind: Pod
metadata: {name: blog}
spec:
  containers:
  - name: app
    image: localhost/mcp-demo:v1
    args: ["sh", "-c", "trap 'exit 0' TERM; sleep 10000 & wait"]
    ports: [{containerPort: 80, hostPort: 18482, hostIP: 127.0.0.1}]
    env: [{name: A, value: b}]
)");
  podman_run({"kube", "play", dir_ / "blog.yaml"});
  const std::string before = life_of("blog-app");
  const auto adopted = mcp({"adopt", "blog", "--yes"});
  ASSERT_EQ(adopted.exit_code, 0) << adopted.out << adopted.err << read_file(dir_ / "agent.log");
  expect_as_defined();
  EXPECT_EQ(life_of("blog-app"), before);
  // The pod ends with its last member, and gives the port back that it held for it.
  const auto deployed = mcp({"deploy", "blog", "--image", kNext});
  ASSERT_EQ(deployed.exit_code, 0) << deployed.out << deployed.err << read_file(dir_ / "agent.log");
  EXPECT_THAT(names(), Not(HasSubstr("=blog-app=")));
  EXPECT_THAT(names(), HasSubstr("=blog.app"));
  expect_as_defined();
}

TEST_F(Adopt, AContainerOfAQuadlet) {
  // As the unit that podman-systemd.unit(5) describes has it.
  podman_run({"run", "-d", "--replace", "--rm", "--name", "systemd-clock", "--label",
              "PODMAN_SYSTEMD_UNIT=clock.service", "--stop-timeout", "1", kImage, "sh", "-c",
              kProgram});
  const std::string before = life_of("systemd-clock");
  const auto adopted = mcp({"adopt", "clock", "--yes", "-o", "json"});
  ASSERT_EQ(adopted.exit_code, 0) << adopted.out << adopted.err << read_file(dir_ / "agent.log");
  const Json document = Json::parse(adopted.out);
  EXPECT_EQ(document["ready"], true);
  EXPECT_EQ(document["managers"][0]["kind"], "systemd");
  EXPECT_EQ(document["managers"][0]["name"], "clock.service");
  EXPECT_THAT(document["managers"][0].dump(), HasSubstr("remove its unit (a quadlet: the "));
  expect_as_defined();
  EXPECT_EQ(life_of("systemd-clock"), before);

  const auto deployed = mcp({"deploy", "clock", "--image", kNext});
  ASSERT_EQ(deployed.exit_code, 0) << deployed.out << deployed.err << read_file(dir_ / "agent.log");
  EXPECT_THAT(names(), Not(HasSubstr("=systemd-clock=")));
  EXPECT_THAT(names(), HasSubstr("=clock.clock"));
  expect_as_defined();
}

TEST_F(Adopt, WhatThePolicyForbidsStaysWhatItWas) {
  podman_run({"run", "-d", "--name", "db", "-v", "/usr/share:/data:ro", "--stop-timeout", "1",
              kImage, "sh", "-c", kProgram});
  const std::string before = life_of("db"), head = origin_->git({"rev-parse", "main"});
  const auto refused = mcp({"adopt", "db", "--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("volume_roots"));
  EXPECT_EQ(origin_->git({"rev-parse", "main"}), head);
  EXPECT_EQ(life_of("db"), before);
}

}  // namespace
}  // namespace test
