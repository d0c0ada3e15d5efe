#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "test/integration/cli/cli.h"

// What `mcp` tells: of definitions, of agents, and of agents that are away.
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

// One document and nothing else; or one on each line.
void expect_json(const std::string& text, bool one_a_line = false) {
  EXPECT_THAT(text, testing::EndsWith("\n"));
  std::istringstream lines(text);
  for (std::string line; one_a_line && std::getline(lines, line);)
    EXPECT_TRUE(Json::accept(line)) << line;
  EXPECT_TRUE(one_a_line || Json::accept(text)) << text;
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

}  // namespace
}  // namespace test
