#include <gmock/gmock.h>

#include <limits>

#include "agent/source/git_outbox.h"
#include "agent/source/git_source.h"
#include "agent/source/report_witness.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using reconciler::Snapshot;
using test::GitRepo;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string service(const std::string& name, const std::string& version = "v1") {
  return "name = \"" + name + "\"\nversion = \"" + version +
         "\"\n[[components]]\nname = \"app\"\nimage = \"localhost/" + name + ":" + version + "\"\n";
}

class Source : public testing::Test {
 protected:
  void SetUp() override { test::isolate_git(dir / "home"); }

  GitSource source(const std::string& path = {}, const std::string& since = {},
                   std::map<crds::ServiceName, crds::Service> last_good = {}) {
    GitSourceConfig config;
    config.remote.url = url.empty() ? origin.path().string() : url;
    config.path = path;
    config.mirror_dir = dir / "state";
    config.since = reconciler::Revision(since);
    return GitSource(config, std::move(last_good));
  }

  // The next snapshot, which has to come.
  static Snapshot next(GitSource& source) {
    auto polled = source.poll();
    if (!polled) throw std::runtime_error(polled.error().text());
    if (!*polled) throw std::runtime_error("unchanged");
    return std::move(**polled);
  }

  static std::vector<std::string> names(const Snapshot& snapshot) {
    std::vector<std::string> out;
    for (const auto& [name, value] : snapshot.tree.services) out.push_back(name.str());
    return out;
  }

  test::TempDir dir;
  std::string url;
  const GitRepo origin = [this] {
    test::isolate_git(dir / "home");
    return GitRepo::init(dir / "origin");
  }();
};

TEST_F(Source, AChangeIsASnapshotAndNoChangeIsNothing) {
  const std::string one = origin.change("services/web.toml", service("web"));
  GitSource git = source();
  const Snapshot first = next(git);
  EXPECT_EQ(first.revision.str(), one);
  EXPECT_THAT(names(first), ElementsAre("web"));
  EXPECT_THAT(first.tree.problems, IsEmpty());
  EXPECT_FALSE(git.poll()->has_value());

  const std::string two = origin.change("services/team/db.toml", service("db"));
  const Snapshot second = next(git);
  EXPECT_EQ(second.revision.str(), two);
  EXPECT_THAT(names(second), ElementsAre("db", "web"));
  EXPECT_FALSE(git.poll()->has_value());
}

TEST_F(Source, AnUnchangedPollWritesNothing) {
  origin.change("services/web.toml", service("web"));
  GitSource git = source();
  next(git);
  const auto files = [&] { return test::run({"find", dir / "state", "-printf", "%p %T@ %C@\n"}); };
  const std::string before = files();
  EXPECT_FALSE(git.poll()->has_value());
  EXPECT_EQ(files(), before);
}

TEST_F(Source, ARestartGivesASnapshotAgain) {
  const std::string head = origin.change("services/web.toml", service("web"));
  for (int start = 0; start < 2; ++start) {
    GitSource git = source();
    EXPECT_EQ(next(git).revision.str(), head);
  }
}

TEST_F(Source, WhoHasAPortKeepsItOverARestart) {
  const auto with_port = [](const std::string& name) {
    return "node = \"rift\"\n" + service(name) + "ports = [\"80:80\"]\n";
  };
  origin.change("services/web.toml", with_port("web"));
  GitSource before = source();
  const Snapshot first = next(before);
  // Its file sorts first.
  origin.change("services/api.toml", with_port("api"));
  EXPECT_THAT(names(next(before)), ElementsAre("web"));
  std::map<crds::ServiceName, crds::Service> in_force;
  for (const auto& [name, located] : first.tree.services) in_force.emplace(name, located.value);
  GitSource after = source({}, {}, in_force);
  EXPECT_THAT(names(next(after)), ElementsAre("web"));
}

TEST_F(Source, ABareRepositoryAndAFileUrlWorkAsWell) {
  const GitRepo bare = GitRepo::init_bare(dir / "bare");
  const GitRepo clone = GitRepo::clone(bare.path(), dir / "clone");
  clone.change("services/web.toml", service("web"));
  url = "file://" + bare.path().string();
  GitSource git = source();
  EXPECT_THAT(names(next(git)), ElementsAre("web"));
}

