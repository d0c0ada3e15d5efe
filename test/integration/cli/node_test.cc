#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "base/process/process.h"
#include "test/integration/cli/fake_agent.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

// `mcp` on a fleet: three nodes in the repository, the agents of two answer.
namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string node(const std::string& name, const std::string& socket, const std::string& more = "") {
  return "# " + name + "\nname = \"" + name + "\"\naddress = \"192.0.2.1\"\nagent = \"unix://" +
         socket + "\"\n" + more;
}

std::string service(const std::string& name, const std::string& head,
                    const std::string& tail = "") {
  return "name = \"" + name + "\"\n" + head +
         "[[components]]\nname = \"api\"\nimage = \"localhost/demo:v1\"\n" + tail;
}

const std::string kHome = "placement = { labels = { zone = \"home\" } }\n";

class Nodes : public testing::Test {
 protected:
  Nodes()
      : isolated_((isolate_git(dir_ / "home"), true)),
        origin_(GitRepo::init_bare(dir_ / "origin.git")),
        work_(GitRepo::clone(dir_ / "origin.git", dir_ / "work")),
        rift_(dir_ / "rift.sock", dir_ / "origin.git"),
        svc_(dir_ / "svc.sock", dir_ / "origin.git") {
    svc_.node = "svc";
    work_.write("nodes/rift.toml",
                node("rift", dir_ / "rift.sock", "labels = { zone = \"home\" }\n"));
    work_.write("nodes/svc.toml", node("svc", dir_ / "svc.sock", "labels = { zone = \"home\" }\n"));
    work_.write("services/pin.toml", service("pin", "node = \"rift\"\n"));
    work_.change("services/web.toml", service("web", kHome), "start");
    work_.git({"push", "-q", "-u", "origin", "HEAD:main"});
  }

  base::Finished mcp(std::vector<std::string> args) const {
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    const base::Command command{args,
                                {{"MCP_AGENT", ""},
                                 {"MCP_REPO", ""},
                                 {"MCP_CONFIG", ""},
                                 {"XDG_CONFIG_HOME", dir_ / "config"},
                                 {"XDG_STATE_HOME", dir_ / "state"},
                                 {"XDG_CACHE_HOME", dir_ / "cache"}},
                                work_.path().string()};
    auto done = base::run_command(command, "", std::chrono::seconds(60));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }
  std::string pushed(const std::string& path) const {
    return origin_.git({"show", "main:" + path}) + "\n";
  }
  bool is_pushed(const std::string& path) const {
    int status = 0;
    origin_.git({"cat-file", "-e", "main:" + path}, &status);
    return status == 0;
  }
  // Where `web` is placed is the hash's matter: the one of the two that has it, and the other.
  void place_web(FakeAgent*& has, FakeAgent*& next) {
    const auto listed = mcp({"node", "drain", "rift", "--no-wait", "-o", "json"});
    const bool on_rift = !Json::parse(listed.out)["moved"].empty();
    mcp({"node", "uncordon", "rift"});
    has = on_rift ? &rift_ : &svc_;
    next = on_rift ? &svc_ : &rift_;
  }

  TempDir dir_;
  bool isolated_;
  GitRepo origin_;
  GitRepo work_;
  FakeAgent rift_;
  FakeAgent svc_;
};

TEST_F(Nodes, ListSaysWhoAnswersAndWhoDoesNot) {
  const auto fine = mcp({"node", "list"});
  EXPECT_EQ(fine.exit_code, 0) << fine.err;
  EXPECT_THAT(fine.out, AllOf(HasSubstr("rift"), HasSubstr("192.0.2.1"), HasSubstr("v9"),
                              HasSubstr("Ready"), HasSubstr("yes")));
  EXPECT_EQ(mcp({"node", "list", "-o", "name"}).out, "rift\nsvc\n");

  work_.write("nodes/away.toml", node("away", dir_ / "away.sock", "schedulable = false\n"));
  work_.change("nodes/mute.toml", "name = \"mute\"\n");
  const auto partial = mcp({"node", "list", "-o", "json"});
  EXPECT_EQ(partial.exit_code, 7);
  EXPECT_THAT(partial.err, HasSubstr("away"));
  const Json nodes = Json::parse(partial.out)["nodes"];
  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(nodes[0]["name"], "away");
  EXPECT_EQ(nodes[0]["status"], "Unknown");
  EXPECT_EQ(nodes[0]["schedulable"], false);
  EXPECT_EQ(nodes[0]["lastSeen"], nullptr);
  EXPECT_EQ(nodes[1]["status"], "Unknown") << "no agent is known";
  EXPECT_EQ(nodes[2]["status"], "Ready");
  EXPECT_EQ(nodes[2]["agentVersion"], "v9");
  EXPECT_EQ(mcp({"node", "list", "--node", "rift,svc"}).exit_code, 0);

  // One that reports to the repository was there when it did so last.
  report_to_git(origin_, "away", R"({"node": "away"})");
  const Json seen = Json::parse(mcp({"node", "list", "-o", "json"}).out)["nodes"];
  ASSERT_TRUE(seen[0]["lastSeen"].is_string());
  EXPECT_TRUE(base::parse_rfc3339(seen[0]["lastSeen"].get<std::string>()));
  EXPECT_EQ(seen[0]["status"], "Unknown");
  EXPECT_EQ(seen[1]["lastSeen"], nullptr);
  EXPECT_THAT(mcp({"node", "list"}).out, HasSubstr("s ago\n"));
}

