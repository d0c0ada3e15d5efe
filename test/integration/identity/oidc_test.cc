#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "agent/auth/validators.h"
#include "base/jwt/jwt.h"
#include "test/support/dialogue.h"
#include "test/support/mcias/mcias_server.h"
#include "test/support/temp_dir.h"

// `mcp login` at the real oidc-provider (npm), and the agent's validator with the tokens it signs.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kProvider = MCP_BINARY_DIR "/oidc-provider";

class OidcProvider : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kProvider + "/node_modules/oidc-provider"))
      GTEST_SKIP() << "npm's oidc-provider is not in " << kProvider
                   << ": install_oidc_provider of test/packages.sh puts it there";
    const auto made = base::run_command(
        {{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
          "-nodes", "-days", "2", "-subj", "/CN=oidc", "-addext", "subjectAltName=DNS:localhost",
          "-keyout", dir_ / "tls.key", "-out", dir_ / "tls.pem"}},
        "", std::chrono::seconds(30));
    ASSERT_TRUE(made && made->ok());
    std::ofstream(dir_ / "groups.json") << R"({"alice": ["ops", "staff"], "sam": ["staff"]})";
    program_ = std::make_unique<ListeningProgram>(
        base::Command{{"node", MCP_SOURCE_DIR "/test/support/oidc/provider.mjs", dir_.path()},
                      {{"OIDC_PROVIDER", kProvider}}},
        dir_.path());
    issuer_ = "https://localhost:" + std::to_string(program_->port());
  }

  void configure(const std::string& client) {
    fs::create_directories(dir_ / "config/mcp");
    std::ofstream(dir_ / "config/mcp/mcp.toml")
        << "[oidc]\nissuer = \"" << issuer_ << "\"\nclient_id = \"" << client << "\"\nca_cert = \""
        << (dir_ / "tls.pem") << "\"\nscopes = [\"openid\", \"profile\", \"groups\"]\n";
  }

  std::unique_ptr<Dialogue> login() const {
    return std::make_unique<Dialogue>(
        std::vector<std::string>{MCP_BINARY_DIR "/bin/mcp", "login"},
        std::map<std::string, std::string>{{"XDG_CONFIG_HOME", dir_ / "config"},
                                           {"HOME", dir_.path()},
                                           {"MCP_CONFIG", ""},
                                           {"MCP_TOKEN", ""},
                                           {"TERM", "dumb"}});
  }

  // The address after "or open".
  static std::string page_of(const Dialogue& dialogue) {
    const std::string& screen = dialogue.screen();
    const size_t at = screen.find("or open ") + 8;
    return screen.substr(at, screen.find_first_of("\r\n", at) - at);
  }

  void browse(const std::string& page, const std::string& name, bool agree = true) const {
    std::vector<std::string> argv = {"node", MCP_SOURCE_DIR "/test/support/oidc/person.mjs", page,
                                     name};
    if (!agree) argv.emplace_back("deny");
    const auto done = base::run_command({argv, {{"NODE_EXTRA_CA_CERTS", dir_ / "tls.pem"}}}, "",
                                        std::chrono::seconds(60));
    ASSERT_TRUE(done);
    if (agree) {
      ASSERT_EQ(done->exit_code, 0) << done->out << done->err << read_all(dir_ / "log");
    }
  }

  std::string token() const {
    std::string text = read_all(dir_ / "config/mcp/token");
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  base::Result<agent::Caller> judge(const std::string& audience, const std::string& group) const {
    const agent::Trust trust{
        issuer_, audience, dir_ / "tls.pem", {{agent::Role::kOperator, {{"groups", group}}}}};
    return (*agent::make_validator({}, {trust}))->validate(token());
  }

  TempDir dir_;
  std::string issuer_;
  std::unique_ptr<ListeningProgram> program_;
};

TEST_F(OidcProvider, ADeviceLoginGivesATokenOfEachAlgorithm) {
  for (const std::string algorithm : {"RS256", "ES256", "EdDSA"}) {
    SCOPED_TRACE(algorithm);
    configure("mcp-" + algorithm);
    const auto person = login();
    ASSERT_TRUE(person->see("or open ")) << person->screen();
    ASSERT_TRUE(person->see("\n"));
    EXPECT_THAT(person->screen(), HasSubstr("Open " + issuer_ + "/device and enter the code "));
    browse(page_of(*person), "alice");
    EXPECT_TRUE(person->see("logged in at " + issuer_)) << person->screen();
    EXPECT_EQ(person->end(), 0) << person->screen();
    EXPECT_EQ(fs::status(dir_ / "config/mcp/token").permissions(), fs::perms(0600));
    EXPECT_EQ(base::peek_jwt(token())->algorithm, algorithm);

    const auto caller = judge("mcp-" + algorithm, "ops");
    ASSERT_TRUE(caller) << caller.error().text();
    EXPECT_EQ(caller->subject, "alice (alice)");
    EXPECT_EQ(caller->via, issuer_);
    EXPECT_EQ(judge("mcp-" + algorithm, "root").error().code, base::Code::kDenied);
    EXPECT_EQ(judge("grafana", "ops").error().code, base::Code::kUnauthenticated);
  }
}

TEST_F(OidcProvider, ACheckOfTheAgentAsksIt) {
  agent::Trust trust{issuer_, "mcp", dir_ / "tls.pem", {}};
  EXPECT_EQ(*agent::ask_identity({}, {trust, trust}), issuer_ + " has 3 keys for us");
  trust.issuer += "/";
  EXPECT_THAT(agent::ask_identity({}, {trust}).error().message,
              HasSubstr("its discovery document is that of '" + issuer_ + "'"));
}

TEST_F(OidcProvider, ARefusalIsTheEnd) {
  configure("mcp-RS256");
  const auto person = login();
  ASSERT_TRUE(person->see("or open ")) << person->screen();
  ASSERT_TRUE(person->see("\n"));
  browse(page_of(*person), "sam", /*agree=*/false);
  EXPECT_TRUE(person->see("it was refused there")) << person->screen();
  EXPECT_EQ(person->end(), 6);
  EXPECT_FALSE(fs::exists(dir_ / "config/mcp/token"));
}

TEST_F(OidcProvider, AClientThatItDoesNotKnowIsSaid) {
  configure("stranger");
  const auto person = login();
  EXPECT_TRUE(person->see("is 'stranger' a public client there")) << person->screen();
  EXPECT_EQ(person->end(), 1);
}

}  // namespace
}  // namespace test
