#include "test/integration/cli/cli.h"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

// The program `mcp` as it is, with real git and an agent whose answers are written here.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Json kRollout = Json::parse(R"({"revision": null, "from": "v1", "to": "v2",
  "begun": "2026-11-22T10:00:00Z", "phases": {"startedMs": 400, "readyMs": 1100,
  "switchedMs": 1105, "drainedMs": 1305, "finishedMs": 3449}, "requests": 1234, "failed": 0,
  "held": 3, "finished": "2026-11-22T10:00:03Z"})");

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
  const auto done = mcp({"deploy", "web", "--version", "v2", "--timeout", "2s"});
  EXPECT_EQ(done.exit_code, 5);
  EXPECT_THAT(done.err, HasSubstr("web is not Ready after 2s: Probing: no answer"));
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
