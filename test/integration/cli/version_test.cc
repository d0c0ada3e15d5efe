#include <gmock/gmock.h>

#include <filesystem>
#include <regex>

#include "base/process/process.h"
#include "controller/fleet/agent.h"
#include "controller/fleet/versions.h"
#include "test/integration/cli/fake_agent.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

// `mcp` and an agent of another version than its own.
namespace test {
namespace {

using controller::Age;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

TEST(Versions, TheTagAndThenTheCommitsSinceSayWhichIsOlder) {
  const struct {
    const char* one;
    const char* other;
    Age age;
  } table[] = {
      {"v0.1.0", "v0.2.0", Age::kOlder},
      {"v0.9.0", "v0.10.0", Age::kOlder},
      {"v1.0.0", "v0.10.3", Age::kNewer},
      {"v0.2.0", "v0.2.0-14-g1a2b3c4", Age::kOlder},
      {"v0.2.0-14-g1a2b3c4", "v0.2.0-3-gfff1234-dirty", Age::kNewer},
      {"v0.2.0-dirty", "v0.2.0", Age::kSame},
      {"v0.2.0-14-g1a2b3c4", "v0.2.1", Age::kOlder},
      {"1a2b3c4", "v0.2.0", Age::kUnknown},
      {"v0.2.0", "v9", Age::kUnknown},
      {"v0.2.", "v0.2.0", Age::kUnknown},
      {"v0.2.x", "v0.2.0", Age::kUnknown},
      {"v99999999999.0.0", "v0.2.0", Age::kUnknown},
      {"", "", Age::kUnknown},
  };
  for (const auto& [one, other, age] : table)
    EXPECT_EQ(controller::compare_ages(one, other), age) << one << " beside " << other;
}

class AnotherVersion : public testing::Test {
 protected:
  AnotherVersion()
      : isolated_((isolate_git(dir_ / "home"), true)),
        origin_(GitRepo::init_bare(dir_ / "origin.git")),
        work_(GitRepo::clone(dir_ / "origin.git", dir_ / "work")) {
    work_.change("services/web.toml",
                 "name = \"web\"\n[[components]]\nname = \"api\"\nimage = \"localhost/demo:v1\"\n",
                 "start");
    work_.git({"push", "-q", "-u", "origin", "HEAD:main"});
  }

  void serve(const std::string& version) {
    agent_.reset();
    agent_ = std::make_unique<FakeAgent>(dir_ / "agent.sock", dir_ / "origin.git", version);
    const auto guard = agent_->lock();
    agent_->set_service("web", "ReconciliationSucceeded", true);
    agent_->specs["web"] = "name = \"web\"\n";
    agent_->add_event("web", "Normal", "Started", "started api");
    agent_->findings = {
        {{"level", "ok"}, {"check", "podman"}, {"message", "it answers"}, {"hint", nullptr}}};
    agent_->routes = Json::parse(R"({"managed": true, "error": null, "routes": [
      {"listener": ":8443", "hostname": "web.test", "mode": "l7", "backend": "127.0.0.1:1",
       "owner": "mcp/rift", "served": true, "health": "up", "problem": null, "service": "web",
       "component": "api"}]})");
    agent_->on_sync = [](FakeAgent& agent) {
      agent.set_service("web", "ReconciliationSucceeded", true);
    };
  }

