#include "test/integration/cli/cli.h"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <sstream>

// The program `mcp` as it is, with real git and an agent whose answers are written here.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Json kRoutes = Json::parse(R"({"managed": true, "error": null, "routes": [
  {"listener": ":8443", "hostname": "web.test", "mode": "l7", "backend": "127.0.0.1:1",
   "owner": "mcp/rift", "served": true, "health": "up", "problem": null, "service": "web",
   "component": "api"},
  {"listener": ":443", "hostname": "raw.test", "mode": "l4", "backend": "127.0.0.1:2",
   "owner": "ops", "served": false, "health": "up", "problem": "the port is taken",
   "service": null, "component": null}]})");

const Json kRollout = Json::parse(R"({"revision": null, "from": "v1", "to": "v2",
  "begun": "2026-11-22T10:00:00Z", "phases": {"startedMs": 400, "readyMs": 1100,
  "switchedMs": 1105, "drainedMs": 1305, "finishedMs": 3449}, "requests": 1234, "failed": 0,
  "held": 3, "finished": "2026-11-22T10:00:03Z"})");

// One document and nothing else; or one on each line.
void expect_json(const std::string& text, bool one_a_line = false) {
  EXPECT_THAT(text, testing::EndsWith("\n"));
  std::istringstream lines(text);
  for (std::string line; one_a_line && std::getline(lines, line);)
    EXPECT_TRUE(Json::accept(line)) << line;
  EXPECT_TRUE(one_a_line || Json::accept(text)) << text;
}

TEST_F(Cli, DeployCommitsTheSmallestEditAndWaits) {
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("deploy web: version v1 -> v2 (pushed)"));
  EXPECT_THAT(done.out, HasSubstr("web/api: ready"));
  EXPECT_THAT(done.out, HasSubstr("web is Ready on rift at "));
  std::string expected = kWeb;
  expected.replace(expected.find("\"v1\""), 4, "\"v2\"");
  EXPECT_EQ(pushed("services/web.toml") + "\n", expected);
  EXPECT_EQ(last_message(), "deploy web: version v1 -> v2\n");
  EXPECT_EQ(work_.read("services/web.toml"), expected);
}

TEST_F(Cli, DeployAsJson) {
  const auto done = mcp({"deploy", "web", "--version", "v2", "-o", "json"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const Json document = Json::parse(done.out);
  EXPECT_EQ(document["service"], "web");
  EXPECT_EQ(document["node"], "rift");
  EXPECT_EQ(document["revision"], origin_.git({"rev-parse", "main"}));
  EXPECT_EQ(document["changed"], true);
  EXPECT_EQ(document["pushed"], true);
  EXPECT_EQ(document["ready"], true);
  EXPECT_THAT(done.err, HasSubstr("web/api: ready"));
}

TEST_F(Cli, DeployWithoutAChangeSyncsAndWaitsAllTheSame) {
  const auto done = mcp({"deploy", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("nothing to commit; already at "));
  EXPECT_FALSE(agent_.sync_request.is_null());
}

TEST_F(Cli, DeployCommitsWhatTheWorkingTreeSays) {
  work_.write("services/web.toml", std::string(kWeb) + "env = { A = \"1\" }\n");
  work_.write("services/new.toml",
              "name = \"new\"\n[[components]]\nname = \"a\"\nimage = \"x:v1\"\n");
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "ReconciliationSucceeded", true);
    agent.set_service("new", "ReconciliationSucceeded", true);
  };
  EXPECT_EQ(mcp({"deploy", "web"}).exit_code, 0);
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("env = "));
  const auto done = mcp({"deploy", "new"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(pushed("services/new.toml"), HasSubstr("name = \"new\""));
}

TEST_F(Cli, AFailureSaysWhyAndShowsTheLastLines) {
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "RolloutFailed", false, "the new container exited with 3");
    agent.add_event("web", "Warning", "RolloutFailed", "the new container exited with 3");
  };
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("web/api: warning: the new container exited with 3"));
  EXPECT_THAT(done.err, HasSubstr("error: web is not Ready: RolloutFailed: "));
  EXPECT_THAT(done.out, HasSubstr("  | listening on 8080"));
  EXPECT_THAT(done.err, HasSubstr("mcp rollback web"));
}

TEST_F(Cli, WaitingEndsAtTheTimeout) {
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "Probing", false, "no answer");
  };
  const auto done = mcp({"deploy", "web", "--version", "v2", "--timeout", "300ms"});
  EXPECT_EQ(done.exit_code, 5);
  EXPECT_THAT(done.err, HasSubstr("web is not Ready after 300ms: Probing: no answer"));
}