TEST_F(Source, PlacesAreInsideTheRepositoryAndTheFolderIsTheOneGiven) {
  origin.write("fleet.toml", "this is not valid");
  origin.write("live/services/web.toml", service("web"));
  origin.change("live/services/bad.toml", "name = \"bad\"\nimag = 1\n");
  GitSource git = source("live");
  const Snapshot snapshot = next(git);
  EXPECT_THAT(names(snapshot), ElementsAre("web"));
  EXPECT_FALSE(snapshot.tree.fleet_broken);
  ASSERT_FALSE(snapshot.tree.problems.empty());
  EXPECT_EQ(snapshot.tree.problems[0].at.file, "live/services/bad.toml");
  EXPECT_TRUE(snapshot.tree.broken.contains(crds::ServiceName("bad")));
  EXPECT_EQ(snapshot.tree.services.at(crds::ServiceName("web")).name_at.file,
            "live/services/web.toml");
}

TEST_F(Source, OnlyTheBadFileIsHeldAndARepairIsSeen) {
  origin.write("services/web.toml", service("web"));
  origin.change("services/db.toml", service("db"));
  GitSource git = source();
  next(git);
  origin.change("services/web.toml", "name = \"web\"\n\xFF\xFE");
  Snapshot snapshot = next(git);
  EXPECT_THAT(names(snapshot), ElementsAre("db"));
  EXPECT_TRUE(snapshot.tree.broken.contains(crds::ServiceName("web")));
  origin.change("services/web.toml", service("web", "v2"));
  snapshot = next(git);
  EXPECT_THAT(names(snapshot), ElementsAre("db", "web"));
  EXPECT_THAT(snapshot.tree.broken, IsEmpty());
}

TEST_F(Source, LinksAreProblemsAtTheirPathAndHoldWhatWasThere) {
  origin.write("services/web.toml", service("the-web"));
  origin.change("services/db.toml", service("db"));
  GitSource git = source();
  next(git);
  std::filesystem::remove(origin.path() / "services/web.toml");
  std::filesystem::create_symlink("/etc/passwd", origin.path() / "services/web.toml");
  std::filesystem::create_directory_symlink("/srv", origin.path() / "services/more");
  const GitRepo inner = GitRepo::init(dir / "inner");
  inner.change("x.toml", service("x"));
  origin.git({"submodule", "--quiet", "add", inner.path().string(), "services/sub"});
  origin.commit("links");
  const Snapshot snapshot = next(git);
  EXPECT_THAT(names(snapshot), ElementsAre("db"));
  std::vector<std::string> problems;
  for (const auto& problem : snapshot.tree.problems)
    problems.push_back(problem.at.file + ": " + problem.message);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("services/more: is a symlink"),
                                    HasSubstr("services/sub: is a submodule"),
                                    HasSubstr("services/web.toml: is a symlink")));
  EXPECT_TRUE(snapshot.tree.broken.contains(crds::ServiceName("the-web")));
}

TEST_F(Source, AHugeDefinitionIsRefusedUnread) {
  origin.write("services/web.toml", service("web"));
  origin.change("services/huge.toml", std::string(10 << 20, '#'));
  GitSource git = source();
  const Snapshot snapshot = next(git);
  EXPECT_THAT(names(snapshot), ElementsAre("web"));
  ASSERT_THAT(snapshot.tree.problems, SizeIs(1));
  EXPECT_EQ(snapshot.tree.problems[0].at.file, "services/huge.toml");
  EXPECT_THAT(snapshot.tree.problems[0].message, HasSubstr("10485760 bytes"));
  EXPECT_TRUE(snapshot.tree.broken.contains(crds::ServiceName("huge")));
}

