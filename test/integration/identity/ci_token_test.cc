#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/http/server.h"
#include "base/process/process.h"
#include "test/support/agent_program.h"
#include "test/support/git/git_server.h"
#include "test/support/jwt_signer.h"
#include "test/support/temp_dir.h"

// `mcp` in a CI job, with the token that the CI system gives it, at a real agent over TLS that
// trusts the issuer by claims. The issuer is a server of ours that has its discovery document and
// its keys.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Json = nlohmann::json;

class CiToken : public testing::Test {
 protected:
  CiToken() {
    make_certificate(dir_.path());
    fs::create_directories(dir_ / "config/mcp");
    std::ofstream(dir_ / "config/mcp/mcp.toml")
        << "[auth]\nca_file = \"" << (dir_ / "tls.pem") << "\"\n";
    server_.route("GET", "/.well-known/openid-configuration", [this](const auto&) {
      return base::HttpReply::json(
          Json{{"issuer", issuer_}, {"jwks_uri", issuer_ + "/keys"}}.dump());
    });
    server_.route("GET", "/keys",
                  [this](const auto&) { return base::HttpReply::json(key_set({signer_.jwk()})); });
    if (const auto started = server_.start(); !started)
      throw std::runtime_error(started.error().text());
    const auto trust = [&](const std::string& role, const std::string& claims) {
      return "[[oidc.trust]]\nissuer = \"" + issuer_ +
             "\"\naudience = \"mcp.example.net\"\nrole = \"" + role + "\"\nca_cert = \"" +
             (dir_ / "tls.pem") + "\"\nclaims = { " + claims + " }\n";
    };
    agent_ = std::make_unique<AgentProgram>(
        dir_.path(),
        trust("operator", R"(repository = "org/desired", ref = "refs/heads/main")") +
            trust("viewer", R"(project_path = "org/desired", ref_protected = "true")"),
        free_port());
  }

  std::string token(const Json& claims, const JwtSigner& signer) const {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    Json all = {{"iss", issuer_},
                {"sub", "job"},
                {"aud", "mcp.example.net"},
                {"nbf", now.count() - 5},
                {"exp", now.count() + 300}};
    all.update(claims);
    return signer.token(all);
  }
  std::string token(const Json& claims) const { return token(claims, signer_); }

  base::Finished mcp(const std::vector<std::string>& args, const std::string& token) const {
    return run_mcp(dir_.path(), args, {{"MCP_TOKEN", token}, {"MCP_AGENT", agent_->address()}});
  }
  void expect_refused(const std::string& token, const std::string& why) const {
    for (const char* command : {"status", "sync"}) {
      const auto done = mcp({command}, token);
      EXPECT_EQ(done.exit_code, 6) << command << done.out << done.err;
      EXPECT_THAT(done.err, HasSubstr(why)) << command;
    }
  }

  TempDir dir_;
  const uint16_t port_ = free_port();
  const std::string issuer_ = "https://127.0.0.1:" + std::to_string(port_);
  const JwtSigner signer_{"RS256"};
  base::HttpServer server_{{.listen = "127.0.0.1:" + std::to_string(port_),
                            .tls_cert = dir_ / "tls.pem",
                            .tls_key = dir_ / "tls.key"}};
  std::unique_ptr<AgentProgram> agent_;
};

const Json kGithub = {{"repository", "org/desired"}, {"ref", "refs/heads/main"}};
const Json kGitlab = {{"project_path", "org/desired"}, {"ref_protected", "true"}};

TEST_F(CiToken, ClaimsDecideWhatAJobMayDo) {
  EXPECT_EQ(mcp({"sync"}, token(kGithub)).exit_code, 0);
  const auto seen = mcp({"status"}, token(kGitlab));
  EXPECT_EQ(seen.exit_code, 0) << seen.err;
  EXPECT_THAT(seen.out, HasSubstr("rift"));
  const auto refused = mcp({"sync"}, token(kGitlab));
  EXPECT_EQ(refused.exit_code, 6) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("has the role viewer, and POST /v1/sync needs operator"));
}

TEST_F(CiToken, AJobOfSomebodyElseGetsNothing) {
  const auto with = [](Json claims, const Json& more) {
    claims.update(more);
    return claims;
  };
  expect_refused(token(with(kGithub, {{"repository", "org/other"}})), "no role");
  expect_refused(token(with(kGithub, {{"ref", "refs/pull/7/merge"}})), "no role");
  expect_refused(token(with(kGitlab, {{"ref_protected", "false"}})), "no role");
  expect_refused(token(with(kGithub, {{"aud", "another.example.net"}})), "another audience");
  expect_refused(token(with(kGithub, {{"exp", 1'700'000'000}})), "expired");
  expect_refused(token(with(kGithub, {{"iss", "https://ci.example"}})), "not trusted here");
  expect_refused(token(kGithub, JwtSigner("RS256")), "signature");
}

}  // namespace
}  // namespace test
