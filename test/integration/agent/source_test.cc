// The agent and its git server, which wants a password.
#include <gmock/gmock.h>

#include "test/integration/agent/node.h"
#include "test/support/git/git_repo.h"
#include "test/support/git/git_server.h"

namespace test {
namespace {

TEST(AgentSource, AWrongPasswordIsToldAndTheRightOneNeedsNoRestart) {
  const TempDir dir;
  isolate_git(dir / "home");
  const GitRepo origin = GitRepo::init_bare(dir / "root/origin.git");
  const GitRepo writer = GitRepo::clone(origin.path(), dir / "writer");
  writer.change("services/job.toml", definition("job", kSleep));
  const HttpsGitServer server(dir / "server", dir / "root");
  write_file(dir / "password", "wrong\n");
  Node node("username = \"mcp\"\npassword_file = \"" + (dir / "password") + "\"\nca_file = \"" +
                server.ca_file().string() + "\"\n",
            "rift", server.url("origin.git"));
  node.start_agent();
  node.wait("the refusal is told, and what to look at", [&] {
    return node.node_tells("SourceUnavailable",
                           "the git server refuses the password of 'mcp' (401) (check username and "
                           "what is in " +
                               (dir / "password") + ")");
  });
  EXPECT_TRUE(node.service("job").is_null());
  write_file(dir / "password", "right\n");
  node.wait("it is let in",
            [&] { return node.ready("job") && node.node_reason() == "ReconciliationSucceeded"; });
}

}  // namespace
}  // namespace test
