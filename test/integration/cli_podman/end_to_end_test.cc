#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/process/process.h"
#include "test/support/git/git_repo.h"
#include "test/support/podman_fixture.h"
#include "test/support/temp_dir.h"

// An operator's day: `mcp`, git, `mcp-agent` and podman as they are.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr char kWeb[] = R"(# the web
name = "web"

[[components]]
name = "api"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "echo hello; trap 'exit 0' TERM; sleep 10000 & wait"]   # until it is told to end
stop_timeout = "2s"
)";

class EndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    auto podman = PodmanFixture::make();
    ASSERT_TRUE(podman) << podman.error().text();
    podman_ = std::move(*podman);
    isolate_git(dir_ / "home");
    origin_ = GitRepo::init_bare(dir_ / "origin.git");
    work_ = GitRepo::clone(dir_ / "origin.git", dir_ / "work");
    work_->write("services/web.toml", kWeb);
    work_->commit("start");
    work_->git({"push", "-q", "-u", "origin", "HEAD:main"});
    write_file(dir_ / "agent.toml", "[node]\nname = \"rift\"\n[source]\nurl = \"" +
                                        (dir_ / "origin.git") + "\"\n" + source_ +
                                        "[podman]\nsocket = \"" + podman_->socket() +
                                        "\"\n[api]\nsocket = \"" + (dir_ / "agent.sock") +
                                        "\"\n[registry]\npath = \"" + (dir_ / "mcp.db") + "\"\n");
    base::Child::Options options;
    options.output_file = dir_ / "agent.log";
    auto agent = base::Child::spawn(
        {{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "--config", dir_ / "agent.toml"}},
        options);
    ASSERT_TRUE(agent) << agent.error().text();
    agent_.emplace(std::move(*agent));
    for (int i = 0; i < 300 && !fs::exists(dir_ / "agent.sock"); ++i)
      ASSERT_FALSE(agent_->wait(std::chrono::milliseconds(100))) << read_file(dir_ / "agent.log");
  }

  void TearDown() override {
    if (agent_) agent_->terminate(std::chrono::seconds(10));
  }

  base::Finished mcp(std::vector<std::string> args) const {
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    const base::Command command{args,
                                {{"MCP_AGENT", "unix://" + (dir_ / "agent.sock")},
                                 {"MCP_REPO", ""},
                                 {"MCP_CONFIG", ""},
                                 {"XDG_CONFIG_HOME", dir_ / "config"},
                                 {"XDG_STATE_HOME", dir_ / "state"}},
                                work_->path().string()};
    auto done = base::run_command(command, "", std::chrono::minutes(3));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  std::string containers() const {
    const auto listed = podman_->podman({"ps", "--all", "--format", "{{.Names}} {{.Status}}"});
    return listed ? listed->out : listed.error().text();
  }

  std::string source_;  // more keys of [source]
  TempDir dir_;
  std::unique_ptr<PodmanFixture> podman_;
  std::optional<GitRepo> origin_;
  std::optional<GitRepo> work_;
  std::optional<base::Child> agent_;
};

