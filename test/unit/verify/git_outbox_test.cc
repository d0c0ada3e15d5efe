#include "agent/source/git_outbox.h"

#include <gmock/gmock.h>

#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using test::GitRepo;
using testing::HasSubstr;

TEST(GitOutbox, KeepsOneCommitPerNode) {
  const test::TempDir dir;
  test::isolate_git(dir / "home");
  const GitRepo origin = GitRepo::init_bare(dir / "origin");
  GitOutbox outbox({.url = origin.path(), .credentials = {}}, reconciler::NodeName("rift"),
                   dir / "scratch");
  for (const char* text : {"{\"a\": 1}\n", "{\"a\": 2}\n"}) {
    const auto said = outbox.publish(text);
    ASSERT_TRUE(said) << said.error().text();
    EXPECT_EQ(origin.git({"show", "refs/mcp/status/rift:status.json"}) + "\n", text);
    EXPECT_EQ(origin.git({"rev-list", "--count", "refs/mcp/status/rift"}), "1");
  }
  EXPECT_EQ(origin.git({"for-each-ref", "--format=%(refname)"}), "refs/mcp/status/rift");
  EXPECT_EQ(origin.git({"log", "-1", "--format=%an <%ae> %s", "refs/mcp/status/rift"}),
            "mcp-agent <mcp-agent@rift> Status of rift");
}

TEST(GitOutbox, ARemoteThatIsAwayIsAnError) {
  const test::TempDir dir;
  GitOutbox outbox({.url = dir / "none", .credentials = {}}, reconciler::NodeName("rift"),
                   dir / "scratch");
  EXPECT_THAT(outbox.publish("{}").error().text(), HasSubstr("refs/mcp/status/rift"));
}

}  // namespace
}  // namespace agent
