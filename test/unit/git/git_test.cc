#include <gmock/gmock.h>
#include <malloc.h>

#include "base/git/remote.h"
#include "base/git/repository.h"
#include "base/git/ssh_url.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace base::git {
namespace {

using test::GitRepo;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Git : public testing::Test {
 protected:
  void SetUp() override { test::isolate_git(dir / "home"); }

  test::TempDir dir;
};

std::vector<std::string> paths(const std::vector<Entry>& entries) {
  std::vector<std::string> out;
  for (const Entry& entry : entries) out.push_back(entry.path);
  return out;
}

TEST_F(Git, ListsATreeWithItsKinds) {
  const GitRepo repo = GitRepo::init(dir / "r");
  repo.write("services/web.toml", "a");
  repo.write("services/deep/er/db.toml", "b");
  repo.write("README", "c");
  std::filesystem::create_symlink("web.toml", repo.path() / "services/link.toml");
  const Oid head(repo.commit("one"));

  const auto opened = Repository::open(repo.path());
  ASSERT_TRUE(opened) << opened.error().text();
  const auto all = opened->list(head);
  EXPECT_THAT(paths(*all), ElementsAre("README", "services/deep/er/db.toml", "services/link.toml",
                                       "services/web.toml"));
  EXPECT_EQ((*all)[2].kind, Entry::Kind::kSymlink);
  EXPECT_THAT(paths(*opened->list(head, "services/deep")), ElementsAre("services/deep/er/db.toml"));
  EXPECT_EQ(opened->list(head, "nothing").error().code, Code::kNotFound);
  EXPECT_EQ(opened->list(head, "README").error().code, Code::kNotFound);

  const Oid blob = opened->find(head, "services/web.toml")->oid;
  EXPECT_EQ(opened->size(blob), 1u);
  EXPECT_EQ(*opened->read(blob, 10), "a");
  EXPECT_EQ(opened->read(blob, 0).error().code, Code::kInvalid);
  EXPECT_EQ(opened->read(Oid(std::string(40, '1')), 10).error().code, Code::kCorrupt);
  EXPECT_EQ(opened->resolve("main"), head);
  EXPECT_EQ(opened->resolve("nowhere").error().code, Code::kNotFound);
}

TEST_F(Git, ASubmoduleIsSeenAndNotEntered) {
  const GitRepo inner = GitRepo::init(dir / "inner");
  inner.change("x.toml", "x");
  const GitRepo repo = GitRepo::init(dir / "r");
  repo.git({"submodule", "--quiet", "add", inner.path().string(), "services"});
  const Oid head(repo.commit("with submodule"));
  const auto entries = *Repository::open(repo.path())->list(head);
  EXPECT_THAT(paths(entries), ElementsAre(".gitmodules", "services"));
  EXPECT_EQ(entries[1].kind, Entry::Kind::kSubmodule);
}

TEST_F(Git, CommitsAndTrailers) {
  const GitRepo repo = GitRepo::init(dir / "r");
  const Oid one(repo.change("a", "1", "one"));
  const Oid two(repo.change("a", "2", "two\n\nWhy.\n\nMcp-Approve-Prune: 4\nSigned-off-by: me"));
  const Oid three(repo.change("b", "1", "three"));
  const auto opened = *Repository::open(repo.path());

  const CommitInfo info = *opened.commit(two);
  EXPECT_EQ(info.subject(), "two");
  EXPECT_EQ(info.author.email, "author@example.net");
  EXPECT_THAT(info.trailers(),
              ElementsAre(std::pair("Mcp-Approve-Prune", "4"), std::pair("Signed-off-by", "me")));
  const auto oids = [&](const Oid& from, size_t limit) {
    std::vector<Oid> out;
    const auto commits = opened.commits(from, three, limit);
    for (const CommitInfo& commit : *commits) out.push_back(commit.oid);
    return out;
  };
  EXPECT_THAT(oids(one, 10), ElementsAre(three, two));
  EXPECT_THAT(oids(Oid(), 2), ElementsAre(three, two));
  EXPECT_THAT(oids(Oid(std::string(40, '1')), 9), ElementsAre(three, two, one));
  EXPECT_TRUE(*opened.contains(three, one));
  EXPECT_FALSE(*opened.contains(one, three));

  std::vector<Oid> touched;
  const std::vector<std::string> wanted = {"a"};
  ASSERT_TRUE(opened.log(three, wanted, [&](const CommitInfo& commit, const auto& files) {
    EXPECT_THAT(files, ElementsAre("a"));
    touched.push_back(commit.oid);
    return true;
  }));
  EXPECT_THAT(touched, ElementsAre(two, one));
}

TEST_F(Git, WritesTreesWithoutACheckout) {
  const GitRepo repo = GitRepo::init(dir / "r");
  repo.write("keep/me", "k");
  repo.write("run.sh", "old");
  std::filesystem::permissions(repo.path() / "run.sh", std::filesystem::perms(0755));
  const Oid head(repo.change("gone/file", "g"));
  const auto opened = *Repository::open(repo.path());
  const std::vector<Change> changes = {
      {"gone/file", std::nullopt}, {"new/deep/file", "n"}, {"run.sh", "new"}};
  const Oid tree = *opened.write_tree(head, changes);
  EXPECT_EQ(repo.git({"ls-tree", "-r", "--name-only", tree.str()}),
            "keep/me\nnew/deep/file\nrun.sh");
  EXPECT_THAT(repo.git({"ls-tree", tree.str(), "run.sh"}), testing::StartsWith("100755"));
  EXPECT_EQ(repo.git({"cat-file", "-p", tree.str() + ":run.sh"}), "new");
  EXPECT_EQ(repo.git({"status", "--porcelain"}), "");
  EXPECT_EQ(*opened.write_tree(head, std::vector<Change>{}), *opened.tree_of(head));
}

TEST_F(Git, ReplaysACommitOrNamesTheConflict) {
  const GitRepo repo = GitRepo::init(dir / "r");
  const std::string base = repo.change("a", "1\n", "base");
  const Oid mine(repo.change("a", "mine\n", "mine"));
  const auto opened = *Repository::open(repo.path());
  repo.git({"checkout", "-q", "-b", "other", base});
  const Oid beside(repo.change("b", "2\n", "beside"));
  const Oid tree = *opened.replay_tree(mine, beside);
  EXPECT_EQ(repo.git({"cat-file", "-p", tree.str() + ":a"}), "mine");
  const Oid clash(repo.change("a", "theirs\n", "clash"));
  const auto conflict = opened.replay_tree(mine, clash);
  EXPECT_EQ(conflict.error().code, Code::kConflict);
  EXPECT_THAT(conflict.error().message, HasSubstr("'a'"));
}

TEST(Text, MergesOrRefuses) {
  EXPECT_EQ(*merge_text("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n"),
            "A\nb\nc\nd\nE\n");
  EXPECT_EQ(merge_text("a\n", "b\n", "c\n").error().code, Code::kConflict);
}

// ------------------------------------------------------------------------------------ fetch

TEST_F(Git, FetchesABranchAndNothingMore) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  const Oid one(origin.change("a", "1"));
  origin.git({"branch", "other"});
  Repository mirror = *Repository::create_bare(dir / "mirror");
  for (const std::string& url : {origin.path().string(), "file://" + origin.path().string()}) {
    const auto head = fetch(mirror, {.url = url}, "main", Oid());
    ASSERT_TRUE(head) << head.error().text();
    EXPECT_EQ(*head, one);
  }
  EXPECT_EQ(*mirror.read(mirror.find(one, "a")->oid, 10), "1");
  EXPECT_EQ(mirror.resolve("other").error().code, Code::kNotFound);

