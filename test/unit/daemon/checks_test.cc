#include "agent/daemon/checks.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "agent/daemon/source_config.h"
#include "base/http/server.h"
#include "base/process/process.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::HttpReply;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// What the probe `what` says of the configuration.
std::string says(const Config& config, const std::string& what) {
  Podman podman(podman_options(config));
  for (const CheckProbe& probe : environment_probes(config, podman, nullptr)) {
    if (probe.what != what) continue;
    const auto answer = probe.ask();
    return answer ? *answer : "error: " + answer.error().text();
  }
  return "no such probe";
}

// A container has put links into its volume, and the next commit asks for what is behind them.
TEST(Policy, AVolumeMustLeadIntoARootOnTheDiskToo) {
  namespace fs = std::filesystem;
  const test::TempDir dir;
  fs::create_directories(dir / "srv/a/own");
  fs::create_directories(dir / "state");
  fs::create_directory_symlink("/", dir / "srv/a/root");
  fs::create_directory_symlink(dir / "state", dir / "srv/a/state");
  fs::create_directory_symlink("own", dir / "srv/a/inside");
  fs::create_directory_symlink(dir / "srv", dir / "link");
  const reconciler::Policy policy{.volume_roots = {dir / "link"}, .own_paths = {dir / "state"}};
  for (const char* good : {"srv/a", "srv/a/inside", "srv/a/new/folder", "link/a"})
    EXPECT_TRUE(may_mount(policy, dir / good)) << good;
  for (const char* bad : {"srv/a/root", "srv/a/root/etc", "srv/a/state", "state", "other"}) {
    const auto refused = may_mount(policy, dir / bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, base::Code::kDenied);
    EXPECT_THAT(refused.error().text(), HasSubstr("policy.volume_roots"));
  }
}

TEST(Checks, McProxyIsAskedForItsListeners) {
  const test::TempDir dir;
  Config config;
  EXPECT_THAT(says(config, "mcproxy"), StartsWith("routes are not managed"));
  config.mcproxy.socket = dir / "api.sock";
  EXPECT_THAT(says(config, "mcproxy"), HasSubstr("is mc-proxy running"));

  std::string status;
  base::HttpServer server({.socket = config.mcproxy.socket});
  server.route("GET", "/v1/status",
               [&](const base::HttpRequest&) { return HttpReply::json(status); });
  ASSERT_TRUE(server.start());
  const std::pair<const char*, const char*> table[] = {
      {R"({"version": "v1", "haproxy": {"running": true}, "listeners": [
           {"address": ":443", "open": true}, {"address": ":8443", "open": true}]})",
       "mc-proxy v1 answers; it listens on :443, :8443"},
      {R"({"version": "v1", "haproxy": {"running": true}, "listeners": [
           {"address": ":443", "open": true},
           {"address": ":80", "open": false, "problem": "taken"}]})",
       "error: mc-proxy v1 answers, and does not listen on :80: taken"},
      {R"({"version": "v1", "haproxy": {"running": false, "problem": "not installed"},
           "listeners": [{"address": ":443", "open": false}]})",
       "error: mc-proxy v1 answers, and cannot serve: not installed"}};
  for (const auto& [document, said] : table) {
    status = document;
    EXPECT_EQ(says(config, "mcproxy"), said);
  }
}

TEST(Checks, ThePolicyIsSaidWithTheAgentsOwnFolder) {
  Config config;
  config.registry.path = "/srv/mcp/mcp.db";
  EXPECT_THAT(says(config, "policy"), HasSubstr("volumes in /srv; host network no"));
  EXPECT_THAT(node_policy(config).own_paths, ElementsAre("/srv/mcp"));
  config.mcproxy.cert_dir = "/srv/mc-proxy/certs";
  config.api.tls_cert = "/srv/keys/./api.pem";
  config.podman.registries = {{"registry.example.net", "ci", "/srv/keys/registry"}};
  EXPECT_THAT(
      node_policy(config).own_paths,
      ElementsAre("/srv/mcp", "/srv/mc-proxy/certs", "/srv/keys/api.pem", "/srv/keys/registry"));
  config.policy.volume_roots = {"/srv", "/srv/mcp", "/srv/mc-proxy/certs/"};
  EXPECT_THAT(node_policy(config).own_paths,
              ElementsAre("/srv/mcp", "/srv/keys/api.pem", "/srv/keys/registry"))
      << "the operator has named one";
}

TEST(Checks, TheHeadsSignatureIsVerified) {
  const test::TempDir dir;
  test::isolate_git(dir / "home");
  const test::GitRepo origin = test::GitRepo::init(dir / "origin");
  origin.change("README", "hello");
  Config config;
  config.source.url = origin.path();
  EXPECT_THAT(says(config, "source"), HasSubstr("answers; main is at "));
  config.source.verify = VerifyMode::kSsh;
  config.source.allowed_signers = dir / "signers";
  EXPECT_THAT(says(config, "source"), HasSubstr("cannot read " + dir / "signers"));
  test::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir / "key"});
  test::write_file(dir / "signers", "me@example.net " + test::read_file(dir / "key.pub"));
  EXPECT_THAT(says(config, "source"), HasSubstr("is not signed"));
  origin.git({"-c", "gpg.format=ssh", "-c", "user.signingkey=" + (dir / "key"), "commit", "-q",
              "-S", "--amend", "--no-edit"});
  EXPECT_THAT(says(config, "source"), HasSubstr("signed by me@example.net, ED25519 key"));
}

TEST(CommandLine, ANodeIsNamedAsInARepository) {
  const auto done = base::run_command(
      {{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "--node", "Not_A_Label", "check"}}, "",
      std::chrono::seconds(60));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->exit_code, 2);
  EXPECT_THAT(done->err, HasSubstr("'Not_A_Label' is not a node name"));
}

}  // namespace
}  // namespace agent