TEST_F(EndToEnd, AnOperatorsDay) {
  const auto first = mcp({"deploy", "web"});
  ASSERT_EQ(first.exit_code, 0) << first.err << first.out;
  EXPECT_THAT(first.out, HasSubstr("nothing to commit; already at "));
  EXPECT_THAT(first.out, HasSubstr("web is Ready on rift at "));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_THAT(mcp({"logs", "web"}).out, HasSubstr("hello\n"));
  EXPECT_EQ(mcp({"status", "--check"}).exit_code, 0);

  // A version that nobody has made: the old container serves on, and the way back is one command.
  const auto missing = mcp({"deploy", "web", "--version", "v404"});
  EXPECT_EQ(missing.exit_code, 1) << missing.out;
  EXPECT_THAT(missing.err, HasSubstr("ImagePullFailed"));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_EQ(mcp({"status", "--check"}).exit_code, 4);
  EXPECT_THAT(mcp({"why", "web/api"}).out, HasSubstr("image: localhost/mcp-demo:v1 -> "));
  const auto back = mcp({"rollback", "web", "-o", "json"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(Json::parse(back.out)["ready"], true);
  EXPECT_EQ(origin_->git({"show", "main:services/web.toml"}) + "\n", kWeb);

  // A container that ends at once.
  std::string crashing = kWeb;
  crashing.replace(crashing.find("echo hello"), 10, "echo boom; exit 3");
  work_->write("services/web.toml", crashing);
  const auto diff = mcp({"diff", "--exit-code"});
  EXPECT_EQ(diff.exit_code, 4) << diff.err;
  EXPECT_THAT(diff.out, HasSubstr("~ replace web/api"));
  const auto crashed = mcp({"deploy", "web", "--timeout", "90s"});
  EXPECT_NE(crashed.exit_code, 0);
  EXPECT_THAT(crashed.out + crashed.err, HasSubstr("exited with 3"));
  ASSERT_EQ(mcp({"rollback", "web"}).exit_code, 0);

  ASSERT_EQ(mcp({"stop", "web"}).exit_code, 0);
  EXPECT_THAT(containers(), Not(HasSubstr(" Up ")));
  ASSERT_EQ(mcp({"start", "web"}).exit_code, 0);
  ASSERT_EQ(mcp({"restart", "web"}).exit_code, 0);
  EXPECT_THAT(containers(), HasSubstr(" Up "));
  EXPECT_THAT(mcp({"history", "web"}).out, HasSubstr("restart web"));
  EXPECT_THAT(mcp({"events", "web"}).out, HasSubstr("web/api"));

  const auto gone = mcp({"undeploy", "web"});
  ASSERT_EQ(gone.exit_code, 0) << gone.err;
  EXPECT_EQ(containers(), "");
  const auto restored = mcp({"rollback", "web"});
  EXPECT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_THAT(containers(), HasSubstr(" Up "));
}

TEST_F(EndToEnd, AnOlderCommitAndAnEmptiedTreeTakeAWord) {
  const std::string first = work_->head();
  for (const char* version : {"v2", "v3"}) {
    ASSERT_TRUE(
        podman_
            ->podman({"tag", "localhost/mcp-demo:v1", std::string("localhost/mcp-demo:") + version})
            ->ok());
    const auto deployed =
        mcp({"deploy", "web", "--image", std::string("localhost/mcp-demo:") + version});
    ASSERT_EQ(deployed.exit_code, 0) << deployed.err << deployed.out;
  }
  const auto back = mcp({"rollback", "web", "--to", first});
  ASSERT_EQ(back.exit_code, 0) << back.err << back.out;
  EXPECT_THAT(back.out, HasSubstr("web is Ready on rift at "));
  EXPECT_EQ(origin_->git({"show", "main:services/web.toml"}) + "\n", kWeb);
  const auto images = podman_->podman({"ps", "--format", "{{.Image}}"});
  EXPECT_EQ(images->out, "localhost/mcp-demo:v1\n");

  work_->git({"pull", "-q", "origin", "main"});
  fs::remove(work_->path() / "services/web.toml");
  work_->commit("oops");
  work_->git({"push", "-q", "origin", "HEAD:main"});
  const auto held = mcp({"sync", "--wait", "--timeout", "60s"});
  EXPECT_EQ(held.exit_code, 4) << held.out << held.err;
  EXPECT_THAT(held.out + held.err, HasSubstr("PruneHeld"));
  EXPECT_THAT(containers(), HasSubstr(" Up "));
  const auto approved = mcp({"sync", "--wait", "--allow-prune"});
  EXPECT_EQ(approved.exit_code, 0) << approved.out << approved.err;
  EXPECT_EQ(containers(), "");
}

// ---------------------------------------------------------------- without a way to the agent

// The agent follows signed commits and reports; `mcp` has the repository alone.
class ViaGit : public EndToEnd {
 protected:
  ViaGit() {
    isolate_git(dir_ / "home");
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir_ / "key"});
    write_file(dir_ / "signers", "me@example.net " + read_file(dir_ / "key.pub"));
    source_ = "interval = \"1s\"\nreport = true\nverify = { mode = \"ssh\", allowed_signers = \"" +
              (dir_ / "signers") + "\" }\n";
  }

  // A commit that is pushed; the new revision.
  std::string commit(const std::string& path, const std::string& text, bool sign = true) {
    work_->write(path, text);
    work_->git({"add", "-A"});
    std::vector<std::string> words = {
        "-c", "gpg.format=ssh", "-c", "user.signingkey=" + (dir_ / "key"), "commit", "-q",
        "-m", "change"};
    if (sign) words.emplace_back("-S");
    work_->git(words);
    work_->git({"push", "-q", "origin", "HEAD:main"});
    return work_->head();
  }

  // Shell text in the working tree as a pipeline runs it; `curl` writes down what it is given, as
  // arguments and on its input.
  base::Finished shell(const std::string& script, std::map<std::string, std::string> environment) {
    write_file(dir_ / "bin/curl", "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '" + (dir_ / "posted") +
                                      "'\ncat >> '" + (dir_ / "headers") + "'\n");
    fs::permissions(dir_ / "bin/curl", fs::perms::owner_all);
    environment["PATH"] = (dir_ / "bin") + ":" + MCP_BINARY_DIR + "/bin:" + std::getenv("PATH");
    for (const char* name : {"MCP_AGENT", "MCP_REPO", "MCP_CONFIG"}) environment[name] = "";
    environment["XDG_CONFIG_HOME"] = dir_ / "config";
    environment["XDG_STATE_HOME"] = dir_ / "state";
    environment["XDG_RUNTIME_DIR"] = dir_ / "none";
    auto done = base::run_command({{"bash", "-c", script}, environment, work_->path().string()}, "",
                                  std::chrono::minutes(3));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }

  base::Finished job(const std::string& file, const std::string& name,
                     const std::map<std::string, std::string>& environment) {
    const std::string script =
        run({"python3", MCP_SOURCE_DIR "/test/integration/cli_podman/ci_steps.py",
             std::string(MCP_SOURCE_DIR "/deploy/ci/") + file, name});
    return shell(script, environment);
  }

  base::Finished wait_for(const std::string& revision) {
    return shell("mcp status --wait --revision " + revision + " --via git --timeout 60s", {});
  }
};

