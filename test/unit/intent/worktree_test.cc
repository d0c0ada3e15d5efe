#include "fixture.h"

namespace controller {
namespace {

using base::Code;
using test::GitRepo;
using testing::HasSubstr;

class Worktree : public IntentTest {
 protected:
  const GitRepo mine = clone();

  // Everything that must stay as it was when a change stops.
  std::string everything() {
    return mine.git({"rev-parse", "HEAD"}) + "\n" + mine.git({"status", "--porcelain", "-b"}) +
           "\n" + mine.git({"diff", "HEAD"}) + mine.git({"diff", "--cached"}) +
           mine.git({"stash", "list"});
  }
  std::string status() { return mine.git({"status", "--porcelain"}); }
};

TEST_F(Worktree, CommitsOnePathAndPushesIt) {
  Repository repository = open(mine.path());
  EXPECT_EQ(repository.branch(), "main");
  EXPECT_EQ(repository.url(), remote.path().string());
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_TRUE(commit->pushed);
  EXPECT_EQ(mine.head(), commit->revision);
  EXPECT_EQ(remote_head(), commit->revision);
  EXPECT_EQ(mine.read("services/web.toml"), service("web", "v2"));
  EXPECT_EQ(status(), "");
  EXPECT_EQ(mine.git({"rev-parse", "origin/main"}), commit->revision);
  EXPECT_THAT(mine.git({"reflog", "-1"}), HasSubstr("mcp: commit"));
  EXPECT_FALSE(repository.change(set_version("web", "v2"))->changed);
}

TEST_F(Worktree, AFolderInsideItWorksAsWell) {
  Repository repository = open(mine.path() / "services");
  EXPECT_TRUE(repository.change(set_version("web", "v2"))->changed);
}

TEST_F(Worktree, OtherEditsAreLeftAlone) {
  mine.write("services/db.toml", service("db", "v-unstaged"));
  mine.write("staged.txt", "staged");
  mine.git({"add", "staged.txt"});
  mine.write("untracked.txt", "untracked");
  const std::string before = status();
  Repository repository = open(mine.path());
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(status(), before);
  EXPECT_EQ(mine.git({"show", "--format=", "--name-only", "HEAD"}), "services/web.toml");
  EXPECT_EQ(mine.read("services/db.toml"), service("db", "v-unstaged"));
}

TEST_F(Worktree, LocalEditsOfTheFileStayUncommitted) {
  mine.write("services/web.toml", service("web") + "# mine\n");
  Repository repository = open(mine.path());
  ASSERT_TRUE(repository.change(set_version("web", "v2")));
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v2"));
  EXPECT_EQ(mine.read("services/web.toml"), service("web", "v2") + "# mine\n");
  EXPECT_EQ(status(), " M services/web.toml");
}

TEST_F(Worktree, StagedEditsOfTheFileStayStaged) {
  mine.write("services/web.toml", service("web") + "# staged\n");
  mine.git({"add", "services/web.toml"});
  mine.write("services/web.toml", service("web") + "# staged\n# not staged\n");
  Repository repository = open(mine.path());
  ASSERT_TRUE(repository.change(set_version("web", "v2")));
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v2"));
  EXPECT_EQ(mine.git({"cat-file", "-p", ":services/web.toml"}) + "\n",
            service("web", "v2") + "# staged\n");
  EXPECT_EQ(mine.read("services/web.toml"), service("web", "v2") + "# staged\n# not staged\n");
}

TEST_F(Worktree, LocalEditsOfTheFileGoAlongWhenAsked) {
  mine.write("services/web.toml", service("web") + "# mine\n");
  Repository repository = open(mine.path());
  ChangeRequest request = set_version("web", "v2");
  request.include_worktree_edits = true;
  ASSERT_TRUE(repository.change(request));
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v2") + "# mine\n");
  EXPECT_EQ(status(), "");
}

TEST_F(Worktree, AnUntrackedDefinitionGoesAlongWhenAsked) {
  mine.write("services/new.toml", service("new"));
  Repository repository = open(mine.path());
  ChangeRequest request = set_version("new", "v2");
  EXPECT_EQ(repository.change(request).error().code, Code::kNotFound);
  request.include_worktree_edits = true;
  const auto commit = repository.change(request);
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(remote_text("services/new.toml"), service("new", "v2"));
  EXPECT_EQ(status(), "");
}

TEST_F(Worktree, RemovingAFile) {
  Repository repository = open(mine.path());
  ChangeRequest request = set_version("web", "");
  request.edit = [](auto, auto) { return base::Result<std::string>(""); };
  ASSERT_TRUE(repository.change(request));
  EXPECT_FALSE(std::filesystem::exists(mine.path() / "services/web.toml"));
  EXPECT_EQ(status(), "");
}

TEST_F(Worktree, UnpushedCommitsGoAlong) {
  const std::string local = mine.change("notes", "n", "local");
  mine.git({"reset", "-q", "--hard", "HEAD"});
  remote.git({"update-ref", "refs/heads/main", local + "~1"});
  mine.git({"update-ref", "refs/remotes/origin/main", local + "~1"});
  Repository repository = open(mine.path());
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(remote.git({"log", "-2", "--format=%s", "main"}), "Deploy web v2\nlocal");
  EXPECT_EQ(mine.git({"rev-parse", "HEAD~1"}), local);
}

TEST_F(Worktree, LocalCommitsAreRebasedAndFilesFollow) {
  mine.write("notes", "n");
  mine.git({"add", "notes"});
  mine.git({"commit", "-q", "-m", "local\n\nbody", "--author=Some One <one@example.net>",
            "--date=2026-01-02T03:04:05+0230"});
  other.write("services/new.toml", service("new"));
  other.change("services/db.toml", service("db", "v5"), "theirs");
  mine.write("untracked", "u");
  Repository repository = open(mine.path());
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(remote.git({"log", "-4", "--format=%s", "main"}),
            "Deploy web v2\nlocal\ntheirs\nfirst");
  EXPECT_EQ(mine.git({"log", "-1", "--format=%an|%ae|%ad|%b", "--date=iso", "HEAD~1"}),
            "Some One|one@example.net|2026-01-02 03:04:05 +0230|body\n");
  EXPECT_EQ(mine.head(), remote_head());
  EXPECT_EQ(mine.read("services/db.toml"), service("db", "v5"));
  EXPECT_EQ(mine.read("services/new.toml"), service("new"));
  EXPECT_EQ(status(), "?? untracked");
}

TEST_F(Worktree, SomebodyFasterIsFollowed) {
  Repository repository = open(mine.path());
  ChangeRequest request = set_version("web", "v2");
  int calls = 0;
  request.edit = [&](std::string_view path, std::string_view text) {
    if (++calls == 1) other.change("services/web.toml", service("web") + "# theirs\n");
    return crds::set_version(path, text, ServiceName("web"), "v2");
  };
  const auto commit = repository.change(request);
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(commit->retries, 1);
  EXPECT_EQ(mine.read("services/web.toml"), service("web", "v2") + "# theirs\n");
  EXPECT_EQ(status(), "");
}

// Each of these stops, says why, and leaves branch, index and files as they were.
TEST_F(Worktree, ConflictsStopAndLoseNothing) {
  struct Case {
    std::string name;
    std::function<void()> prepare;
    std::string says;
  };
  const Case cases[] = {
      {"a local commit and the remote change the same lines",
       [&] {
         mine.write("services/db.toml", service("db", "v-mine"));
         mine.git({"commit", "-q", "-a", "-m", "local"});
         other.change("services/db.toml", service("db", "v-theirs"));
       },
       "local commit"},
      {"a file with local edits would have to change",
       [&] {
         mine.write("services/db.toml", service("db", "v-mine"));
         other.change("services/db.toml", service("db", "v-theirs"));
       },
       "'services/db.toml' has local edits"},
      {"an untracked file is in the way",
       [&] {
         mine.write("services/late.toml", service("late", "v-mine"));
         other.change("services/late.toml", service("late", "v-theirs"));
       },
       "'services/late.toml' has local edits"},
      {"local edits of the file touch the remote's lines",
       [&] {
         mine.write("services/web.toml", service("web", "v-mine"));
         other.change("services/web.toml", service("web", "v-theirs"));
       },
       "local edits of 'services/web.toml'"},
      {"local edits cannot take the change",
       [&] { mine.write("services/web.toml", "this is [ not toml"); }, "cannot take the change"},
      {"a local merge",
       [&] {
         mine.git({"checkout", "-q", "-b", "side"});
         mine.write("side", "s");
         mine.commit("side");
         mine.git({"checkout", "-q", "main"});
         mine.git({"merge", "-q", "--no-ff", "-m", "merge", "side"});
         other.change("README", "theirs");
       },
       "is a merge"},
      {"a detached HEAD", [&] { mine.git({"checkout", "-q", "--detach"}); }, "detached"},
      {"a merge under way",
       [&] {
         mine.write("services/db.toml", service("db", "v-mine"));
         mine.git({"commit", "-q", "-a", "-m", "local"});
         other.change("services/db.toml", service("db", "v-theirs"));
         mine.git({"fetch", "-q"});
         int ignored;
         mine.git({"merge", "-q", "origin/main"}, &ignored);
       },
       "merge is under way"},
      {"a rebase under way",
       [&] {
         mine.write("services/db.toml", service("db", "v-mine"));
         mine.git({"commit", "-q", "-a", "-m", "local"});
         other.change("services/db.toml", service("db", "v-theirs"));
         int ignored;
         mine.git({"pull", "-q", "--rebase"}, &ignored);
       },
       "rebase is under way"},
  };
  for (const Case& wanted : cases) {
    for (const auto* repo : {&mine, &other}) {
      int ignored;
      repo->git({"merge", "--abort"}, &ignored);
      repo->git({"rebase", "--abort"}, &ignored);
      repo->git({"fetch", "-q"});
      repo->git({"checkout", "-q", "-f", "main"});
      repo->git({"reset", "-q", "--hard", "origin/main"});
      repo->git({"clean", "-q", "-fd"});
    }
    other.write("services/web.toml", service("web"));
    other.change("services/db.toml", service("db"), "reset");
    mine.git({"pull", "-q"});
    wanted.prepare();
    mine.git({"fetch", "-q"});
    const std::string before = everything();
    const std::string remote_before = remote_head();
    Repository repository = open(mine.path());
    const auto stopped = repository.change(set_version("web", "v-new"));
    ASSERT_FALSE(stopped) << wanted.name;
    EXPECT_THAT(stopped.error().text(), HasSubstr(wanted.says)) << wanted.name;
    EXPECT_FALSE(stopped.error().hint.empty()) << wanted.name;
    EXPECT_EQ(everything(), before) << wanted.name;
    EXPECT_EQ(remote_head(), remote_before) << wanted.name;
  }
}

TEST_F(Worktree, AnUnreachableRemoteChangesNothing) {
  std::filesystem::rename(remote.path(), dir / "away");
  const std::string before = everything();
  Repository repository = open(mine.path());
  EXPECT_EQ(repository.change(set_version("web", "v2")).error().code, Code::kNotFound);
  EXPECT_EQ(everything(), before);
}

TEST_F(Worktree, WithoutARemoteTheCommitIsLocal) {
  const GitRepo alone = GitRepo::init(dir / "alone");
  {
    Repository repository = open(alone.path());
    EXPECT_EQ(repository.change(set_version("web", "v2")).error().code, Code::kNotFound);
  }
  alone.change("services/web.toml", service("web"));
  Repository repository = open(alone.path());
  EXPECT_EQ(repository.url(), "");
  EXPECT_TRUE(repository.refresh());
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_TRUE(commit->changed);
  EXPECT_FALSE(commit->pushed);
  EXPECT_EQ(alone.head(), commit->revision);
  EXPECT_EQ(alone.git({"status", "--porcelain"}), "");
}

TEST_F(Worktree, ABranchIsTheOneCheckedOutOrAnError) {
  mine.git({"checkout", "-q", "-b", "topic"});
  {
    Repository repository = open(mine.path());
    EXPECT_EQ(repository.branch(), "topic");
    const auto commit = repository.change(set_version("web", "v2"));
    ASSERT_TRUE(commit) << commit.error().text();
    EXPECT_EQ(remote.git({"rev-parse", "topic"}), commit->revision);
  }
  RepositoryOptions wanted = options(mine.path());
  wanted.branch = "main";
  const auto refused = Repository::open(wanted)->change(set_version("web", "v3"));
  EXPECT_THAT(refused.error().text(), HasSubstr("git switch main"));
}

TEST_F(Worktree, ReadsCommitsDiskAndOtherBranches) {
  mine.git({"push", "-q", "origin", "HEAD:refs/heads/topic"});
  mine.write("services/web.toml", service("web", "v-disk"));
  mine.write("services/new.toml", service("new"));
  std::filesystem::create_symlink("web.toml", mine.path() / "services/link.toml");
  Repository repository = open(mine.path());
  EXPECT_EQ(repository.read()->files.at("services/web.toml"), service("web"));
  const Definitions disk = *repository.read_worktree();
  EXPECT_EQ(disk.revision, "");
  EXPECT_EQ(disk.files.at("services/web.toml"), service("web", "v-disk"));
  EXPECT_EQ(disk.tree.services.size(), 3u);
  ASSERT_EQ(disk.tree.problems.size(), 1u);
  EXPECT_THAT(disk.tree.problems[0].message, HasSubstr("symlink"));
  ASSERT_TRUE(repository.refresh());
  EXPECT_TRUE(repository.read("topic"));
  EXPECT_EQ(repository.read("no-such").error().code, Code::kNotFound);
}

TEST_F(Worktree, SignsWhenGitDoes) {
  test::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir / "key"});
  mine.git({"config", "gpg.format", "ssh"});
  mine.git({"config", "user.signingkey", dir / "key"});
  mine.git({"config", "commit.gpgsign", "true"});
  Repository repository = open(mine.path());
  ASSERT_TRUE(repository.change(set_version("web", "v2")));
  EXPECT_THAT(mine.git({"cat-file", "-p", "HEAD"}), HasSubstr("BEGIN SSH SIGNATURE"));
}

}  // namespace
}  // namespace controller
