#include <gmock/gmock.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/process/process.h"
#include "test/integration/cli/fake_agent.h"
#include "test/support/git/git_repo.h"
#include "test/support/git/git_server.h"
#include "test/support/temp_dir.h"

// `mcp` and `mcp-agent stdio` as they are, with the system's ssh and sshd between them.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CliOverSsh : public testing::Test {
 protected:
  CliOverSsh()
      : isolated_((isolate_git(dir_ / "home"), true)),
        origin_(GitRepo::init_bare(dir_ / "origin.git")),
        work_(GitRepo::clone(dir_ / "origin.git", dir_ / "work")),
        agent_(dir_ / "agent.sock", dir_ / "origin.git"),
        server_(dir_ / "sshd", "LogLevel VERBOSE\nSetEnv PATH=" + std::string(MCP_BINARY_DIR) +
                                   "/bin:/usr/bin:/bin\n") {
    work_.change("services/web.toml",
                 "name = \"web\"\nversion = \"v1\"\n[[components]]\nname = \"api\"\nimage = "
                 "\"localhost/demo\"\n",
                 "start");
    work_.git({"push", "-q", "-u", "origin", "HEAD:main"});
    agent_.on_sync = [](FakeAgent& agent) {
      agent.set_service("web", "ReconciliationSucceeded", true);
    };
    agent_.set_service("web", "ReconciliationSucceeded", true);
    key_ = server_.make_key("key");
    known_hosts_ = server_.known_hosts({"ed25519"});
    fs::create_directories(dir_ / "run");
    fs::create_directories(dir_ / "bin");
  }

  // ssh looks for its configuration in the home that passwd(5) names, whatever HOME says.
  void write_ssh() {
    const std::string path = dir_ / "bin/ssh";
    std::ofstream(path) << "#!/bin/sh\nexec /usr/bin/ssh -F " << dir_ / "ssh_config" << " \"$@\"\n";
    fs::permissions(path, fs::perms::owner_all);
    std::ofstream(dir_ / "ssh_config")
        << "Host rift\n  HostName 127.0.0.1\n  Port " << server_.port() << "\n"
        << more_config_ << "Host *\n  IdentityFile " << key_.string() << "\n  UserKnownHostsFile "
        << known_hosts_.string() << "\n  StrictHostKeyChecking yes\n  BatchMode yes\n";
  }

  void TearDown() override {
    for (const auto& entry : fs::directory_iterator(dir_ / "run/mcp-ssh")) {
      // What ControlPersist keeps for the next command.
      (void)base::run_command({{"ssh", "-S", entry.path().string(), "-O", "exit", "any"}}, "",
                              std::chrono::seconds(10));
    }
  }

  base::Finished mcp(std::vector<std::string> args, const std::string& address) {
    write_ssh();
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    const char* path = std::getenv("PATH");
    auto done = base::run_command({args,
                                   {{"MCP_AGENT", address},
                                    {"MCP_CONFIG", ""},
                                    {"PATH", (dir_ / "bin") + ":" + (path ? path : "")},
                                    {"XDG_CONFIG_HOME", dir_ / "config"},
                                    {"XDG_RUNTIME_DIR", dir_ / "run"},
                                    {"XDG_CACHE_HOME", dir_ / "cache"}},
                                   work_.path().string()},
                                  "", std::chrono::seconds(60));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  std::string address(const std::string& socket = "agent.sock") {
    return "ssh://" + std::string(::getpwuid(::geteuid())->pw_name) +
           "@127.0.0.1:" + std::to_string(server_.port()) + (dir_ / socket);
  }

  int logins() const {
    const std::string log = server_.log();
    int count = 0;
    for (size_t at = 0; (at = log.find("Accepted publickey", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }

  const TempDir dir_;
  const bool isolated_;
  const GitRepo origin_;
  const GitRepo work_;
  FakeAgent agent_;
  SshGitServer server_;
  fs::path key_;
  fs::path known_hosts_;
  std::string more_config_;  // of the host before it
};

TEST_F(CliOverSsh, ACommandAsksThroughOneConnection) {
  const auto listed = mcp({"list", "-o", "name"}, address());
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_EQ(listed.out, "web\n");
  const auto deployed = mcp({"deploy", "web", "--version", "v2"}, address());
  EXPECT_EQ(deployed.exit_code, 0) << deployed.err;
  const auto logs = mcp({"logs", "web"}, address());
  EXPECT_THAT(logs.out, HasSubstr("listening on 8080")) << logs.err;
  // All of it, and the commands that followed at once.
  EXPECT_EQ(logins(), 1);
}

TEST_F(CliOverSsh, AHostOfSshConfigIsUnderstood) {
  const auto listed = mcp({"list", "-o", "name"}, "ssh://rift" + (dir_ / "agent.sock"));
  EXPECT_EQ(listed.out, "web\n") << listed.err;
}

TEST_F(CliOverSsh, AJumpHostIsGoneThrough) {
  SshGitServer gate(dir_ / "gate", "LogLevel VERBOSE\n");
  fs::copy_file(dir_ / "sshd/authorized_keys", dir_ / "gate/authorized_keys",
                fs::copy_options::overwrite_existing);
  std::ofstream(known_hosts_, std::ios::app) << read_file(gate.known_hosts({"ed25519"}));
  more_config_ = "  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port " +
                 std::to_string(gate.port()) + "\n";
  const auto listed = mcp({"list", "-o", "name"}, "ssh://rift" + (dir_ / "agent.sock"));
  EXPECT_EQ(listed.out, "web\n") << listed.err;
  EXPECT_THAT(gate.log(), HasSubstr("Accepted publickey"));
  EXPECT_EQ(logins(), 1);
}

TEST_F(CliOverSsh, AnAgentOfKeysIsAsked) {
  const std::string address = "ssh://rift" + (dir_ / "agent.sock"), socket = dir_ / "keys.sock";
  auto agent = base::Child::spawn({{"ssh-agent", "-D", "-a", socket}},
                                  {.output_file = dir_ / "ssh-agent.log"});
  ASSERT_TRUE(agent) << agent.error().text();
  for (int i = 0; i < 500 && !fs::exists(socket); ++i)
    ASSERT_FALSE(agent->wait(std::chrono::milliseconds(20))) << read_file(dir_ / "ssh-agent.log");
  const std::string key = std::exchange(key_, "none");  // ssh_config(5): no file
  more_config_ = "  IdentityAgent " + socket + "\n";
  EXPECT_THAT(mcp({"list"}, address).err, HasSubstr("Permission denied (publickey)"));
  const auto added = base::run_command({{"ssh-add", "-q", key}, {{"SSH_AUTH_SOCK", socket}}}, "",
                                       std::chrono::seconds(60));
  ASSERT_TRUE(added && added->ok());
  const auto listed = mcp({"list", "-o", "name"}, address);
  EXPECT_EQ(listed.out, "web\n") << listed.err;
}

TEST_F(CliOverSsh, WhatIsWrongIsSaidInTheWordsOfSsh) {
  const auto absent = mcp({"list"}, address("nobody.sock"));
  EXPECT_EQ(absent.exit_code, 7);
  EXPECT_THAT(absent.err, HasSubstr("no agent answers here"));
  EXPECT_THAT(absent.err, HasSubstr("mcp-agent --version"));
}

TEST_F(CliOverSsh, AnUnknownHostKeyIsRefused) {
  known_hosts_ = dir_ / "none";
  const auto refused = mcp({"list"}, address());
  EXPECT_EQ(refused.exit_code, 7);
  EXPECT_THAT(refused.err, HasSubstr("Host key verification failed"));
  EXPECT_EQ(logins(), 0);
}

TEST_F(CliOverSsh, AKeyThatIsNotLetInIsSaid) {
  key_ = server_.make_key("stranger", "ed25519", false);
  const auto refused = mcp({"list"}, address());
  EXPECT_EQ(refused.exit_code, 7);
  EXPECT_THAT(refused.err, HasSubstr("Permission denied (publickey)"));
}

TEST_F(CliOverSsh, AnAddressCannotBecomeAnOption) {
  for (const char* address : {"ssh://-oProxyCommand=touch${IFS}x", "ssh://a@-oProxyCommand=x",
                              "ssh://host/a;touch x", "ssh://ho st", "ssh://"}) {
    const auto refused = mcp({"list"}, address);
    EXPECT_NE(refused.exit_code, 0) << address;
    EXPECT_THAT(refused.err, HasSubstr("is not an agent address")) << address;
  }
  fs::create_directories(dir_ / "run/mcp-ssh");
}

}  // namespace
}  // namespace test