TEST_F(Cli, CtrlCSaysThatTheIntentStands) {
  agent_.on_sync = [](FakeAgent& agent) { agent.set_service("web", "Probing", false); };
  base::Child::Options options;
  options.output_file = dir_ / "out";
  auto child = base::Child::spawn(command({"deploy", "web", "--version", "v2"}), options);
  ASSERT_TRUE(child);
  // It waits from the moment on at which it says what for.
  for (int i = 0; i < 600; ++i) {
    if (fs::exists(dir_ / "out") &&
        read_file(dir_ / "out").find("the next attempt") != std::string::npos)
      break;
    ASSERT_FALSE(child->wait(std::chrono::milliseconds(50)));
  }
  kill(child->pid(), SIGINT);
  EXPECT_EQ(child->wait(std::chrono::seconds(30)), 130);
  EXPECT_THAT(read_file(dir_ / "out"), HasSubstr("the change is committed as "));
  EXPECT_THAT(read_file(dir_ / "out"), HasSubstr("mcp status web --wait"));
}

TEST_F(Cli, NoWaitReturnsAtOnce) {
  const auto done = mcp({"deploy", "web", "--version", "v2", "--no-wait"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("sync requested; not waiting"));
}

TEST_F(Cli, AnAgentOfAnotherRepositoryIsSeen) {
  agent_.on_sync = [](FakeAgent& agent) { agent.revision = std::string(40, '1'); };
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("which does not contain"));
}

TEST_F(Cli, ANewerCommitOfSomebodyElseIsFine) {
  const GitRepo other = GitRepo::clone(dir_ / "origin.git", dir_ / "other");
  other.git({"checkout", "-q", "main"});
  agent_.on_sync = [&](FakeAgent& agent) {
    other.git({"pull", "-q"});
    other.change("README.md", "newer");
    other.git({"push", "-q"});
    agent.revision = other.head();
    agent.set_service("web", "ReconciliationSucceeded", true);
  };
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("a newer commit came in meanwhile"));
}

TEST_F(Cli, AServiceOfANodeWhoseAgentIsNotKnownIsSevenAndCommitted) {
  work_.change("services/web.toml", "node = \"pass\"\n" + std::string(kWeb));
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 7);
  EXPECT_THAT(done.err, HasSubstr("no agent of the node 'pass', which runs web, is known"));
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("v2"));
  const auto other = mcp({"status", "--node", "pass"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, HasSubstr("is that of 'rift'"));
}

TEST_F(Cli, MisspeltNamesGetASuggestion) {
  const auto service = mcp({"deploy", "wbe", "--version", "v2"});
  EXPECT_EQ(service.exit_code, 1);
  EXPECT_THAT(service.err, HasSubstr("web"));
  const auto component = mcp({"deploy", "web/apo", "--version", "v2"});
  EXPECT_EQ(component.exit_code, 1);
  EXPECT_THAT(component.err, HasSubstr("did you mean 'web/api'?"));
  EXPECT_EQ(mcp({"deploy", "web", "--version", "v2", "--image", "x"}).exit_code, 2);
}

TEST_F(Cli, StopStartAndRestartCommitOneValueEach) {
  agent_.on_sync = [](FakeAgent& agent) { agent.set_service("web", "Stopped", true); };
  const auto stopped = mcp({"stop", "web"});
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  EXPECT_THAT(stopped.out, HasSubstr("web is stopped on rift"));
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("active = false"));
  EXPECT_EQ(last_message(), "stop web\n");
  EXPECT_EQ(mcp({"start", "web"}).exit_code, 0);
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("active = true"));
  EXPECT_EQ(mcp({"restart", "web"}).exit_code, 0);
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("restarted_at = 2"));
  EXPECT_THAT(pushed("services/web.toml"), StartsWith("# the web\n"));
}

