#include <thread>

#include "fixture.h"

namespace controller {
namespace {

using base::Code;
using testing::ElementsAre;
using testing::HasSubstr;

class Mirror : public IntentTest {};

TEST_F(Mirror, ReadsWhatTheRemoteHas) {
  for (const std::string& spec : {remote.path().string(), "file://" + remote.path().string()}) {
    Repository repository = open(spec);
    EXPECT_EQ(repository.branch(), "main");
    EXPECT_EQ(repository.worktree(), "");
    const Definitions all = *repository.read();
    EXPECT_EQ(all.revision, remote_head());
    EXPECT_EQ(all.tree.services.size(), 2u);
    EXPECT_EQ(all.files.at("services/web.toml"), service("web"));
    EXPECT_EQ(repository.definition(ServiceName("web"))->path, "services/web.toml");
    EXPECT_THAT(repository.definition(ServiceName("wep")).error().text(),
                HasSubstr("did you mean 'web'"));
    EXPECT_EQ(repository.read_worktree().error().code, Code::kInvalid);
  }
}

TEST_F(Mirror, ReopeningAsksNobodyAndRefreshingDoes) {
  const std::string url = "file://" + remote.path().string();
  open(url);
  std::filesystem::rename(remote.path(), dir / "away");
  Repository repository = open(url);
  EXPECT_EQ(repository.branch(), "main");
  EXPECT_EQ(repository.refresh().error().code, Code::kNotFound);
  std::filesystem::rename(dir / "away", remote.path());

  const std::string before = *repository.head();
  const std::string after = other.change("services/web.toml", service("web", "v2"));
  EXPECT_EQ(*repository.head(), before);
  ASSERT_TRUE(repository.refresh());
  EXPECT_EQ(*repository.head(), after);
  EXPECT_TRUE(*repository.contains(after, before));
  EXPECT_FALSE(*repository.contains(before, after));
  EXPECT_FALSE(*repository.contains(std::string(40, '1'), before));
}

TEST_F(Mirror, AChangeIsOneCommitWithTheSmallestEdit) {
  Repository repository = open(remote.path());
  const std::string before = remote_head();
  const auto commit = repository.change(set_version("web", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_TRUE(commit->changed);
  EXPECT_TRUE(commit->pushed);
  EXPECT_EQ(commit->path, "services/web.toml");
  EXPECT_EQ(commit->revision, remote_head());
  EXPECT_EQ(remote.git({"log", "-1", "--format=%s|%an|%ae|%P", "main"}),
            "Deploy web v2|Test Author|author@example.net|" + before);
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v2"));
  EXPECT_EQ(remote.git({"diff", "--name-only", before, "main"}), "services/web.toml");

  const auto again = repository.change(set_version("web", "v2"));
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(again->revision, commit->revision);
  EXPECT_EQ(remote_head(), commit->revision);
}

TEST_F(Mirror, FilesAreMadeAndRemoved) {
  Repository repository = open(remote.path());
  ChangeRequest make;
  make.path = "services/team/new.toml";
  make.message = "Add new";
  make.edit = create_file(service("new"));
  ASSERT_TRUE(repository.change(make));
  EXPECT_EQ(remote_text("services/team/new.toml"), service("new"));
  make.edit = create_file(service("new", "v9"));
  EXPECT_EQ(repository.change(make).error().code, Code::kConflict);

  ChangeRequest remove;
  remove.service = ServiceName("new");
  remove.message = "Remove new";
  remove.edit = [](auto, auto) { return base::Result<std::string>(""); };
  ASSERT_TRUE(repository.change(remove));
  EXPECT_EQ(remote.git({"ls-tree", "-r", "--name-only", "main"}),
            "services/db.toml\nservices/web.toml");
}

TEST_F(Mirror, AnEditThatMakesDefinitionsInvalidIsRefused) {
  Repository repository = open(remote.path());
  const std::string before = remote_head();
  ChangeRequest request = set_version("web", "v2");
  request.edit = [](auto, std::string_view text) {
    return base::Result<std::string>(std::string(text) + "imag = 3\n");
  };
  auto refused = repository.change(request);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("services/web.toml:"));
  // What is wrong may be in the whole: a name that another file has.
  request.path = "services/copy.toml";
  request.edit = create_file(service("web"));
  EXPECT_EQ(repository.change(request).error().code, Code::kInvalid);
  EXPECT_EQ(remote_head(), before);
}

TEST_F(Mirror, WhoTakesAnothersPortIsToBlameWhereverItsFileSorts) {
  const auto with_port = [](const std::string& name) {
    return "node = \"rift\"\n" + service(name) + "ports = [\"80:80\"]\n";
  };
  other.change("services/web.toml", with_port("web"));
  Repository repository = open(remote.path());
  ChangeRequest request;
  request.path = "services/api.toml";
  request.message = "Add api";
  request.edit = create_file(with_port("api"));
  const auto refused = repository.change(request);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("services/api.toml:"));
}

TEST_F(Mirror, AProblemElsewhereDoesNotStandInTheWay) {
  other.change("services/bad.toml", "name = \"bad\"\nimag = 1\n");
  Repository repository = open(remote.path());
  EXPECT_TRUE(repository.change(set_version("web", "v2")));
}

TEST_F(Mirror, ARejectionFetchesAppliesAnewAndTriesAgain) {
  Repository repository = open(remote.path());
  ChangeRequest request = set_version("web", "v2");
  int calls = 0;
  request.edit = [&](std::string_view path, std::string_view text) {
    // Somebody else is faster, in the same file, twice.
    if (++calls <= 2)
      other.change("services/web.toml",
                   service("web", "v1") + "# comment " + std::to_string(calls) + "\n");
    return crds::set_version(path, text, ServiceName("web"), "v2");
  };
  const auto commit = repository.change(request);
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(commit->retries, 2);
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v2") + "# comment 2\n");
}

TEST_F(Mirror, SomebodyWhoIsAlwaysFasterEndsInAConflict) {
  Repository repository = open(remote.path());
  ChangeRequest request = set_version("web", "v2");
  int calls = 0;
  request.edit = [&](std::string_view path, std::string_view text) {
    other.change("README", std::to_string(++calls));
    return crds::set_version(path, text, ServiceName("web"), "v2");
  };
  EXPECT_EQ(repository.change(request).error().code, Code::kConflict);
  EXPECT_EQ(calls, 6);
}

TEST_F(Mirror, ATextEditMergesOrStops) {
  Repository repository = open(remote.path());
  const std::string before = service("web");
  std::string after = before;
  after.replace(after.find("# the end"), 9, "# my end!");
  ChangeRequest request = set_version("web", "");
  request.edit = replace_text(before, after);
  other.change("services/web.toml", "# more\n" + before);
  ASSERT_TRUE(repository.change(request));
  EXPECT_EQ(remote_text("services/web.toml"), "# more\n" + after);
  other.git({"pull", "-q", "--rebase"});

  request.edit = replace_text(before, service("web", "v7"));
  other.change("services/web.toml", service("web", "v8"));
  const auto conflict = repository.change(request);
  EXPECT_EQ(conflict.error().code, Code::kConflict);
  EXPECT_THAT(conflict.error().text(), HasSubstr("same lines"));
  EXPECT_EQ(remote_text("services/web.toml"), service("web", "v8"));
}

TEST_F(Mirror, AHookThatRefusesIsQuoted) {
  test::write_file(remote.path() / "hooks/pre-receive",
                   "#!/bin/sh\necho 'only on Mondays' >&2\nexit 1\n");
  std::filesystem::permissions(remote.path() / "hooks/pre-receive", std::filesystem::perms(0755));
  Repository repository = open(remote.path());
  const auto refused = repository.change(set_version("web", "v2"));
  EXPECT_EQ(refused.error().code, Code::kDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("only on Mondays"));
  EXPECT_FALSE(repository.change(set_version("web", "v2"))) << "the mirror must not run ahead";
}

TEST_F(Mirror, HistoryFollowsAServiceThroughMovesAndRemovals) {
  other.change("services/web.toml", service("web", "v2"), "second");
  other.git({"mv", "services/web.toml", "services/db-and-more.toml"});
  const std::string moved = other.change("services/x", "", "move");
  other.change("README", "r", "nothing to do with it");
  Repository repository = open(remote.path());
  const auto subjects = [&] {
    std::vector<std::string> out;
    const auto entries = repository.history(ServiceName("web"));
    for (const HistoryEntry& entry : *entries) out.push_back(entry.subject);
    return out;
  };
  EXPECT_THAT(subjects(), ElementsAre("move", "second", "first"));
  other.git({"rm", "-q", "services/db-and-more.toml"});
  other.change("README", "s", "remove");
  ASSERT_TRUE(repository.refresh());
  EXPECT_THAT(subjects(), ElementsAre("remove", "move", "second", "first"));
  EXPECT_TRUE(repository.history(ServiceName("web"))->front().removed);
  EXPECT_EQ(repository.definition(ServiceName("web"), moved)->text, service("web", "v2"));
  EXPECT_EQ(repository.definition(ServiceName("web")).error().code, Code::kNotFound);
  EXPECT_EQ(repository.history(ServiceName("nobody")).error().code, Code::kNotFound);
  EXPECT_EQ(repository.history(ServiceName("web"), 2)->size(), 2u);
}

TEST_F(Mirror, AFolderOfDefinitions) {
  other.change("live/services/api.toml", service("api"));
  RepositoryOptions wanted = options(remote.path());
  wanted.path = "live";
  Repository repository = std::move(*Repository::open(wanted));
  EXPECT_EQ(repository.read()->tree.services.size(), 1u);
  const auto commit = repository.change(set_version("api", "v2"));
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(commit->path, "live/services/api.toml");
  EXPECT_EQ(remote_text("live/services/api.toml"), service("api", "v2"));
  EXPECT_EQ(repository.history(ServiceName("api"))->size(), 2u);
}

TEST_F(Mirror, ErrorsSayWhatToDo) {
  test::GitRepo::init_bare(dir / "empty.git");
  std::filesystem::create_directory(dir / "plain");
  struct Case {
    std::string spec, branch;
    Code code;
    std::string says;
  };
  const Case cases[] = {
      {dir / "nowhere", "", Code::kNotFound, "no folder"},
      {dir / "plain", "", Code::kNotFound, "not in a git repository"},
      {dir / "empty.git", "", Code::kNotFound, "no branch 'main'"},
      {remote.path(), "gone", Code::kNotFound, "no branch 'gone'"},
      {"https://127.0.0.1:1/x.git", "main", Code::kUnavailable, "127.0.0.1"},
      {"", "", Code::kInvalid, "--repo"},
  };
  for (const Case& wanted : cases) {
    RepositoryOptions given = options(wanted.spec);
    given.branch = wanted.branch;
    const auto opened = Repository::open(given);
    ASSERT_FALSE(opened) << wanted.spec;
    EXPECT_EQ(base::name(opened.error().code), base::name(wanted.code)) << opened.error().text();
    EXPECT_THAT(opened.error().text(), HasSubstr(wanted.says));
  }
}

TEST_F(Mirror, WithoutAnIdentityTheLoginNameIsUsed) {
  test::write_file(dir / "home/.gitconfig", "[init]\ndefaultBranch = main\n");
  Repository repository = open(remote.path());
  ASSERT_TRUE(repository.change(set_version("web", "v2")));
  EXPECT_THAT(remote.git({"log", "-1", "--format=%ae", "main"}), HasSubstr("@"));
}

// Three operators change their own file and one that all of them change, at the same time: every
// intent lands exactly once.
TEST_F(Mirror, RacingWritersLoseNothing) {
  constexpr int kWriters = 3, kEach = 5;
  const auto name = [](int writer) { return "w" + std::to_string(writer); };
  for (int writer = 0; writer < kWriters; ++writer)
    other.write("services/" + name(writer) + ".toml", service(name(writer), "v0"));
  other.change("shared.txt", "begin\n", "race");
  // Losing six times in a row is an honest answer: the operator tries again.
  const auto insist = [](Repository& repository, const ChangeRequest& request) {
    for (;;) {
      const auto done = repository.change(request);
      if (done || done.error().code != Code::kConflict) return done ? "" : done.error().text();
    }
  };
  std::vector<std::thread> threads;
  std::vector<std::string> results[kWriters];
  for (int writer = 0; writer < kWriters; ++writer)
    threads.emplace_back([&, writer] {
      RepositoryOptions mine = options(remote.path());
      mine.cache_dir = dir / ("cache-" + std::to_string(writer));
      auto repository = Repository::open(mine);
      for (int i = 1; i <= kEach; ++i) {
        const std::string version = "v" + std::to_string(i);
        results[writer].push_back(insist(*repository, set_version(name(writer), version)));
        ChangeRequest append;
        append.path = "shared.txt";
        append.message = "Append";
        append.edit = [&](auto, std::string_view text) {
          return base::Result<std::string>(std::string(text) + name(writer) + version + "\n");
        };
        results[writer].push_back(insist(*repository, append));
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& list : results) EXPECT_THAT(list, testing::Each(""));
  const std::string shared = "\n" + remote_text("shared.txt");
  for (int writer = 0; writer < kWriters; ++writer)
    for (int i = 1; i <= kEach; ++i) {
      const std::string version = "v" + std::to_string(i);
      const std::string subject = "Deploy " + name(writer) + " " + version;
      EXPECT_EQ(remote.git({"log", "--format=%s", "--fixed-strings", "--grep=" + subject, "main"}),
                subject);
      const std::string line = "\n" + name(writer) + version + "\n";
      EXPECT_NE(shared.find(line), std::string::npos) << line;
      EXPECT_EQ(shared.find(line), shared.rfind(line)) << line;
    }
}

}  // namespace
}  // namespace controller