  const Oid two(origin.change("a", "2"));
  EXPECT_EQ(*fetch(mirror, {.url = origin.path()}, "main", one), two);
  EXPECT_EQ(mirror.resolve("main"), two);
}

TEST_F(Git, FollowsAForcePush) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  const std::string base = origin.change("a", "1");
  const Oid lost(origin.change("a", "2"));
  Repository mirror = *Repository::create_bare(dir / "mirror");
  EXPECT_EQ(*fetch(mirror, {.url = origin.path()}, "main", Oid()), lost);
  origin.git({"reset", "-q", "--hard", base});
  const Oid forced(origin.change("a", "3"));
  EXPECT_EQ(*fetch(mirror, {.url = origin.path()}, "main", lost), forced);
  EXPECT_EQ(mirror.resolve("main"), forced);
}

TEST_F(Git, RepacksWhatFetchesLeaveBehind) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  Oid head;
  {
    Repository mirror = *Repository::create_bare(dir / "mirror");
    for (int i = 0; i < 5; ++i) {
      origin.change("a", std::to_string(i));
      head = *fetch(mirror, {.url = origin.path()}, "main", Oid());
    }
    EXPECT_EQ(mirror.pack_count(), 5u);
    ASSERT_TRUE(mirror.repack("refs/heads/main"));
  }
  const Repository mirror = *Repository::open(dir / "mirror");
  EXPECT_EQ(mirror.pack_count(), 1u);
  EXPECT_EQ(mirror.commits(Oid(), head, 10)->size(), 5u);
  int status = -1;
  const std::string said = test::run({"git", "-C", dir / "mirror", "fsck", "--strict"}, &status);
  EXPECT_EQ(status, 0) << said;
}