TEST_F(Cli, SuspendAndResumeCommitOneValueEach) {
  const std::string before = pushed("services/web.toml");
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "ReconciliationSucceeded", true);
    agent.services.back()["suspended"] = {{"until", "2099-01-01T00:00:00Z"},
                                          {"reason", "moving the database"}};
  };
  const auto done =
      mcp({"suspend", "web", "--for", "2h", "--reason", "moving the database", "-o", "json"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(Json::parse(done.out)["until"].get<std::string>(), StartsWith("20"));
  EXPECT_THAT(pushed("services/web.toml"),
              testing::ContainsRegex("suspend = \\{ until = 20.*Z, reason = \"moving the "
                                     "database\" \\}"));
  EXPECT_EQ(last_message(), "suspend web for 2h: moving the database\n");

  const auto status = mcp({"status", "web", "--check"});
  EXPECT_EQ(status.exit_code, 0) << "a suspended service is passed over";
  EXPECT_THAT(status.out, HasSubstr("SUSPENDED  web"));
  EXPECT_THAT(status.out, HasSubstr("until 2099-01-01T00:00:00Z ("));
  EXPECT_THAT(mcp({"list"}).out, HasSubstr("web on rift: suspended until 2099-01-01T00:00:00Z"));
  EXPECT_EQ(Json::parse(mcp({"list", "-o", "json"}).out)["services"][0]["suspended"]["reason"],
            "moving the database");

  // Without an end, in place of the first.
  EXPECT_THAT(mcp({"suspend", "web"}).out, HasSubstr("web is suspended on rift until 2099"));
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("suspend = {}\n"));
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "ReconciliationSucceeded", true);
  };
  EXPECT_EQ(mcp({"resume", "web"}).exit_code, 0);
  EXPECT_EQ(pushed("services/web.toml"), before);
  EXPECT_EQ(last_message(), "resume web\n");
}

TEST_F(Cli, SuspendAndResumeKeepTheRestOfAYamlFile) {
  const std::string yaml =
      "# ours\napiVersion: mcp.metacircular.net/v1\nkind: Service\nmetadata: {name: db}\nspec:\n"
      "  active: true   # yes\n  components: [{name: api, image: \"x:v1\"}]\n";
  work_.change("services/db.yaml", yaml, "db");
  work_.git({"push", "-q"});
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("db", "ReconciliationSucceeded", true);
    agent.services.back()["suspended"] = {{"until", nullptr}, {"reason", nullptr}};
  };
  const auto done = mcp({"suspend", "db", "--reason", "a \"b\": c"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("db is suspended on rift until it is resumed"));
  std::string expected = yaml;
  expected.insert(expected.find("  components"), "  suspend: {reason: \"a \\\"b\\\": c\"}\n");
  EXPECT_EQ(pushed("services/db.yaml") + "\n", expected);
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("db", "ReconciliationSucceeded", true);
  };
  EXPECT_EQ(mcp({"resume", "db"}).exit_code, 0);
  EXPECT_EQ(pushed("services/db.yaml") + "\n", yaml);
}

TEST_F(Cli, WhatIsSuspendedTakesNoDeploy) {
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "Suspended", false, "suspended until it is resumed; then: the pull");
    agent.services.back()["conditions"][1]["type"] = "Stalled";
    agent.services.back()["suspended"] = {{"until", nullptr}, {"reason", nullptr}};
  };
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("comes into force then; mcp resume web ends it now"));
  EXPECT_EQ(mcp({"suspend", "web", "--for", "soon"}).exit_code, 2);
}