TEST_F(Source, TenThousandFiles) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "s" + std::to_string(i);
    origin.write("services/" + name + ".toml", service(name));
  }
  origin.commit("many");
  GitSource git = source();
  EXPECT_THAT(next(git).tree.services, SizeIs(10'000));
  EXPECT_EQ(git.decoded(), 10'000u);
  origin.change("services/s7.toml", service("s7", "v2"));
  EXPECT_EQ(next(git).tree.services.at(crds::ServiceName("s7")).value.version, "v2");
  EXPECT_EQ(git.decoded(), 1u);
}

TEST_F(Source, AForcePushIsFollowed) {
  const std::string base = origin.change("services/web.toml", service("web"));
  origin.change("services/db.toml", service("db"));
  GitSource git = source();
  EXPECT_THAT(names(next(git)), ElementsAre("db", "web"));
  origin.git({"reset", "-q", "--hard", base});
  EXPECT_THAT(names(next(git)), ElementsAre("web"));
}

TEST_F(Source, ABranchThatGoesAwayChangesNothing) {
  const std::string head = origin.change("services/web.toml", service("web"));
  GitSource git = source();
  next(git);
  origin.git({"checkout", "-q", "-b", "other"});
  origin.git({"branch", "-q", "-D", "main"});
  auto gone = git.poll();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kNotFound);
  origin.git({"branch", "-q", "main", head});
  EXPECT_FALSE(git.poll()->has_value());
}

TEST_F(Source, AnEmptyRepositoryAndAMissingFolderAreErrors) {
  {
    GitSource git = source();
    EXPECT_THAT(git.poll().error().text(), HasSubstr("is empty"));
  }
  origin.change("README", "nothing here");
  GitSource folder = source("live");
  const auto missing = folder.poll();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().text(), HasSubstr("'live'"));
  origin.change("live/services/web.toml", service("web"));
  EXPECT_THAT(names(next(folder)), ElementsAre("web"));
}

TEST_F(Source, AFolderThatVanishesIsAnEmptyTreeWithAProblem) {
  origin.change("live/services/web.toml", service("web"));
  GitSource git = source("live");
  next(git);
  origin.git({"mv", "live", "elsewhere"});
  origin.commit("moved");
  const auto gone = next(git);
  EXPECT_THAT(names(gone), IsEmpty());
  ASSERT_EQ(gone.tree.problems.size(), 1u);
  EXPECT_THAT(gone.tree.problems[0].text(), HasSubstr("has no 'live'"));
  origin.git({"mv", "elsewhere", "live"});
  origin.commit("and back");
  EXPECT_THAT(names(next(git)), ElementsAre("web"));
}

TEST_F(Source, ATreeWithoutDefinitionsIsAnEmptySnapshot) {
  origin.change("services/web.toml", service("web"));
  GitSource git = source();
  next(git);
  origin.git({"rm", "-q", "-r", "services"});
  origin.commit("everything goes");
  EXPECT_THAT(names(next(git)), IsEmpty());
}

TEST_F(Source, ApprovalsAreThoseSinceTheLastSnapshot) {
  const std::string base = origin.change("services/web.toml", service("web"));
  GitSource git = source();
  EXPECT_EQ(next(git).approved_removals, 0);
  origin.change("a", "1", "one\n\nMcp-Approve-Prune: 4");
  const std::string before = origin.change("a", "2", "two\n\nmcp-approve-prune: 2\nOther: 9");
  EXPECT_EQ(next(git).approved_removals, 6);
  origin.change("a", "3", "three\n\nMcp-Approve-Prune: many");
  EXPECT_EQ(next(git).approved_removals, 0);
  // More than an int can count.
  origin.change("a", "3b", "all\n\nMcp-Approve-Prune: 2147483647\nMcp-Approve-Prune: 2147483647");
  EXPECT_EQ(next(git).approved_removals, std::numeric_limits<int>::max());
  // A force-push: what both have does not count again.
  origin.git({"reset", "-q", "--hard", before});
  origin.change("a", "4", "four\n\nMcp-Approve-Prune: 1");
  EXPECT_EQ(next(git).approved_removals, 1);
  // After a restart they count from the revision that was in force.
  GitSource restarted = source({}, before);
  EXPECT_EQ(next(restarted).approved_removals, 1);
  GitSource fresh = source();
  EXPECT_EQ(next(fresh).approved_removals, 0);
  // Counting from a commit that nobody has would approve what was approved long ago.
  GitSource lost = source({}, std::string(40, '1'));
  EXPECT_EQ(next(lost).approved_removals, 0);
}

