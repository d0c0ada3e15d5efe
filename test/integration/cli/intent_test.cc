#include <algorithm>
#include <filesystem>

#include "test/integration/cli/cli.h"
#include "test/support/dialogue.h"

// What every command that changes or awaits something has in common: progress, and repositories.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

struct Waiting {
  std::vector<std::string> words;
  std::string reason;  // that it waits for
  std::string end;     // what it says then
};

const Waiting kWaiting[] = {
    {{"deploy", "web", "--version", "v2"}, "ReconciliationSucceeded", "web is Ready on rift"},
    {{"stop", "web"}, "Stopped", "web is stopped on rift"},
    {{"start", "web"}, "ReconciliationSucceeded", "web is Ready on rift"},
    {{"restart", "web"}, "ReconciliationSucceeded", "web is Ready on rift"},
    {{"sync", "--wait"}, "ReconciliationSucceeded", "in sync: everything is Ready"},
    {{"status", "--wait"}, "ReconciliationSucceeded", "READY"},
};

// ECMA-48: up over the one row that was drawn, and everything below is erased.
constexpr char kDrawnAgain[] = "\x1b[1A\r\x1b[J";

TEST_F(Cli, ProgressMovesOnATerminal) {
  const auto now = [&](const std::string& reason, bool ready) {
    const auto guard = agent_.lock();
    agent_.set_service("web", reason, ready);
  };
  agent_.on_sync = [](FakeAgent& agent) { agent.set_service("web", "Probing", false); };
  mcp({"sync"});
  for (const Waiting& one : kWaiting) {
    SCOPED_TRACE(testing::PrintToString(one.words));
    now("Probing", false);
    base::Command run = command(one.words);
    run.env["MCP_REPO"] = work_.path();
    run.env["TERM"] = "xterm";
    Dialogue terminal(run.argv, run.env);
    EXPECT_TRUE(terminal.see("web")) << terminal.screen();
    EXPECT_TRUE(terminal.see(kDrawnAgain)) << terminal.screen();
    now(one.reason, true);
    EXPECT_TRUE(terminal.see(one.end)) << terminal.screen();
    EXPECT_EQ(terminal.end(), 0);
  }
}

TEST_F(Cli, ProgressIsPlainLinesInAPipe) {
  agent_.on_sync = [](FakeAgent& agent) { agent.set_service("web", "Probing", false); };
  mcp({"sync"});
  for (const Waiting& one : kWaiting) {
    SCOPED_TRACE(testing::PrintToString(one.words));
    base::Command run = command(one.words);
    run.argv.insert(run.argv.end(), {"--timeout", "300ms"});
    run.env["TERM"] = "xterm";
    const auto done = *base::run_command(run, "", std::chrono::seconds(60));
    EXPECT_EQ(done.exit_code, 5) << done.err;
    EXPECT_THAT(done.out, testing::ContainsRegex("(^|\n)web(/api)?: "));
    for (const char* moves : {"\x1b", "\r"})
      EXPECT_THAT(done.out + done.err, Not(HasSubstr(moves)));
  }
}

TEST_F(Cli, ABareRepositoryIsEnough) {
  fs::create_directories(dir_ / "empty");
  work_.change("services/tagged.toml",
               "name = \"tagged\"\n[[components]]\nname = \"api\"\nimage = \"localhost/api:v1\"\n");
  const auto ready = [](FakeAgent& agent) {
    for (const char* name : {"web", "tagged"})
      agent.set_service(name, "ReconciliationSucceeded", true);
  };
  const struct {
    std::vector<std::string> words;
    std::string message;  // of the commit
    std::string file, holds;
  } cases[] = {
      {{"deploy", "web", "--version", "v2"},
       "deploy web: version v1 -> v2",
       "web",
       "version = \"v2\"   # what runs\n"},
      {{"deploy", "tagged/api", "--version", "v2"},
       "deploy tagged/api: version v1 -> v2",
       "tagged",
       "image = \"localhost/api:v2\""},
      {{"stop", "web"}, "stop web", "web", "active = false\n"},
      {{"start", "web"}, "start web", "web", "active = true\n"},
      {{"restart", "web"}, "restart web", "web", "restarted_at = 2"},
      {{"rollback", "web", "--to", "START"}, "rollback web to ", "web", kWeb},
      {{"undeploy", "web"}, "undeploy web", "", ""},
  };
  const std::string start = origin_.git({"rev-parse", "main"});
  for (const std::string& origin : {dir_ / "origin.git", "file://" + (dir_ / "origin.git")}) {
    origin_.git({"update-ref", "refs/heads/main", start});
    for (auto [words, message, file, holds] : cases) {
      SCOPED_TRACE(testing::PrintToString(words));
      const std::string before = origin_.git({"rev-parse", "main"});
      agent_.on_sync = ready;
      if (file.empty()) agent_.on_sync = [](FakeAgent& agent) { agent.remove_service("web"); };
      std::replace(words.begin(), words.end(), std::string("START"), start);
      base::Command one = command(words);
      one.argv.insert(one.argv.begin() + 1, {"--repo", origin});
      one.folder = dir_ / "empty";
      const auto done = *base::run_command(one, "", std::chrono::seconds(60));
      EXPECT_EQ(done.exit_code, 0) << done.err;
      EXPECT_THAT(done.out, HasSubstr("(pushed)"));
      EXPECT_THAT(last_message(), testing::StartsWith(message));
      EXPECT_EQ(origin_.git({"rev-parse", "main~"}), before) << "one commit";
      if (file.empty())
        EXPECT_EQ(origin_.git({"ls-tree", "-r", "--name-only", "main"}), "services/tagged.toml");
      else
        EXPECT_THAT(pushed("services/" + file + ".toml") + "\n", HasSubstr(holds));
    }
  }
  EXPECT_TRUE(fs::is_empty(dir_ / "empty"));
}

}  // namespace
}  // namespace test