TEST_F(Git, AnUnchangedBranchWritesNothing) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  const Oid head(origin.change("a", "1"));
  Repository mirror = *Repository::create_bare(dir / "mirror");
  // The mirror has nothing, and nothing is brought: the caller knows the head already.
  EXPECT_EQ(*fetch(mirror, {.url = origin.path()}, "main", head), head);
  EXPECT_EQ(mirror.resolve("main").error().code, Code::kNotFound);
}

// An agent asks every few seconds for years.
TEST_F(Git, AskingAgainTakesNoMemory) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  const Oid head(origin.change("a", "1"));
  Repository mirror = *Repository::create_bare(dir / "mirror");
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i)
      ASSERT_TRUE(fetch(mirror, {.url = origin.path()}, "main", head));
  };
  ask(10);
  const size_t before = ::mallinfo2().uordblks;
  ask(50);
  EXPECT_LT(::mallinfo2().uordblks, before + 500'000);
}

TEST_F(Git, ErrorsSayWhatIsMissing) {
  const GitRepo origin = GitRepo::init(dir / "origin");
  GitRepo::init_bare(dir / "empty");
  origin.change("a", "1");
  std::filesystem::create_directory(dir / "plain");
  Repository mirror = *Repository::create_bare(dir / "mirror");
  struct Case {
    std::string url, branch;
    Code code;
    std::string says;
  };
  const std::string nowhere = dir / "nowhere";
  const Case cases[] = {
      {nowhere, "main", Code::kNotFound, "nowhere"},
      {"file://" + nowhere, "main", Code::kNotFound, "nowhere"},
      {dir / "plain", "main", Code::kNotFound, "could not find repository"},
      {dir / "empty", "main", Code::kNotFound, "is empty"},
      {dir / "origin", "gone", Code::kNotFound, "no branch 'gone'"},
      {"https://127.0.0.1:1/x.git", "main", Code::kUnavailable, "Connection refused"},
      {"ssh://git@127.0.0.1:1/x.git", "main", Code::kUnavailable, "Connection refused"},
      {"git@no-such-host.invalid:x.git", "main", Code::kUnavailable, "cannot resolve host"},
      {"https://no-such-host.invalid/x.git", "main", Code::kUnavailable, "cannot resolve host"},
      {"gopher://host/x", "main", Code::kInvalid, "https://, ssh://"},
  };
  for (const Case& wanted : cases) {
    const auto got = fetch(mirror, {.url = wanted.url}, wanted.branch, Oid());
    ASSERT_FALSE(got) << wanted.url;
    EXPECT_EQ(name(got.error().code), name(wanted.code)) << got.error().text();
    EXPECT_THAT(got.error().text(), HasSubstr(wanted.says));
  }
}