TEST_F(Nodes, DoctorAsksEveryNodeAndSaysWhatToDo) {
  const auto finding = [](const char* level, const char* check, const char* message,
                          const char* hint) {
    return Json{{"level", level},
                {"check", check},
                {"message", message},
                {"hint", *hint == '\0' ? Json() : Json(hint)}};
  };
  rift_.findings = {finding("ok", "podman", "podman 4.3.1 answers", "")};
  svc_.findings = {finding("ok", "podman", "podman 5.4 answers", "")};
  const auto fine = mcp({"doctor"});
  EXPECT_EQ(fine.exit_code, 0) << fine.out << fine.err;
  EXPECT_THAT(
      fine.out,
      AllOf(HasSubstr("ok       git: git version"), HasSubstr("origin.git answers"),
            HasSubstr("token: not logged in"), HasSubstr("podman 5.4 answers"),
            HasSubstr("warning  version: the agent is v9"), HasSubstr("errors: 0, warnings: 2")));

  svc_.findings.push_back(
      finding("error", "linger", "user mcp does not linger", "loginctl enable-linger mcp"));
  rift_.clock_ahead = std::chrono::minutes(2);
  const auto bad = mcp({"doctor"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out,
              AllOf(HasSubstr("error    linger: user mcp does not linger"),
                    HasSubstr("-> loginctl enable-linger mcp"),
                    HasSubstr("ahead of this machine's"), HasSubstr("errors: 1, warnings: 3")));
  EXPECT_EQ(mcp({"doctor", "-o", "name"}).out,
            "rift/version\nrift/clock\nsvc/linger\nsvc/version\n");

  work_.write("nodes/away.toml", node("away", dir_ / "away.sock"));
  const auto partial = mcp({"doctor", "-o", "json"});
  EXPECT_EQ(partial.exit_code, 7) << partial.err;
  const Json document = Json::parse(partial.out);
  EXPECT_EQ(document["errors"], 2);
  ASSERT_EQ(document["places"].size(), 4u);
  EXPECT_EQ(document["places"][0]["name"], "here");
  EXPECT_EQ(document["places"][0]["findings"].size(), 4u);
  EXPECT_EQ(document["places"][1]["name"], "away");
  EXPECT_EQ(document["places"][1]["findings"][0]["check"], "agent");
}

// Agents that take connections and say nothing.
class DeafAgents {
 public:
  explicit DeafAgents(const std::vector<std::string>& sockets) : listeners_(sockets.size()) {
    for (const std::string& path : sockets) {
      const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      path.copy(address.sun_path, sizeof address.sun_path - 1);
      EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      EXPECT_EQ(::listen(listener, 100), 0);
      fds_.push_back(listener);
    }
  }
  ~DeafAgents() {
    for (const int fd : fds_) ::close(fd);
  }
  // Waits until each was asked, and gives whether nobody had given up by then.
  bool are_asked_together() {
    std::vector<pollfd> asked;
    for (size_t i = 0; i < listeners_; ++i) {
      fds_.push_back(::accept4(fds_[i], nullptr, nullptr, SOCK_CLOEXEC));
      asked.push_back({fds_.back(), POLLRDHUP, 0});
    }
    return ::poll(asked.data(), asked.size(), 0) == 0;
  }

 private:
  std::vector<int> fds_;  // those that listen, then those that were accepted
  const size_t listeners_;
};

// Each command ends, with what the others say.
TEST_F(Nodes, ANodeThatHangsHoldsNobodyUp) {
  const std::string path = dir_ / "deaf.sock";
  const DeafAgents deaf({path});
  work_.change("nodes/deaf.toml", node("deaf", path));
  rift_.set_service("web", "ReconciliationSucceeded", true);
  rift_.add_event("web", "Normal", "Started", "started web.api");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"node", "list"},
                                             {"status"},
                                             {"list"},
                                             {"ps"},
                                             {"events"},
                                             {"route", "list"},
                                             {"history", "web"},
                                             {"sync"}}) {
    std::vector<std::string> command = words;
    command.insert(command.end(), {"--timeout", "1s"});
    const auto done = mcp(command);
    EXPECT_EQ(done.exit_code, 7) << words.front() << ": " << done.err;
    EXPECT_THAT(done.err, HasSubstr("deaf")) << words.front();
    EXPECT_NE(done.out, "") << words.front();
  }
  // What is found is found.
  EXPECT_EQ(mcp({"logs", "web", "--timeout", "1s"}).exit_code, 0);
}