TEST_F(Cli, UndeployRemovesApprovesAndWaits) {
  mcp({"sync"});
  agent_.on_sync = [](FakeAgent& agent) { agent.remove_service("web"); };
  const auto done = mcp({"undeploy", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("web is gone"));
  EXPECT_THAT(last_message(), HasSubstr("Mcp-Approve-Prune: 1"));
  EXPECT_EQ(origin_.git({"ls-tree", "-r", "--name-only", "main"}), "");
}

TEST_F(Cli, RollbackTakesTheLastReadyRevision) {
  const std::string good = origin_.git({"rev-parse", "main"});
  EXPECT_EQ(mcp({"deploy", "web", "--version", "v2"}).exit_code, 0);
  const std::string bad = origin_.git({"rev-parse", "main"});
  agent_.history =
      Json::array({{{"revision", bad}, {"ready", false}}, {{"revision", good}, {"ready", true}}});
  const auto done = mcp({"rollback", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("the last that was Ready on rift"));
  EXPECT_EQ(pushed("services/web.toml") + "\n", kWeb);
  EXPECT_THAT(last_message(), HasSubstr("rollback web to " + good.substr(0, 7)));
  EXPECT_EQ(mcp({"rollback", "web", "--to", bad}).exit_code, 0);
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("\"v2\""));
}

TEST_F(Cli, RollbackWithoutHistoryFallsBackToGit) {
  EXPECT_EQ(mcp({"deploy", "web", "--version", "v2"}).exit_code, 0);
  const auto done = mcp({"rollback", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("this is the definition before in git"));
  EXPECT_EQ(pushed("services/web.toml") + "\n", kWeb);
}

TEST_F(Cli, DiffShowsWhatWouldHappen) {
  EXPECT_THAT(mcp({"diff", "--exit-code"}).out, HasSubstr("no changes"));
  work_.write("services/web.toml", std::string(kWeb) + "env = { A = \"1\" }\n");
  agent_.plan["changes"] =
      Json::array({{{"service", "web"},
                    {"component", "api"},
                    {"action", "replace"},
                    {"downtime", true},
                    {"fields", Json::array({{{"field", "env.A"}, {"from", ""}, {"to", "1"}}})}}});
  const auto done = mcp({"diff", "--exit-code"});
  EXPECT_EQ(done.exit_code, 4) << done.err;
  EXPECT_THAT(done.out, HasSubstr("~ replace web/api  (downtime"));
  EXPECT_THAT(done.out, HasSubstr("env.A: (none) -> \"1\""));
  EXPECT_THAT(done.out, HasSubstr("1 to replace; 1 with downtime"));
  EXPECT_THAT(agent_.plan_request["files"]["services/web.toml"].get<std::string>(),
              HasSubstr("env = "));
  EXPECT_EQ(mcp({"diff"}).exit_code, 0);
  EXPECT_EQ(mcp({"diff", "--ref", "main"}).exit_code, 0);
  EXPECT_THAT(agent_.plan_request["files"]["services/web.toml"].get<std::string>(),
              Not(HasSubstr("env = ")));
  agent_.plan["changes"] = Json::array();
  agent_.plan["held"] =
      Json::array({{{"service", "web"},
                    {"reason", "PolicyViolation"},
                    {"message", "asks for /etc, policy.volume_roots allows /srv"}}});
  const auto forbidden = mcp({"diff", "--exit-code"});
  EXPECT_EQ(forbidden.exit_code, 4);
  EXPECT_THAT(forbidden.out, HasSubstr("! held web: asks for /etc, policy.volume_roots"));
  agent_.plan = {{"valid", false},
                 {"problems", Json::array({{{"text", "services/web.toml:1:1: bad"}}})}};
  const auto invalid = mcp({"diff"});
  EXPECT_EQ(invalid.exit_code, 3);
  EXPECT_THAT(invalid.err, HasSubstr("services/web.toml:1:1: bad"));
}

TEST_F(Cli, DiffFromACommitAsksNobody) {
  agent_.plan = {{"valid", false}};
  work_.write("services/web.toml", std::string(kWeb) + "ports = [\"80:80\"]\n");
  const auto done = mcp({"diff", "--from", "main", "--exit-code"});
  EXPECT_EQ(done.exit_code, 4) << done.err;
  EXPECT_THAT(done.out, HasSubstr("~ replace web/api  (downtime"));
  const auto comment = mcp({"diff", "--from", "main", "-o", "markdown"});
  EXPECT_EQ(comment.exit_code, 0) << comment.err;
  EXPECT_THAT(comment.out, HasSubstr("- replace `web/api` — **downtime**"));
  EXPECT_THAT(comment.out, HasSubstr("  - `ports`: (none) → `"));
  EXPECT_EQ(mcp({"diff", "--from", "main", "--ref", "main", "--exit-code"}).exit_code, 0);
  work_.write("services/web.toml", "name = \"web\"\nimag = 1\n");
  EXPECT_EQ(mcp({"diff", "--from", "main"}).exit_code, 3);
  EXPECT_NE(mcp({"diff", "--from", "nowhere"}).exit_code, 0);
  EXPECT_TRUE(agent_.plan_request.is_null());
}

TEST_F(Cli, StatusViaGitReadsReports) {
  EXPECT_EQ(mcp({"status", "--via", "git"}).exit_code, 7);
  EXPECT_EQ(mcp({"status", "--via", "pigeon"}).exit_code, 2);
  const Json report = {
      {"node", "rift"},
      {"revision", origin_.git({"rev-parse", "main"})},
      {"services",
       Json::array({{{"name", "web"},
                     {"node", "rift"},
                     {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}})}};
  report_to_git(origin_, "rift", report.dump());
  const auto done = mcp({"status", "--wait", "--revision", "HEAD", "--via", "git"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("web"));
  EXPECT_EQ(mcp({"status", "db", "--via", "git"}).exit_code, 1);
  // A node that is gone takes its report along.
  origin_.git({"update-ref", "-d", "refs/mcp/status/rift"});
  EXPECT_EQ(mcp({"status", "--via", "git"}).exit_code, 7);
}

TEST_F(Cli, ReadingCommandsTellTheSameInEveryFormat) {
  mcp({"sync"});
  agent_.add_event("web", "Normal", "Created", "created web.api");
  agent_.specs["web"] = "name = \"web\"\n";
  agent_.routes = kRoutes;
  struct Case {
    std::vector<std::string> args;
    std::string text;
    std::string name;
  };
  for (const Case& one : std::vector<Case>{
           {{"status"}, "READY  web", "web"},
           {{"status", "web"}, "api  ready, up ", "web"},
           {{"list"}, "web      rift  Ready", "web"},
           {{"ps"}, "web      api        rift  running  v2", "web/api"},
           {{"why", "web/api"}, "cause      image: v1 -> v2 (commit 1a2b3c4)", "web/api"},
           {{"route", "list"}, ":8443     web.test  l7    127.0.0.1:1  up", "web.test:8443"},
           {{"events"}, "Created: created web.api", "1"},
           {{"logs", "web"}, "listening on 8080\n", "web/api"},
           {{"history", "web"}, "start", work_.head()},
           {{"service", "show", "web"}, "name = \"web\"", "web"},
           {{"version"}, "agent rift v9\n", ""},
       }) {
    SCOPED_TRACE(testing::PrintToString(one.args));
    const auto text = mcp(one.args);
    EXPECT_EQ(text.exit_code, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr(one.text));
    auto args = one.args;
    args.insert(args.end(), {"-o", "json"});
    expect_json(mcp(args).out, one.args[0] == "events" || one.args[0] == "logs");
    args.back() = "yaml";
    EXPECT_THAT(mcp(args).out, HasSubstr(": "));
    args.back() = "name";
    EXPECT_THAT(mcp(args).out, StartsWith(one.name));
  }
}

TEST_F(Cli, OtherCommandsPrintOneDocumentAsWell) {
  mcp({"sync"});
  agent_.specs["web"] = "name = \"web\"\n";
  agent_.plan["changes"] = Json::array(
      {{{"service", "web"}, {"component", "api"}, {"action", "stop"}, {"fields", Json::array()}}});
  const auto expect = [&](std::vector<std::string> args, int exit_code,
                          const std::vector<std::string>& members) {
    SCOPED_TRACE(testing::PrintToString(args));
    args.insert(args.end(), {"-o", "json"});
    const auto done = mcp(args);
    EXPECT_EQ(done.exit_code, exit_code) << done.err;
    expect_json(done.out);
    const Json document = Json::parse(done.out, nullptr, false);
    for (const std::string& member : members) EXPECT_TRUE(document.contains(member)) << member;
  };
  const std::vector<std::string> change = {"service", "node",    "revision", "path",
                                           "changed", "pushed",  "message",  "inForce",
                                           "ready",   "seconds", "rollouts"};
  agent_.on_sync = [](FakeAgent& agent) { agent.set_service("web", "Stopped", true); };
  expect({"stop", "web"}, 0, change);
  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "ReconciliationSucceeded", true);
  };
  expect({"start", "web"}, 0, change);
  expect({"restart", "web"}, 0, change);
  expect({"restart", "web", "--no-wait"}, 0, {"service", "revision", "ready"});
  expect({"sync"}, 0, {"syncs", "waited"});
  expect({"sync", "--wait"}, 0, {"syncs", "waited", "ready", "reason", "detail"});
  expect({"node", "list"}, 0, {"nodes", "unreachable"});
  expect({"diff"}, 0, {"nodes"});
  expect({"diff", "--exit-code"}, 4, {"nodes"});
  expect({"diff", "--from", "main"}, 0, {"nodes"});
  expect({"explain", "service.components"}, 0, {"path", "text"});
  expect({"explain", "service", "--schema"}, 0, {"$schema"});
  expect({"completion", "bash"}, 0, {"shell", "script"});
  expect({"init", "fresh"}, 0, {"directory", "files"});
  expect({"service", "export", "web"}, 0, {"service", "file", "revision"});
  editor_ = "sed -i s/v1/v3/";
  expect({"service", "edit", "web"}, 0, change);
  editor_ = "true";
  expect({"service", "edit", "web"}, 0, {"service", "revision", "path", "changed", "pushed"});
  expect({"validate", "fresh"}, 0, {"valid", "files", "services", "nodes", "problems"});
  write_file(work_.path() / "fresh/services/bad.toml", "name = \"bad\"\nimag = 1\n");
  expect({"validate", "fresh"}, 3, {"valid", "files", "services", "nodes", "problems"});
  agent_.on_sync = [](FakeAgent& agent) { agent.remove_service("web"); };
  expect({"undeploy", "web"}, 0, change);
}

TEST_F(Cli, RouteListShowsWhatMcProxyHasAndWhoseItIs) {
  EXPECT_THAT(mcp({"route", "list"}).out, HasSubstr("no routes\n\nrift: routes are not managed"));
  agent_.routes = kRoutes;
  EXPECT_EQ(mcp({"route", "list"}).out,
            "LISTENER  HOST      MODE  BACKEND      HEALTH      OWNER     SERVICE  NODE\n"
            ":8443     web.test  l7    127.0.0.1:1  up          mcp/rift  web/api  rift\n"
            ":443      raw.test  l4    127.0.0.1:2  not served  ops       -        rift\n"
            "\n"
            "raw.test:443: the port is taken\n");
  agent_.routes["error"] = "cannot reach mc-proxy";
  const auto stale = mcp({"route", "list", "-o", "name"});
  EXPECT_EQ(stale.out, "web.test:8443\nraw.test:443\n");
  EXPECT_THAT(stale.err, HasSubstr("rift: routes as they were last: cannot reach mc-proxy"));
}

TEST_F(Cli, DeployEndsWithTheReceiptOfWhatItCaused) {
  const auto with_rollout = [](const std::string& revision) {
    return [revision](FakeAgent& agent) {
      agent.set_service("web", "ReconciliationSucceeded", true);
      agent.services[0]["components"][0]["rollout"] = kRollout;
      agent.services[0]["components"][0]["rollout"]["revision"] =
          revision.empty() ? agent.revision : revision;
    };
  };
  agent_.on_sync = with_rollout("");
  const auto done = mcp({"deploy", "web", "--version", "v2"});
  EXPECT_THAT(done.out,
              testing::EndsWith("\nweb: v1 -> v2 in 3.4 s (started 0.4 s, ready 1.1 s, switched "
                                "1.1 s, drained 1.3 s): 1,234 requests, 0 failed, 3 held\n"))
      << done.err;
  EXPECT_THAT(mcp({"why", "web"}).out,
              HasSubstr("  rollout    v1 -> v2 in 3.4 s (started 0.4 s, ready 1.1 s"));
  const Json document = Json::parse(mcp({"deploy", "web", "--version", "v3", "-o", "json"}).out);
  EXPECT_EQ(document["rollouts"][0]["phases"]["readyMs"], 1100);
  EXPECT_EQ(document["rollouts"][0]["held"], 3);

  agent_.on_sync = [](FakeAgent& agent) {
    agent.set_service("web", "RolloutFailed", false);
    agent.services[0]["conditions"].push_back(
        {{"type", "Stalled"}, {"status", "True"}, {"reason", "RolloutFailed"}, {"message", "x"}});
    agent.services[0]["components"][0]["rollout"] = kRollout;
    agent.services[0]["components"][0]["rollout"]["revision"] = agent.revision;
    agent.services[0]["components"][0]["rollout"]["error"] = "half of the requests failed";
  };
  const auto failed = mcp({"deploy", "web", "--version", "v5"});
  EXPECT_NE(failed.exit_code, 0);
  EXPECT_THAT(failed.err, HasSubstr("web: v1 -> v2 failed after 3.4 s"));
  EXPECT_THAT(failed.err, HasSubstr("half of the requests failed"));

  agent_.on_sync = with_rollout("");
  EXPECT_THAT(mcp({"deploy", "web"}).out, Not(HasSubstr("requests"))) << "nothing was changed";
  agent_.on_sync = with_rollout("another");
  EXPECT_THAT(mcp({"deploy", "web", "--version", "v4"}).out, Not(HasSubstr("requests")));
}

TEST_F(Cli, WhyRemembersAServiceThatIsGone) {
  agent_.add_event("web", "Normal", "Removed", "removed web.api");
  EXPECT_EQ(mcp({"why", "web"}).exit_code, 1);
  agent_.remembered = {"web"};
  const auto done = mcp({"why", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("web is gone: rift has neither a definition nor a container"));
  EXPECT_THAT(done.out, HasSubstr("Removed: removed web.api"));
  const Json document = Json::parse(mcp({"why", "web", "-o", "json"}).out);
  EXPECT_EQ(document["gone"], true);
  EXPECT_EQ(document["lastEvent"]["reason"], "Removed");
}

TEST_F(Cli, StatusCheckTellsByItsExitCode) {
  mcp({"sync"});
  EXPECT_EQ(mcp({"status", "--check"}).exit_code, 0);
  {
    const auto guard = agent_.lock();
    agent_.set_service("web", "Flapping", false, "3 exits in 10m");
  }
  const auto done = mcp({"status", "web", "--check"});
  EXPECT_EQ(done.exit_code, 4);
  EXPECT_THAT(done.out, HasSubstr("FAILED  web"));
  EXPECT_THAT(done.out, HasSubstr("Flapping: 3 exits in 10m"));
  EXPECT_EQ(mcp({"status", "--wait", "--timeout", "200ms"}).exit_code, 5);
  EXPECT_EQ(mcp({"status", "nothing"}).exit_code, 1);
}

TEST_F(Cli, SyncWaitsAndApproves) {
  const auto done = mcp({"sync", "rift", "--wait", "--allow-prune"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(agent_.sync_request["allowPrune"], true);
  EXPECT_THAT(done.out, HasSubstr("in sync: everything is Ready"));
  EXPECT_EQ(mcp({"sync", "nowhere"}).exit_code, 1);
}

TEST_F(Cli, AnAgentThatIsNotThereIsSeven) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"list"},
                                             {"ps"},
                                             {"why", "web"},
                                             {"route", "list"},
                                             {"logs", "web"},
                                             {"events"},
                                             {"diff"},
                                             {"sync"},
                                             {"deploy", "web", "--version", "v7"},
                                             {"service", "show", "web"}}) {
    SCOPED_TRACE(testing::PrintToString(args));
    auto words = args;
    words.insert(words.end(), {"--agent", "unix:///nonexistent.sock", "-o", "json"});
    const auto done = mcp(words);
    EXPECT_EQ(done.exit_code, 7);
    EXPECT_THAT(done.err, HasSubstr("\"exitCode\": 7"));
    EXPECT_THAT(done.err, HasSubstr("/nonexistent.sock"));
  }
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("v7"));
}

