#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/auth/validators.h"
#include "base/http/client.h"
#include "base/http/server.h"
#include "base/jwt/jwt.h"
#include "test/support/agent_program.h"
#include "test/support/dialogue.h"
#include "test/support/git/git_server.h"
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
    make_certificate(dir_.path());
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
        << (dir_ / "tls.pem")
        << "\"\nscopes = [\"openid\", \"profile\", \"groups\"]\n[auth]\nca_file = \""
        << (dir_ / "tls.pem") << "\"\n";
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

// The whole way: a login there, and its token at the real agent over TLS.
class OidcAgent : public OidcProvider {
 protected:
  void SetUp() override {
    OidcProvider::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const uint16_t port = free_port();
    agent_ = std::make_unique<AgentProgram>(
        dir_.path(),
        "[oidc]\nissuer = \"" + issuer_ + "\"\naudience = \"mcp-RS256\"\nca_cert = \"" +
            (dir_ / "tls.pem") + "\"\nroles = { ops = \"operator\", staff = \"viewer\" }\n",
        port);
    client_ = std::make_unique<base::HttpClient>(
        base::HttpAddress::https("127.0.0.1", port, dir_ / "tls.pem"));
  }

  // What the provider signs for `person`, made for the client `audience`.
  std::string token_of(const std::string& person, const std::string& audience) {
    configure(audience);
    const auto dialogue = login();
    if (!dialogue->see("or open ") || !dialogue->see("\n")) ADD_FAILURE() << dialogue->screen();
    browse(page_of(*dialogue), person);
    EXPECT_EQ(dialogue->end(), 0) << dialogue->screen();
    return token();
  }

  base::HttpResponse ask(const std::string& method, const std::string& target,
                         const std::string& token) {
    base::HttpCall call{.method = method, .target = target};
    if (method == "POST") call.body = "{}";
    if (!token.empty()) call.headers = {{"authorization", "Bearer " + token}};
    auto answer = client_->request(call);
    if (!answer) ADD_FAILURE() << answer.error().text();
    return answer ? *answer : base::HttpResponse{};
  }

  base::Finished mcp(const std::vector<std::string>& args) const {
    return run_mcp(dir_.path(), args, {{"MCP_AGENT", agent_->address()}});
  }

  std::unique_ptr<AgentProgram> agent_;
  std::unique_ptr<base::HttpClient> client_;
};

const std::pair<const char*, const char*> kReadAndSync[] = {{"GET", "/v1/status"},
                                                            {"POST", "/v1/sync"}};

TEST_F(OidcAgent, WithoutATokenForHereNothingIsAnswered) {
  configure("mcp-RS256");
  const auto status = mcp({"status"});
  EXPECT_EQ(status.exit_code, 6) << status.out;
  EXPECT_THAT(status.err, HasSubstr("mcp login"));
  const std::string strange = token_of("alice", "mcp-ES256");
  for (const auto& [method, target] : kReadAndSync) {
    auto nobody = ask(method, target, "");
    EXPECT_EQ(nobody.status, 401) << target;
    EXPECT_EQ(nobody.headers["www-authenticate"], "Bearer");
    EXPECT_EQ(base::error_of(nobody).text(), "no token was sent (run mcp login)");
    const auto elsewhere = ask(method, target, strange);
    EXPECT_EQ(elsewhere.status, 401) << target;
    EXPECT_EQ(base::error_of(elsewhere).text(),
              "the token was made for another audience (ask its issuer for one for 'mcp-RS256')");
  }
}

TEST_F(OidcAgent, AViewerReadsAndDoesNotSync) {
  const std::string token = token_of("sam", "mcp-RS256");
  const auto seen = ask("GET", "/v1/status", token);
  EXPECT_EQ(seen.status, 200) << seen.body;
  EXPECT_THAT(seen.body, HasSubstr("\"node\": \"rift\""));
  EXPECT_THAT(mcp({"status"}).out, HasSubstr("rift"));

  auto refused = ask("POST", "/v1/sync", token);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.headers["content-type"], "application/problem+json");
  const std::string why = "'sam (sam)' has the role viewer, and POST /v1/sync needs operator";
  const std::string hint = "whoever gives roles on this node can change that";
  EXPECT_EQ(nlohmann::json::parse(refused.body), (nlohmann::json{{"type", "about:blank"},
                                                                 {"title", "Denied"},
                                                                 {"status", 403},
                                                                 {"detail", why},
                                                                 {"hint", hint}}));
  const auto sync = mcp({"sync"});
  EXPECT_EQ(sync.exit_code, 6) << sync.out;
  EXPECT_THAT(sync.err, HasSubstr(why));
}

TEST_F(OidcAgent, AnOperatorSyncsAndWhoCameIsWrittenDown) {
  EXPECT_EQ(ask("POST", "/v1/sync", token_of("sam", "mcp-RS256")).status, 403);
  const std::string token = token_of("alice", "mcp-RS256");
  EXPECT_EQ(ask("GET", "/v1/status", token).status, 200);
  EXPECT_EQ(ask("POST", "/v1/sync", token).status, 202);
  EXPECT_EQ(mcp({"sync"}).exit_code, 0);
  EXPECT_EQ(ask("POST", "/v1/sync", token + "x").status, 401);
  const std::string events = ask("GET", "/v1/events?limit=50", token).body;
  EXPECT_THAT(events, HasSubstr("POST /v1/sync: 'sam (sam)' has the role viewer"));
  EXPECT_THAT(events, HasSubstr("alice (alice) from 127.0.0.1"));
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