TEST(Url, PasswordsAreNotShown) {
  EXPECT_EQ(printable_url("https://me:secret@host/x.git"), "https://host/x.git");
  EXPECT_EQ(printable_url("https://ghp_token@host:8443/x.git"), "https://host:8443/x.git");
  EXPECT_EQ(printable_url("https://ghp_token:x-oauth-basic@host/x.git"), "https://host/x.git");
  EXPECT_EQ(printable_url("ssh://git:secret@host/x.git"), "ssh://git@host/x.git");
  EXPECT_EQ(printable_url("https://host:8443/x@y.git"), "https://host:8443/x@y.git");
  EXPECT_EQ(printable_url("git@host:x.git"), "git@host:x.git");
  EXPECT_EQ(printable_url("/srv/x.git"), "/srv/x.git");
}

TEST(Url, SshForms) {
  struct Case {
    std::string url, user, host;
    int port;
    std::string path;
  };
  const Case cases[] = {
      {"ssh://git@host:2222/srv/x.git", "git", "host", 2222, "/srv/x.git"},
      {"ssh://host/~me/x.git", "", "host", 22, "~me/x.git"},
      {"ssh://[::1]:2222/x", "", "::1", 2222, "/x"},
      {"git@host:team/x.git", "git", "host", 22, "team/x.git"},
      {"host:x", "", "host", 22, "x"},
      {"git@[::1]:x", "git", "::1", 22, "x"},
  };
  for (const Case& wanted : cases) {
    const auto got = parse_ssh_url(wanted.url);
    ASSERT_TRUE(got) << wanted.url;
    EXPECT_EQ(got->user, wanted.user);
    EXPECT_EQ(got->host, wanted.host);
    EXPECT_EQ(got->port, wanted.port);
    EXPECT_EQ(got->path, wanted.path);
  }
  for (const char* other : {"/srv/x:y", "https://host/x", "ssh://host", "ssh://host:0/x",
                            "ssh://host:99999/x", "ssh://-oProxyCommand=x/y", "./x:y"})
    EXPECT_FALSE(parse_ssh_url(other)) << other;
}

// ---------------------------------------------------------------- push

TEST_F(Git, ARefIsPushedOverWhateverItWas) {
  const GitRepo origin = GitRepo::init_bare(dir / "origin");
  const GitRepo writer = GitRepo::clone(origin.path(), dir / "writer");
  const std::string head = writer.change("a", "1");
  const Remote remote{.url = origin.path(), .credentials = {}};
  const std::string ref = "refs/mcp/status/rift";
  for (const std::string text : {"one", "two"}) {
    auto from = Repository::create_bare(dir / ("from-" + text));
    ASSERT_TRUE(from) << from.error().text();
    const auto commit = from->write_root("status.json", text, "Status", {"a", "a@b", {}, 0});
    ASSERT_TRUE(commit) << commit.error().text();
    ASSERT_TRUE(from->set_ref(ref, *commit, "test"));
    const auto pushed = push(*from, remote, ref);
    ASSERT_TRUE(pushed) << pushed.error().text();
    EXPECT_EQ(origin.git({"rev-parse", ref}), commit->str());
    EXPECT_EQ(origin.git({"show", ref + ":status.json"}), text);
    EXPECT_EQ(origin.git({"rev-list", "--count", ref}), "1");
    EXPECT_EQ(origin.git({"rev-parse", "main"}), head);
    EXPECT_EQ(origin.git({"fsck", "--strict", "--no-dangling"}), "");
  }
}

TEST_F(Git, APushThatCannotBeSaysWhy) {
  auto from = Repository::create_bare(dir / "from");
  const auto commit = from->write_root("f", "x", "m", {"a", "a@b", {}, 0});
  ASSERT_TRUE(from->set_ref("refs/mcp/x", *commit, "test"));
  const auto nowhere = push(*from, {.url = dir / "nowhere", .credentials = {}}, "refs/mcp/x");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::kNotFound) << nowhere.error().text();
  EXPECT_THAT(nowhere.error().text(), HasSubstr("cannot push refs/mcp/x to " + dir / "nowhere"));
}

TEST_F(Git, ACommitHasItsSignatureOrNone) {
  const GitRepo repo = GitRepo::init(dir / "r");
  const Oid plain(repo.change("a", "1"));
  const auto opened = Repository::open(repo.path());
  const auto none = opened->signature(plain);
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_EQ(none->signature, "");
  EXPECT_EQ(none->payload, "");
  EXPECT_FALSE(opened->signature(Oid(std::string(40, '1'))));
}

}  // namespace
}  // namespace base::git