  base::Finished mcp(Words args) const {
    args.insert(args.begin(), MCP_BINARY_DIR "/bin/mcp");
    const base::Command command{args,
                                {{"MCP_AGENT", "unix://" + (dir_ / "agent.sock")},
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

  std::string own_version() const {
    const std::string said = mcp({"--version"}).out;  // "mcp v0.1.0\n"
    return said.substr(4, said.size() - 5);
  }

  TempDir dir_;
  bool isolated_;
  GitRepo origin_;
  GitRepo work_;
  std::unique_ptr<FakeAgent> agent_;
};

TEST_F(AnotherVersion, IsNotedAfterEveryCommandThatAsksTheAgent) {
  const std::string ours = own_version();
  serve("v99.1.0");
  const std::string note = "note: this is mcp " + ours +
                           ", and the agent of rift is v99.1.0: fields and calls of the newer one "
                           "may be missing\n";
  for (const Words& words : {Words{"status"}, Words{"list"}, Words{"sync"}, Words{"deploy", "web"},
                             Words{"list", "-o", "json"}}) {
    const auto done = mcp(words);
    EXPECT_EQ(done.exit_code, 0) << words[0] << done.err;
    EXPECT_THAT(done.err, HasSubstr(note)) << words[0];
    EXPECT_THAT(done.out, Not(HasSubstr("note:"))) << words[0];
  }
  EXPECT_THAT(mcp({"list", "-q"}).err, Not(HasSubstr("note:")));
  EXPECT_THAT(mcp({"version"}).out,
              AllOf(HasSubstr("mcp " + ours + "\n"), HasSubstr("agent rift v9\n"),
                    HasSubstr("another version than this mcp")));

  for (const std::string& same : {ours, std::string()}) {
    serve(same);
    EXPECT_THAT(mcp({"list"}).err, Not(HasSubstr("note:"))) << same;
  }
}

TEST_F(AnotherVersion, ACallThatItDoesNotKnowIsSaidWithWhatToDo) {
  const struct {
    const char* call;
    Words words;
    const char* asked;
  } table[] = {
      {"/v1/routes", {"route", "list"}, "GET /v1/routes"},
      {"/v1/doctor", {"doctor"}, "GET /v1/doctor"},
      {"/v1/services/{s}/spec", {"service", "show", "web"}, "GET /v1/services/web/spec"},
      {"/v1/services/{s}", {"history", "web"}, "GET /v1/services/web"},
      {"/v1/services/{s}/components/{c}/logs",
       {"logs", "web"},
       "GET /v1/services/web/components/api/logs"},
      {"/v1/events", {"events"}, "GET /v1/events"},
      {"/v1/plan", {"diff"}, "POST /v1/plan"},
      {"/v1/sync", {"sync"}, "POST /v1/sync"},
      {"/v1/sync", {"deploy", "web"}, "POST /v1/sync"},
      {"/v1/status", {"status"}, "GET /v1/status"},
      {"/v1/version", {"version"}, "GET /v1/version"},
      {"/v1/services/{service}/adopt",
       {"adopt", "web", "--dry-run"},
       "POST /v1/services/web/adopt"},
      {"", {"push", "README", "web"}, "PUT /v1/files/web/README"},
      {"", {"pull", "web", "README"}, "GET /v1/files/web/README"},
  };
  work_.write("README", "ours\n");
  for (const std::string version : {"", "v0.0.1"}) {
    serve(version);
    const std::string versions = "it is " + (version.empty() ? "of an unknown version" : version) +
                                 ", and this mcp " + own_version();
    for (const auto& [call, words, asked] : table) {
      SCOPED_TRACE(base::Command{words}.text());
      {
        const auto guard = agent_->lock();
        agent_->lacks = {call};
      }
      const auto done = mcp(words);
      const std::string said = done.out + done.err;
      // What git knows of its history is printed all the same, as without an agent.
      EXPECT_EQ(done.exit_code, words[0] == "version" ? 0 : 1) << said;
      EXPECT_THAT(said, HasSubstr(std::string("does not know ") + asked));
      EXPECT_THAT(said, HasSubstr("older than this mcp"));
      // `mcp version` shows them side by side anyhow.
      if (words[0] != "version") {
        EXPECT_THAT(said, AllOf(HasSubstr(versions), HasSubstr(": install the ")));
      }
    }
  }
}

TEST_F(AnotherVersion, TheOlderOfTheTwoIsNamed) {
  const struct {
    const char* agent;
    const char* mcp;
    const char* text;
  } table[] = {
      {"v0.1.0", "v0.2.0",
       "the agent of rift is older than this mcp and does not know GET /v1/routes (it is v0.1.0, "
       "and this mcp v0.2.0: install the newer mcp-agent there)"},
      {"v0.3.0", "v0.2.0",
       "the agent of rift is newer than this mcp and does not know GET /v1/routes (it is v0.3.0, "
       "and this mcp v0.2.0: install the newer mcp here)"},
      {"1a2b3c4", "v0.2.0",
       "the agent of rift does not know GET /v1/routes, as one that is older than this mcp does "
       "not (it is 1a2b3c4, and this mcp v0.2.0: install the same version on both sides)"},
  };
  for (const auto& [agent, mcp, text] : table) {
    serve(agent);
    agent_->lacks = {"/v1/routes"};
    const controller::Agent asked("rift", "unix://" + (dir_ / "agent.sock"),
                                  std::chrono::seconds(30), {"", "", mcp});
    const auto routes = asked.routes();
    ASSERT_FALSE(routes);
    EXPECT_EQ(routes.error().code, base::Code::kInternal);
    EXPECT_EQ(routes.error().text(), text);
  }
}

const Words kReading[] = {
    {"status"},        {"status", "web"}, {"list"},   {"ps", "-o", "json"},
    {"route", "list"}, {"node", "list"},  {"events"}, {"history", "web"},
    {"why", "web"},    {"logs", "web"},   {"diff"},   {"service", "show", "web"},
    {"version"},       {"sync"}};

std::string without_ages(const std::string& text) {
  return std::regex_replace(text, std::regex("[0-9]+[smhd] *"), "AGE ");
}

TEST_F(AnotherVersion, FieldsThatNobodyKnowsAreIgnored) {
  serve("");
  for (const Words& words : kReading) {
    SCOPED_TRACE(base::Command{words}.text());
    const auto known = mcp(words);
    EXPECT_EQ(known.exit_code, 0) << known.err;
    agent_->adds_fields = true;
    const auto more = mcp(words);
    agent_->adds_fields = false;
    EXPECT_EQ(more.exit_code, 0) << more.err;
    EXPECT_EQ(without_ages(more.out), without_ages(known.out));
    EXPECT_EQ(more.err, known.err);
  }
}

TEST_F(AnotherVersion, AnAnswerThatSaysLittleOrNonsenseIsNoCrash) {
  serve("");
  for (const char* answer :
       {"{}", "null", "<html>", R"({"services": [{"components": [7]}], "routes": [[]]})"}) {
    agent_->says = answer;
    for (const Words& words : kReading) {
      const auto done = mcp(words);
      EXPECT_LE(done.exit_code, 7)
          << base::Command{words}.text() << " got " << answer << ": " << done.err;
      EXPECT_EQ(done.err.empty(), done.exit_code == 0)
          << base::Command{words}.text() << " got " << answer << ": " << done.err;
    }
  }
}

}  // namespace
}  // namespace test