TEST_F(Cli, TwoNodesOneOfThemAway) {
  mcp({"sync"});
  fs::create_directories(dir_ / "config/mcp");
  write_file(dir_ / "config/mcp/mcp.toml",
             "[[nodes]]\nname = \"rift\"\naddress = \"unix://" + (dir_ / "agent.sock") +
                 "\"\n[[nodes]]\nname = \"pass\"\naddress = \"https://pass:9444\"\n");
  auto with_config = [&](std::vector<std::string> args) {
    base::Command one = command(std::move(args));
    one.env["MCP_AGENT"] = "";
    return *base::run_command(one, "", std::chrono::seconds(60));
  };
  const auto all = with_config({"list"});
  EXPECT_EQ(all.exit_code, 7);
  EXPECT_THAT(all.out, HasSubstr("web"));
  EXPECT_THAT(all.err,
              HasSubstr("cannot reach the agent of pass: cannot connect to https://pass:9444: "));
  EXPECT_EQ(with_config({"list", "--node", "rift"}).exit_code, 0);
  EXPECT_THAT(with_config({"list", "--node", "rfit"}).err, HasSubstr("did you mean 'rift'?"));
  write_file(dir_ / "config/mcp/mcp.toml", "[repo]\nulr = \"x\"\n");
  const auto wrong = with_config({"list"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("mcp.toml:2:1: repo.ulr: unknown key (did you mean 'url'?)"));
}

TEST_F(Cli, ServiceEditCommitsWhatWasTyped) {
  editor_ = "sed -i s/v1/v3/";
  const auto done = mcp({"service", "edit", "web"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(pushed("services/web.toml"), HasSubstr("version = \"v3\"   # what runs"));
  editor_ = "true";
  EXPECT_THAT(mcp({"service", "edit", "web"}).err, HasSubstr("nothing was changed"));
  EXPECT_TRUE(fs::is_empty(dir_ / "state/mcp/edits"));
}

TEST_F(Cli, ServiceEditOpensAgainAndLosesNothing) {
  // First an unknown field; when it is opened again, the remark is there and the field is mended.
  write_file(dir_ / "editor.sh",
             "if grep -q '^# mcp: ' \"$1\"; then sed -i s/verzion/version/ \"$1\";\n"
             "else sed -i s/version/verzion/ \"$1\"; fi\n");
  editor_ = "sh " + (dir_ / "editor.sh");
  EXPECT_THAT(mcp({"service", "edit", "web"}).err, HasSubstr("services/web.toml:3:1: verzion"));
  EXPECT_THAT(pushed("services/web.toml"), Not(HasSubstr("# mcp:")));

  write_file(dir_ / "stubborn.sh",
             "grep -q '^# mcp: ' \"$1\" || sed -i s/version/verzion/ \"$1\"\n");
  editor_ = "sh " + (dir_ / "stubborn.sh");
  const auto given_up = mcp({"service", "edit", "web"});
  EXPECT_EQ(given_up.exit_code, 3);
  EXPECT_THAT(given_up.err, HasSubstr("your text is kept in " + (dir_ / "state/mcp/edits/web.")));
  ASSERT_FALSE(fs::is_empty(dir_ / "state/mcp/edits"));
  EXPECT_THAT(read_file(fs::directory_iterator(dir_ / "state/mcp/edits")->path()),
              HasSubstr("verzion"));

  editor_ = "sed -i s/v1/v4/ \"$1\"; false";
  EXPECT_EQ(mcp({"service", "edit", "web"}).exit_code, 1);
}

TEST_F(Cli, ServiceExportWritesOnce) {
  mcp({"sync"});
  agent_.specs["web"] = "name = \"web\"\n";
  EXPECT_EQ(mcp({"service", "export", "web"}).exit_code, 0);
  EXPECT_EQ(work_.read("web.toml"), "name = \"web\"\n");
  EXPECT_EQ(mcp({"service", "export", "web"}).exit_code, 1);
  EXPECT_EQ(mcp({"service", "export", "web", "--force"}).exit_code, 0);
  EXPECT_EQ(mcp({"service", "export", "web", "-"}).out, "name = \"web\"\n");
}

TEST_F(Cli, APreReceiveHookRefusesWhatIsInvalid) {
  write_file(dir_ / "origin.git/hooks/pre-receive",
             "#!/bin/sh\nexec " + std::string(MCP_BINARY_DIR) + "/bin/mcp validate -\n");
  fs::permissions(dir_ / "origin.git/hooks/pre-receive", fs::perms::owner_all);
  work_.write("services/web.toml", "name = \"web\"\nimag = 1\n");
  work_.commit("bad");
  int status = 0;
  work_.git({"push", "-q", "origin", "HEAD:main"}, &status);
  EXPECT_NE(status, 0);
  EXPECT_EQ(pushed("services/web.toml") + "\n", kWeb);
  work_.change("services/web.toml", kWeb, "good");
  work_.git({"push", "-q", "origin", "HEAD:main"}, &status);
  EXPECT_EQ(status, 0);
}

TEST_F(Cli, ValidateForPeopleAndForGithub) {
  EXPECT_THAT(mcp({"validate"}).out, HasSubstr("1 file, 1 service, 0 nodes, 0 problems"));
  work_.write("services/web.toml", "name = \"web\"\nimag = 1\n");
  const auto text = mcp({"validate", "."});
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_THAT(text.out, HasSubstr("services/web.toml:2:1: imag: unknown field"));
  const auto github = mcp({"validate", "-o", "github"});
  EXPECT_EQ(github.exit_code, 3);
  EXPECT_THAT(github.out, HasSubstr("::error file=services/web.toml,line=2,col=1::imag: "));
  EXPECT_EQ(mcp({"validate", "missing"}).exit_code, 1);
}

TEST_F(Cli, InitMakesAValidRepositoryOnce) {
  EXPECT_EQ(mcp({"init", "fresh"}).exit_code, 0);
  EXPECT_EQ(mcp({"validate", "fresh"}).exit_code, 0);
  EXPECT_THAT(run({"git", "-C", (work_.path() / "fresh").string(), "log", "--format=%s"}),
              HasSubstr("Start the desired state"));
  const auto again = mcp({"init", "fresh"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("it is not empty"));
}

TEST_F(Cli, CompletionKnowsTheServices) {
  mcp({"sync"});
  EXPECT_THAT(mcp({"__complete", "--", "deploy", "we"}).out, HasSubstr("web/api\t\n"));
  EXPECT_THAT(mcp({"completion", "bash"}).out, HasSubstr("complete -o default"));
  for (const char* shell : {"zsh", "fish"})
    EXPECT_THAT(mcp({"completion", shell}).out, HasSubstr("mcp __complete -- "));
  EXPECT_EQ(mcp({"completion", "tcsh"}).exit_code, 2);
}

TEST_F(Cli, WithoutAnyRepositoryItSaysHowToNameOne) {
  base::Command one = command({"deploy", "web"});
  one.folder = dir_.path();
  const auto done = *base::run_command(one, "", std::chrono::seconds(60));
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("error: no desired-state repository is known (use --repo"));
}

}  // namespace
}  // namespace test