TEST_F(Source, AnApprovalIsNotLostWithAFailedPoll) {
  origin.change("services/web.toml", service("web"));
  GitSource git = source();
  next(git);
  origin.git({"rm", "-q", "services/web.toml"});
  origin.commit("approve\n\nMcp-Approve-Prune: 3");
  std::filesystem::rename(dir / "origin", dir / "away");
  EXPECT_FALSE(git.poll());
  std::filesystem::rename(dir / "away", dir / "origin");
  origin.change("services/db.toml", service("db"));
  EXPECT_EQ(next(git).approved_removals, 3);
}

TEST_F(Source, AnUnreachableRemoteIsAnErrorAndThenItGoesOn) {
  origin.change("services/web.toml", service("web"));
  GitSource git = source();
  next(git);
  std::filesystem::rename(dir / "origin", dir / "away");
  EXPECT_EQ(git.poll().error().code, Code::kNotFound);
  std::filesystem::rename(dir / "away", dir / "origin");
  EXPECT_FALSE(git.poll()->has_value());
  origin.change("services/db.toml", service("db"));
  EXPECT_THAT(names(next(git)), ElementsAre("db", "web"));
}

// Every way to break a mirror ends in a mirror that was fetched anew.
TEST_F(Source, ACorruptMirrorIsSetAside) {
  const std::string head = origin.change("services/web.toml", service("web"));
  const std::string mirror = dir / "state/source.git";
  const std::vector<std::pair<std::string, std::vector<std::string>>> damages = {
      {"no HEAD", {"rm", mirror + "/HEAD"}},
      {"a file", {"sh", "-c", "rm -r " + mirror + " && echo x > " + mirror}},
      {"packs gone", {"sh", "-c", "rm " + mirror + "/objects/pack/*"}},
      {"packs cut",
       {"sh", "-c",
        "for f in " + mirror +
            "/objects/pack/*.pack; do chmod u+w $f; "
            "truncate -s 40 $f; done"}},
      {"packs of zeros",
       {"sh", "-c",
        "for f in " + mirror +
            "/objects/pack/*.pack; do chmod u+w $f; "
            "s=$(stat -c %s $f); truncate -s 12 $f; truncate -s $s $f; done"}},
      {"a bad ref", {"sh", "-c", "echo rubbish > " + mirror + "/refs/heads/main"}},
      {"a ref to nothing",
       {"sh", "-c", "echo " + std::string(40, '1') + " > " + mirror + "/refs/heads/main"}},
      {"a bad config", {"sh", "-c", "echo '[[[' > " + mirror + "/config"}},
  };
  {
    GitSource git = source();
    next(git);
  }
  for (const auto& [what, damage] : damages) {
    test::run(damage);
    GitSource git = source();
    const auto polled = git.poll();
    ASSERT_TRUE(polled) << what << ": " << polled.error().text();
    ASSERT_TRUE(polled->has_value()) << what;
    EXPECT_EQ((*polled)->revision.str(), head) << what;
    EXPECT_THAT(names(**polled), ElementsAre("web")) << what;
  }
  EXPECT_TRUE(std::filesystem::exists(mirror + ".corrupt"));
}

TEST_F(Source, AMirrorDoesNotGatherPacksForEver) {
  GitSource git = source();
  for (int i = 0; i < 55; ++i) {
    origin.change("services/web.toml", service("web", "v" + std::to_string(i)));
    EXPECT_EQ(next(git).tree.services.at(crds::ServiceName("web")).value.version,
              "v" + std::to_string(i));
  }
  EXPECT_LT(base::git::Repository::open(dir / "state/source.git")->pack_count(), 10u);
}

std::string database(const std::string& node, const std::string& more = {}) {
  return "name = \"db\"\nnode = \"" + node + "\"\n" + more +
         "[[components]]\nname = \"app\"\nimage = \"localhost/db:v1\"\n"
         "volumes = [\"/srv/db:/data\"]\n";
}