TEST_F(Nodes, ThreeThatHangAreWaitedForAtOnceAndNamed) {
  const std::vector<std::string> names = {"deaf", "dull", "dumb"};
  std::vector<std::string> sockets;
  for (const std::string& name : names) {
    sockets.push_back(dir_ / (name + ".sock"));
    work_.change("nodes/" + name + ".toml", node(name, sockets.back()));
  }
  rift_.set_service("web", "ReconciliationSucceeded", true);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"node", "list"}, {"status"}}) {
    SCOPED_TRACE(words.front());
    DeafAgents deaf(sockets);
    auto together = std::async(std::launch::async, [&] { return deaf.are_asked_together(); });
    std::vector<std::string> command = words;
    command.insert(command.end(), {"--timeout", "2s"});
    const auto done = mcp(command);
    EXPECT_TRUE(together.get());
    EXPECT_EQ(done.exit_code, 7) << done.err;
    for (const std::string& name : names)
      EXPECT_THAT(done.err, HasSubstr("cannot reach the agent of " + name + ": "));
    EXPECT_THAT(done.err, Not(HasSubstr("agent of rift")));
    EXPECT_THAT(done.out, AllOf(HasSubstr("rift"), HasSubstr("svc")));
    for (const std::string& socket : sockets) std::filesystem::remove(socket);
  }
}

TEST_F(Nodes, AddWritesAFileOnce) {
  const auto added =
      mcp({"node", "add", "attic", "192.0.2.9", "--agent", "unix://" + (dir_ / "svc.sock"),
           "--label", "zone=attic", "--label", "disk=large"});
  EXPECT_EQ(added.exit_code, 0) << added.err;
  EXPECT_EQ(pushed("nodes/attic.toml"),
            "name = \"attic\"\naddress = \"192.0.2.9\"\nagent = \"unix://" + (dir_ / "svc.sock") +
                "\"\nlabels = { \"zone\" = \"attic\", \"disk\" = \"large\" }\n");
  EXPECT_EQ(mcp({"validate"}).exit_code, 0);
  const auto again = mcp({"node", "add", "attic", "192.0.2.9"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("defined already, in nodes/attic.toml"));
  EXPECT_EQ(mcp({"node", "add", "At tic", "x"}).exit_code, 2);
  EXPECT_EQ(mcp({"node", "add", "b", "x", "--label", "zone"}).exit_code, 2);
  EXPECT_EQ(mcp({"node", "add", "b", "not an address"}).exit_code, 3);
}

TEST_F(Nodes, RemoveSaysWhoIsInTheWay) {
  const auto pinned = mcp({"node", "remove", "rift"});
  EXPECT_EQ(pinned.exit_code, 1);
  EXPECT_THAT(pinned.err, HasSubstr("named by pin"));
  EXPECT_NE(mcp({"node", "remove", "rift", "--force"}).exit_code, 0) << "pin would name nobody";
  EXPECT_TRUE(is_pushed("nodes/rift.toml"));

  std::filesystem::remove(work_.path() / "services/pin.toml");
  work_.change("nodes/attic.toml", node("attic", dir_ / "svc.sock"));
  EXPECT_EQ(mcp({"node", "remove", "attic"}).exit_code, 0);
  EXPECT_FALSE(is_pushed("nodes/attic.toml"));
  EXPECT_THAT(mcp({"node", "remove", "rfit"}).err, HasSubstr("did you mean 'rift'?"));

  FakeAgent *has = nullptr, *next = nullptr;
  place_web(has, next);
  const auto placed = mcp({"node", "remove", has->node});
  EXPECT_EQ(placed.exit_code, 1);
  EXPECT_THAT(placed.err, AllOf(HasSubstr("web is placed"), HasSubstr("mcp node drain")));
  EXPECT_EQ(mcp({"node", "remove", has->node, "--force"}).exit_code, 0);
  EXPECT_FALSE(is_pushed("nodes/" + has->node + ".toml"));
}

TEST_F(Nodes, DrainCommitsOneValueAndWaitsUntilAllHasLeft) {
  FakeAgent *has = nullptr, *next = nullptr;
  place_web(has, next);
  work_.git({"rm", "-q", "services/pin.toml"});
  work_.git({"commit", "-q", "-m", "nothing is pinned"});
  work_.git({"push", "-q"});
  // It comes up there with the first sync, and goes here with the status after that.
  {
    const auto guard = has->lock();
    has->set_service("web", "HandingOver", false, "placed on the other");
    has->on_sync = [](FakeAgent& agent) { agent.remove_service("web"); };
  }
  {
    const auto guard = next->lock();
    next->on_sync = [](FakeAgent& agent) {
      agent.set_service("web", "ReconciliationSucceeded", true);
    };
  }
  const std::string before = pushed("nodes/" + has->node + ".toml");
  const auto done = mcp({"node", "drain", has->node});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, AllOf(HasSubstr("web"), HasSubstr("Ready there"), HasSubstr("is drained")));
  std::string expected = before;
  const std::string anchor = "schedulable = true\n";
  ASSERT_NE(expected.find(anchor), std::string::npos) << "uncordon said so before";
  expected.replace(expected.find(anchor), anchor.size(), "schedulable = false\n");
  EXPECT_EQ(pushed("nodes/" + has->node + ".toml"), expected);

  const auto back = mcp({"node", "uncordon", has->node});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("placed there: web"));
  EXPECT_EQ(pushed("nodes/" + has->node + ".toml"), before);
}

