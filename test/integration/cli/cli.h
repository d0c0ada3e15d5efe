#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/process/process.h"
#include "test/integration/cli/fake_agent.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace test {

inline constexpr char kWeb[] =
    "# the web\n"
    "name = \"web\"\n"
    "version = \"v1\"   # what runs\n"
    "\n"
    "[[components]]\n"
    "name = \"api\"\n"
    "image = \"localhost/demo\"\n";

// The program, a bare repository with the service web in it, a clone, and an agent that follows it
// and finds web Ready after every sync.
class Cli : public testing::Test {
 protected:
  Cli()
      : isolated_((isolate_git(dir_ / "home"), true)),
        origin_(GitRepo::init_bare(dir_ / "origin.git")),
        work_(GitRepo::clone(dir_ / "origin.git", dir_ / "work")),
        agent_(dir_ / "agent.sock", dir_ / "origin.git") {
    work_.change("services/web.toml", kWeb, "start");
    work_.git({"push", "-q", "-u", "origin", "HEAD:main"});
    agent_.on_sync = [](FakeAgent& agent) {
      agent.set_service("web", "ReconciliationSucceeded", true);
    };
  }

  base::Command command(std::vector<std::string> args) const {
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    return {args,
            {{"MCP_AGENT", "unix://" + (dir_ / "agent.sock")},
             {"MCP_REPO", ""},
             {"MCP_CONFIG", ""},
             {"XDG_CONFIG_HOME", dir_ / "config"},
             {"XDG_STATE_HOME", dir_ / "state"},
             {"XDG_CACHE_HOME", dir_ / "cache"},
             {"VISUAL", ""},
             {"EDITOR", editor_}},
            work_.path().string()};
  }

  base::Finished mcp(const std::vector<std::string>& args, const std::string& input = "") const {
    auto done = base::run_command(command(args), input, std::chrono::seconds(60));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  std::string pushed(const std::string& path) const {
    return origin_.git({"show", "main:" + path});
  }
  std::string last_message() const { return origin_.git({"log", "-1", "--format=%B", "main"}); }

  TempDir dir_;
  bool isolated_;
  GitRepo origin_;
  GitRepo work_;
  FakeAgent agent_;
  std::string editor_;
};

}  // namespace test