// Who has just arrived, who was away and who saw each commit come to the same.
TEST_F(Source, HistorySaysWhereDataLies) {
  const auto where = [](const Snapshot& snapshot) {
    const auto found = snapshot.data_nodes.find(crds::ServiceName("db"));
    return found == snapshot.data_nodes.end() ? "" : found->second.str();
  };
  origin.change("README", "no definitions yet");
  origin.write("nodes/a.toml", "name = \"a\"\n");
  origin.write("nodes/b.toml", "name = \"b\"\n");
  origin.change("services/db.toml", database("a"));
  GitSource follower = source();
  EXPECT_EQ(where(next(follower)), "a");
  origin.change("services/db.toml", database("a", "restarted_at = 2026-11-22T10:00:00Z\n"));
  origin.change("services/db.toml", database("b", "restarted_at = 2026-11-22T10:00:00Z\n"));
  EXPECT_EQ(where(next(follower)), "a") << "a restart before the move says nothing";
  std::filesystem::remove(origin.path() / "services/db.toml");
  origin.commit("the service goes, its data stays");
  next(follower);
  origin.change("services/db.toml", database("b", "restarted_at = 2026-11-22T10:00:00Z\n"));
  EXPECT_EQ(where(next(follower)), "a");
  GitSource newcomer = source();
  EXPECT_EQ(where(next(newcomer)), "a");
  origin.change("services/db.toml", database("b", "restarted_at = 2026-11-22T11:00:00Z\n"));
  origin.change("services/web.toml", service("web"));
  EXPECT_EQ(where(next(follower)), "b");
  std::filesystem::remove_all(dir / "state");
  GitSource another = source();
  EXPECT_EQ(where(next(another)), "b");

  origin.change("nodes/a.toml", "name = \"a\"\nbroken\n");
  EXPECT_EQ(where(next(follower)), "b");
  // Another history of the branch.
  origin.git({"checkout", "-q", "--orphan", "other"});
  origin.write("nodes/a.toml", "name = \"a\"\n");
  origin.write("services/db.toml", database("a", "restarted_at = 2026-11-22T11:00:00Z\n"));
  origin.commit("anew");
  origin.git({"branch", "-q", "-M", "main"});
  EXPECT_EQ(where(next(follower)), "a");
}

// What another node has pushed to its ref is a witness; nothing, and rubbish, is none.
TEST_F(Source, AReportTellsWhetherAServiceIsReadyElsewhere) {
  using State = reconciler::PeerAnswer::State;
  const std::string head = origin.change("services/web.toml", service("web"));
  const GitRepo server = GitRepo::init_bare(dir / "server");
  origin.git({"push", "-q", server.path().string(), "main"});
  base::git::Remote remote;
  remote.url = server.path().string();
  ReportWitness witness(remote, dir / "peer.git");
  reconciler::PeerQuestion question;
  question.service = crds::ServiceName("web");
  question.handover.to = reconciler::NodeName("svc");
  question.revision = reconciler::Revision(head);
  EXPECT_EQ(witness.ask(question).state, State::kUnknown);

  GitOutbox outbox(remote, reconciler::NodeName("svc"), dir / "report.git");
  const auto report = [&](const std::string& revision, const std::string& services) {
    const auto done =
        outbox.publish("{\"revision\": \"" + revision + "\", \"services\": [" + services + "]}");
    ASSERT_TRUE(done) << done.error().text();
  };
  const auto web = [](const std::string& status) {
    return "{\"name\": \"web\", \"conditions\": [{\"type\": \"Ready\", \"status\": \"" + status +
           "\", \"reason\": \"Probing\", \"message\": \"no answer\"}]}";
  };
  report(head, web("False"));
  EXPECT_EQ(witness.ask(question).state, State::kNotReady);
  EXPECT_EQ(witness.ask(question).message, "svc reports Probing: no answer");
  report(head, web("True"));
  EXPECT_EQ(witness.ask(question).state, State::kReady);
  report(std::string(40, '1'), web("True"));
  EXPECT_EQ(witness.ask(question).state, State::kNotReady) << "of another commit";
  report(head, "");
  EXPECT_EQ(witness.ask(question).message, "svc does not report web");
  ASSERT_TRUE(outbox.publish("rubbish"));
  EXPECT_EQ(witness.ask(question).state, State::kNotReady);
  std::filesystem::rename(dir / "server", dir / "away");
  EXPECT_EQ(witness.ask(question).state, State::kUnknown);
}

}  // namespace
}  // namespace agent
