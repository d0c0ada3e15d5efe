#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "agent/auth/validators.h"
#include "base/process/process.h"
#include "test/support/dialogue.h"
#include "test/support/mcias/mcias_server.h"
#include "test/support/temp_dir.h"

// `mcp login` as people and scripts use it, and the agent's validator, against a server that
// implements MCIAS with real tokens over TLS.
namespace test {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::HasSubstr;
using testing::Not;

constexpr char kSecret[] = "JBSWY3DPEHPK3PXP";
constexpr char kPassword[] = "correct horse battery staple";

class MciasLogin : public testing::Test {
 protected:
  MciasLogin() {
    fs::create_directories(dir_ / "config/mcp");
    write_config("");
  }

  void write_config(const std::string& more) {
    std::ofstream(dir_ / "config/mcp/mcp.toml")
        << "[mcias]\nserver_url = \"" << server_.url() << "\"\nca_cert = \"" << server_.ca_file()
        << "\"\ntags = [\"env:test\"]\n"
        << more;
  }

  std::map<std::string, std::string> env() const {
    return {{"XDG_CONFIG_HOME", dir_ / "config"},
            {"HOME", dir_.path()},
            {"MCP_CONFIG", ""},
            {"MCP_TOKEN", ""},
            {"MCP_REPO", ""},
            {"MCP_AGENT", ""},
            {"TERM", "dumb"}};
  }
  static std::vector<std::string> words(std::vector<std::string> args) {
    args.insert(args.begin(), std::string(MCP_BINARY_DIR) + "/bin/mcp");
    return args;
  }
  base::Finished mcp(const std::vector<std::string>& args, const std::string& input = "",
                     const std::string& token = "") const {
    auto variables = env();
    variables["MCP_TOKEN"] = token;
    // A session of its own has no terminal to ask at.
    auto argv = words(args);
    argv.insert(argv.begin(), {"setsid", "-w"});
    auto done = base::run_command({argv, variables, dir_.path()}, input, std::chrono::seconds(60));
    if (!done) ADD_FAILURE() << done.error().text();
    return done ? *done : base::Finished{};
  }
  base::Finished login(const std::string& user, const std::string& password = kPassword) const {
    return mcp({"login", "--user", user, "--password-stdin"}, password + "\n");
  }
  std::string token() const {
    std::string text = read_all(token_file());
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
  std::string token_file() const { return dir_ / "config/mcp/token"; }
  std::unique_ptr<agent::TokenValidator> validator() const {
    return std::move(*agent::make_validator({server_.url(), server_.ca_file()}, {}));
  }

  TempDir dir_;
  MciasServer server_{{
      {"alice", {{"password", kPassword}, {"roles", {"user"}}}},
      {"tina", {{"password", kPassword}, {"roles", {"admin"}}, {"totp", kSecret}}},
      {"gus", {{"password", kPassword}, {"roles", {"guest"}}}},
      {"dora", {{"password", kPassword}, {"roles", {"user"}}, {"deny", {"mcp"}}}},
      {"eve", {{"password", kPassword}, {"roles", {"user"}}, {"lifetime", 1}}},
      {"robot", {{"system", true}}},
  }};
};

TEST_F(MciasLogin, ALoginKeepsATokenThatTheAgentAccepts) {
  const auto done = login("alice");
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("logged in at " + server_.url() + " until "));
  EXPECT_THAT(done.out + done.err, Not(HasSubstr(token())));
  struct stat info{};
  ASSERT_EQ(::stat(token_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const auto request = server_.requests().front();
  EXPECT_EQ(request["path"], "/v1/auth/login");
  EXPECT_EQ(request["service_name"], "mcp");
  EXPECT_EQ(request["tags"], nlohmann::json({"env:test"}));

  const auto caller = validator()->validate(token());
  ASSERT_TRUE(caller) << caller.error().text();
  EXPECT_EQ(caller->subject, "alice");
  EXPECT_EQ(caller->role, agent::Role::kOperator);
}

TEST_F(MciasLogin, ATokenFileThatOthersCouldReadIsReplacedByOneThatTheyCannot) {
  std::ofstream(token_file()) << "old";
  fs::permissions(token_file(), fs::perms(0644));
  ASSERT_EQ(login("alice").exit_code, 0);
  EXPECT_EQ(fs::status(token_file()).permissions(), fs::perms(0600));
}

TEST_F(MciasLogin, APersonIsAskedAndThePasswordNeverShown) {
  Dialogue person(words({"login"}), env());
  ASSERT_TRUE(person.see("User at " + server_.url() + ": "));
  person.type(
      "tinb\x7f"
      "a\r");
  ASSERT_TRUE(person.see("Password: "));
  EXPECT_FALSE(person.shows_typing());
  person.type(std::string(kPassword) + "x\x7f\r");
  ASSERT_TRUE(person.see("Code: ")) << person.screen();
  person.type(MciasServer::code_of(kSecret) + "\r");
  EXPECT_TRUE(person.see("logged in at ")) << person.screen();
  EXPECT_EQ(person.end(), 0) << person.screen();
  EXPECT_THAT(person.screen(), Not(HasSubstr("horse")));
  EXPECT_TRUE(validator()->validate(token()));
}

TEST_F(MciasLogin, CtrlCLeavesTheTerminalAsItWas) {
  Dialogue person(words({"login", "--user", "alice"}), env());
  ASSERT_TRUE(person.see("Password: "));
  person.type("abc\x03");
  ASSERT_TRUE(person.see("the login was broken off"));
  EXPECT_TRUE(person.shows_typing());
  EXPECT_EQ(person.end(), 130);
  EXPECT_FALSE(fs::exists(token_file()));
}

TEST_F(MciasLogin, WhoIsNotLetInIsToldWhyAndNothingIsKept) {
  const struct {
    std::vector<std::string> args;
    std::string input;
    int exit;
    const char* said;
  } table[] = {
      {{"login", "--user", "alice", "--password-stdin"}, "wrong\n", 6, "the password is wrong"},
      {{"login", "--user", "nobody", "--password-stdin"},
       "x\n",
       6,
       "the name or the password is wrong"},
      {{"login", "--user", "robot", "--password-stdin"}, "x\n", 6, "the password is wrong"},
      {{"login", "--user", "dora", "--password-stdin"},
       std::string(kPassword) + "\n",
       6,
       "the policy there does not let you in to mcp"},
      {{"login", "--user", "tina", "--password-stdin", "--totp", "000000x"},
       std::string(kPassword) + "\n",
       6,
       "or the code is wrong"},
      {{"login", "--user", "tina", "--password-stdin"},
       std::string(kPassword) + "\n",
       2,
       "cannot ask for 'Code': there is no terminal"},
      {{"login", "--user", "alice"}, "x\n", 2, "cannot ask for 'Password'"},
      {{"login"}, "", 2, "cannot ask for 'User at"},
      {{"login", "--user", "alice", "--password-stdin"},
       "",
       2,
       "no password on the standard input"},
      {{"login", "--status"}, "", 6, "not logged in (log in: mcp login)"},
  };
  for (const auto& [args, input, exit, said] : table) {
    const auto done = mcp(args, input);
    EXPECT_EQ(done.exit_code, exit) << done.err;
    EXPECT_THAT(done.err, HasSubstr(said));
    EXPECT_FALSE(fs::exists(token_file()));
  }
  const auto scripted =
      mcp({"login", "--user", "tina", "--password-stdin", "--totp", MciasServer::code_of(kSecret)},
          std::string(kPassword) + "\r\n");
  EXPECT_EQ(scripted.exit_code, 0) << scripted.err;
}

TEST_F(MciasLogin, StatusSaysWhoAndTheVariableCountsMore) {
  ASSERT_EQ(login("alice").exit_code, 0);
  EXPECT_THAT(mcp({"login", "--status"}).out, HasSubstr("of mcias.test until 20"));
  const auto variable = mcp({"login", "--status", "-o", "json"}, "", server_.token_of("robot"));
  EXPECT_EQ(nlohmann::json::parse(variable.out)["from"], "MCP_TOKEN");
  const auto nonsense = mcp({"login", "--status"}, "", "nonsense");
  EXPECT_EQ(nonsense.exit_code, 6);
  EXPECT_THAT(nonsense.err, HasSubstr("what is in MCP_TOKEN is not a token"));
}

TEST_F(MciasLogin, ALogoutRevokes) {
  ASSERT_EQ(login("alice").exit_code, 0);
  const std::string old = token();
  ASSERT_TRUE(validator()->validate(old));
  const auto done = mcp({"logout"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_FALSE(fs::exists(token_file()));
  EXPECT_EQ(validator()->validate(old).error().code, Code::kUnauthenticated);
  EXPECT_THAT(mcp({"logout"}).out, HasSubstr("not logged in"));

  ASSERT_EQ(login("alice").exit_code, 0);
  server_.stop();
  const auto alone = mcp({"logout"});
  EXPECT_EQ(alone.exit_code, 7);
  EXPECT_THAT(alone.err, HasSubstr("the token is removed here, but still good"));
  EXPECT_FALSE(fs::exists(token_file()));
}

TEST_F(MciasLogin, TheAgentTellsApart) {
  const auto check = validator();
  const auto robot = check->validate(server_.token_of("robot"));
  ASSERT_TRUE(robot) << robot.error().text();
  EXPECT_EQ(robot->subject, "robot");
  ASSERT_EQ(login("gus").exit_code, 0);
  EXPECT_EQ(check->validate(token()).error().code, Code::kDenied);
  std::string forged = token();
  forged[forged.rfind('.') + 5] ^= 1;
  EXPECT_EQ(check->validate(forged).error().code, Code::kUnauthenticated);
  ASSERT_EQ(login("eve").exit_code, 0);
  const std::string short_lived = token();
  // A new validator each time: it remembers nothing.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (validator()->validate(short_lived) && std::chrono::steady_clock::now() < end) continue;
  EXPECT_EQ(validator()->validate(short_lived).error().code, Code::kUnauthenticated);
}

TEST_F(MciasLogin, ACheckOfTheAgentAsksIt) {
  const agent::MciasOptions options{server_.url(), server_.ca_file()};
  EXPECT_EQ(*agent::ask_identity(options, {}), "MCIAS answers");
  EXPECT_THAT(
      agent::ask_identity({server_.url() + "/elsewhere", server_.ca_file()}, {}).error().text(),
      HasSubstr("is [mcias] server_url its address?"));
  server_.stop();
  EXPECT_EQ(agent::ask_identity(options, {}).error().code, Code::kUnavailable);
}

TEST_F(MciasLogin, AnAgentThatCannotAskLetsNobodyIn) {
  const auto check = validator();
  const std::string robot = server_.token_of("robot");
  server_.stop();
  EXPECT_EQ(check->validate(robot).error().code, Code::kUnavailable);
  server_.start();
  EXPECT_TRUE(check->validate(robot));
  const auto distrustful = std::move(*agent::make_validator({server_.url(), ""}, {}));
  EXPECT_EQ(distrustful->validate(robot).error().code, Code::kUnavailable)
      << "its certificate is nobody's that the system trusts";
}

}  // namespace
}  // namespace test