TEST_F(ViaGit, APipelineWaitsWithTheRepositoryAlone) {
  // The first commit of the fixture is not signed.
  const std::string unsigned_head = work_->head();
  const auto held = wait_for(unsigned_head);
  EXPECT_EQ(held.exit_code, 4) << held.out << held.err;
  EXPECT_THAT(held.err, HasSubstr("CommitNotVerified: commit " + unsigned_head.substr(0, 7)));
  EXPECT_EQ(containers(), "");

  const std::string good = commit("README", "signed\n");
  const auto done = wait_for(good);
  ASSERT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("rift"));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_EQ(origin_->git({"rev-list", "--count", "refs/mcp/status/rift"}), "1");
  const Json report = Json::parse(origin_->git({"show", "refs/mcp/status/rift:status.json"}));
  EXPECT_EQ(report["revision"], good);
  EXPECT_EQ(report["services"][0]["name"], "web");
  EXPECT_EQ(shell("mcp status web --via git --check", {}).exit_code, 0);

  // What the node forbids is told as well, and what ran runs on.
  const std::string forbidden =
      commit("services/web.toml", std::string(kWeb) + "volumes = [\"/etc:/data\"]\n");
  const auto refused = wait_for(forbidden);
  EXPECT_EQ(refused.exit_code, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("PolicyViolation"));
  EXPECT_THAT(refused.err, HasSubstr("policy.volume_roots"));
  EXPECT_THAT(containers(), HasSubstr("web.api Up "));
  EXPECT_THAT(mcp({"status", "web"}).out, HasSubstr("PolicyViolation"));

  // A commit that nobody signed is held; a newer one that is signed counts for both.
  const std::string stranger = commit("services/web.toml", kWeb, false);
  EXPECT_THAT(wait_for(stranger).err, HasSubstr("is not signed"));
  const std::string last = commit("README", "signed again\n");
  EXPECT_EQ(wait_for(last).exit_code, 0);
  EXPECT_EQ(wait_for(stranger).exit_code, 0);
  EXPECT_EQ(
      shell("mcp status --wait --revision " + last + " --via git --timeout 3s --node other", {})
          .exit_code,
      5);
}