TEST_F(Nodes, DrainSaysWhatItCannotMove) {
  FakeAgent *has = nullptr, *next = nullptr;
  place_web(has, next);
  work_.change("services/web.toml", service("web", kHome, "volumes = [\"/srv/web:/data\"]\n"));
  {
    const auto guard = has->lock();
    has->set_service("web", "ReconciliationSucceeded", true);
  }
  const auto data = mcp({"node", "drain", has->node});
  EXPECT_EQ(data.exit_code, 4) << data.err;
  EXPECT_THAT(data.out, HasSubstr("web stays until its data is moved to " + next->node));
  const auto refused = mcp({"node", "remove", has->node});
  EXPECT_EQ(refused.exit_code, 1);
  const auto pinned = mcp({"node", "drain", "rift"});
  EXPECT_EQ(pinned.exit_code, 4) << pinned.err;
  EXPECT_THAT(pinned.out, HasSubstr("pin stays: its definition names rift"));
  // Its data was moved, and the operator has said so.
  {
    const auto guard = has->lock();
    has->remove_service("web");
  }
  EXPECT_THAT(mcp({"node", "drain", has->node}).out, testing::Not(HasSubstr("web stays")));
}

TEST_F(Nodes, DrainEndsAtTheTimeoutAndStands) {
  FakeAgent *has = nullptr, *next = nullptr;
  place_web(has, next);
  const auto late = mcp({"node", "drain", has->node, "--timeout", "1s"});
  EXPECT_EQ(late.exit_code, 5);
  EXPECT_THAT(late.err,
              AllOf(HasSubstr("is not drained after 1s: web"), HasSubstr("the commit stands")));
  EXPECT_THAT(pushed("nodes/" + has->node + ".toml"), HasSubstr("schedulable = false"));
}

TEST_F(Nodes, ListSaysWhereAServiceIsOnItsWay) {
  {
    const auto guard = rift_.lock();
    rift_.set_service("web", "ReconciliationSucceeded", true, "it is to go to svc");
    rift_.services[0]["goesTo"] = "svc";
  }
  {
    const auto guard = svc_.lock();
    svc_.set_service("web", "WaitingForData", false, "its data is on rift");
    svc_.services[0]["dataOn"] = "rift";
  }
  const auto text = mcp({"list"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("web on rift: it is to go to svc"),
                              HasSubstr("web on svc: its data is on rift")));
  const Json services = Json::parse(mcp({"list", "-o", "json"}).out)["services"];
  ASSERT_EQ(services.size(), 2u);
  EXPECT_EQ(services[0]["goesTo"], "svc");
  EXPECT_EQ(services[1]["dataOn"], "rift");
  // What has it is asked for its log.
  EXPECT_EQ(Json::parse(mcp({"why", "web", "-o", "json"}).out)["node"], "rift");
}

TEST_F(Nodes, StartHereIsTheOperatorsWord) {
  work_.change("services/web.toml", service("web", "active = false\n" + kHome));
  for (FakeAgent* agent : {&rift_, &svc_}) {
    const auto guard = agent->lock();
    agent->on_sync = [](FakeAgent& one) {
      one.set_service("web", "ReconciliationSucceeded", true);
    };
  }
  const auto done = mcp({"start", "web", "--here"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(pushed("services/web.toml"),
              AllOf(HasSubstr("active = true\n"), HasSubstr("restarted_at = ")));
  EXPECT_EQ(mcp({"stop", "web", "--here"}).exit_code, 2);
}

}  // namespace
}  // namespace test