TEST_F(ViaGit, TheTemplatesDoWhatTheySay) {
  const std::string base = commit("README", "signed\n");
  const std::map<std::string, std::string> github = {{"BASE", "main"},
                                                     {"TOKEN", "t0ken"},
                                                     {"COMMENTS", "http://c"},
                                                     {"GITHUB_STEP_SUMMARY", dir_ / "summary"},
                                                     {"GITHUB_SHA", base},
                                                     {"CI_COMMIT_SHA", base},
                                                     {"MCP_COMMENT_TOKEN", "t0ken"},
                                                     {"CI_API_V4_URL", "http://c/api/v4"},
                                                     {"CI_PROJECT_ID", "1"},
                                                     {"CI_MERGE_REQUEST_IID", "2"},
                                                     {"CI_MERGE_REQUEST_DIFF_BASE_SHA", base}};
  for (const auto& [file, name] :
       {std::pair("github.yml", "deployed"), std::pair("gitea.yml", "deployed"),
        std::pair("gitlab.yml", "mcp-deployed")}) {
    const auto waited = job(file, name, github);
    EXPECT_EQ(waited.exit_code, 0) << file << waited.out << waited.err;
  }
  std::string changed = kWeb;
  changed.replace(changed.find("echo hello"), 10, "echo `again`");
  work_->write("services/web.toml", changed);
  for (const auto& [file, name] :
       {std::pair("github.yml", "check"), std::pair("gitea.yml", "check"),
        std::pair("gitlab.yml", "mcp-check")}) {
    SCOPED_TRACE(file);
    fs::remove(dir_ / "posted");
    fs::remove(dir_ / "headers");
    const auto planned = job(file, name, github);
    EXPECT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    const std::string plan = work_->read("plan.md");
    EXPECT_THAT(plan, HasSubstr("- replace `web/api`"));
    EXPECT_THAT(plan, HasSubstr("echo 'again'"));
    // The token is not an argument: everybody on the machine could read it.
    EXPECT_THAT(read_file(dir_ / "posted"), Not(HasSubstr("t0ken")));
    EXPECT_THAT(read_file(dir_ / "headers"), HasSubstr("t0ken"));
    EXPECT_THAT(read_file(dir_ / "posted"), HasSubstr("http://c"));
  }
  EXPECT_EQ(Json::parse(work_->read("comment.json"))["body"], work_->read("plan.md"));
  EXPECT_THAT(read_file(dir_ / "summary"), HasSubstr("- replace `web/api`"));

  work_->write("services/web.toml", "name = \"web\"\nimag = 1\n");
  const auto annotated = job("github.yml", "check", github);
  EXPECT_EQ(annotated.exit_code, 3);
  EXPECT_THAT(annotated.out, HasSubstr("::error file=services/web.toml,line=2"));
  const auto reported = job("gitlab.yml", "mcp-check", github);
  EXPECT_EQ(reported.exit_code, 3);
  EXPECT_THAT(reported.out, HasSubstr("services/web.toml:2:1: imag: unknown field"));
  const Json quality = Json::parse(work_->read("gl-code-quality-report.json"));
  std::map<std::string, int> lines;
  for (const Json& one : quality) {
    EXPECT_EQ(one["location"]["path"], "services/web.toml");
    lines[one["description"]] = one["location"]["lines"]["begin"];
  }
  EXPECT_THAT(lines, testing::Contains(testing::Pair(HasSubstr("imag: unknown field"), 2)));
}

TEST_F(ViaGit, TheHookRefusesWhatIsNotValid) {
  fs::copy_file(MCP_SOURCE_DIR "/deploy/git-hooks/pre-receive",
                fs::path(dir_ / "origin.git/hooks/pre-receive"));
  const std::string head = origin_->git({"rev-parse", "main"});
  work_->write("services/web.toml", "name = \"web\"\nimag = 1\n");
  work_->git({"commit", "-qam", "bad"});
  const auto bad = shell("git push origin HEAD:main", {});
  EXPECT_NE(bad.exit_code, 0);
  EXPECT_THAT(bad.err, HasSubstr("services/web.toml:2:1"));
  EXPECT_EQ(origin_->git({"rev-parse", "main"}), head);
  work_->write("services/web.toml", kWeb);
  work_->git({"commit", "-qam", "good"});
  EXPECT_EQ(shell("git push origin HEAD:main", {}).exit_code, 0);
  // Where it cannot check it lets nothing through.
  work_->git({"commit", "-q", "--allow-empty", "-m", "more"});
  EXPECT_NE(shell("PATH=/usr/bin:/bin git push origin HEAD:main", {}).exit_code, 0);
}

}  // namespace
}  // namespace test
