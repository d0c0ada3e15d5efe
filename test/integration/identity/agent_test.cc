#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/http/client.h"
#include "base/process/process.h"
#include "test/support/agent_program.h"
#include "test/support/git/git_server.h"
#include "test/support/mcias/mcias_server.h"
#include "test/support/raw_client.h"
#include "test/support/temp_dir.h"

// The whole way: mcp login, then mcp to the real mcp-agent over TLS, which asks MCIAS.
namespace test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RemoteAgent : public testing::Test {
 protected:
  RemoteAgent() {
    make_certificate(dir_.path());
    fs::create_directories(dir_ / "config/mcp");
    configure("[auth]\nca_file = \"" + (dir_ / "tls.pem") + "\"\n");
    agent_ = std::make_unique<AgentProgram>(dir_.path(), mcias_table(), port_);
  }

  std::string mcias_table() const {
    return "[mcias]\nserver_url = \"" + mcias_.url() + "\"\nca_cert = \"" + mcias_.ca_file() +
           "\"\n";
  }
  void configure(const std::string& more) const {
    std::ofstream(dir_ / "config/mcp/mcp.toml") << mcias_table() << more;
  }

  base::Finished mcp(const std::vector<std::string>& args, const std::string& agent,
                     const std::string& token = "", const std::string& input = "",
                     const std::string& repository = "") const {
    return run_mcp(dir_.path(), args,
                   {{"MCP_REPO", repository},
                    {"SSL_CERT_FILE", system_ca_},
                    {"MCP_AGENT", agent},
                    {"MCP_TOKEN", token}},
                   input);
  }
  base::Finished remote(const std::vector<std::string>& args, const std::string& token = "") const {
    return mcp(args, agent_->address(), token);
  }
  void login(const std::string& user) const {
    const auto done = mcp({"login", "--user", user, "--password-stdin"}, "", "", "secret\n");
    ASSERT_EQ(done.exit_code, 0) << done.err;
  }

  std::string git(std::vector<std::string> args) const {
    args.insert(args.begin(), {"git", "-C", dir_ / "desired", "-c", "user.name=k", "-c",
                               "user.email=k@example.net"});
    const auto done = base::run_command({args}, "", std::chrono::seconds(30));
    return done ? done->out.substr(0, done->out.find('\n')) : done.error().text();
  }
  std::string by_socket() const { return "unix://" + agent_->socket(); }
  // Until it has in it what the text says.
  void wait_for_status(const std::string& text) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::string status;
    while (status.find(text) == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << status;
      status = mcp({"status", "-o", "json"}, by_socket()).out;
    }
  }
  int sockets_of_the_agent() const {
    int sockets = 0;
    for (const auto& entry :
         fs::directory_iterator("/proc/" + std::to_string(agent_->pid()) + "/fd")) {
      std::error_code gone;
      sockets += fs::read_symlink(entry, gone).string().starts_with("socket:") ? 1 : 0;
    }
    return sockets;
  }

  TempDir dir_;
  const uint16_t port_ = free_port();
  MciasServer mcias_{{{"alice", {{"password", "secret"}, {"roles", {"user"}}}},
                      {"gus", {{"password", "secret"}, {"roles", {"guest"}}}},
                      {"robot", {{"system", true}}},
                      {"late", {{"system", true}}}}};
  std::string system_ca_;  // empty: no CA of the system is believed
  std::unique_ptr<AgentProgram> agent_;
};

TEST_F(RemoteAgent, LetsInWhomMciasKnowsAndSaysWhyNotOthers) {
  const auto nobody = remote({"status"});
  EXPECT_EQ(nobody.exit_code, 6) << nobody.out << nobody.err;
  EXPECT_THAT(nobody.err, HasSubstr("mcp login"));

  login("alice");
  const auto alice = remote({"status"});
  EXPECT_NE(alice.exit_code, 6) << alice.err;
  EXPECT_THAT(alice.out, HasSubstr("rift"));
  EXPECT_EQ(remote({"sync"}).exit_code, 0);

  login("gus");
  const auto guest = remote({"status"});
  EXPECT_EQ(guest.exit_code, 6) << guest.out << guest.err;
  EXPECT_THAT(guest.err, HasSubstr("gus is a guest"));

  EXPECT_NE(remote({"status"}, mcias_.token_of("robot")).exit_code, 6);
  const auto forged = remote({"status"}, mcias_.token_of("robot") + "x");
  EXPECT_EQ(forged.exit_code, 6);

  mcias_.stop();
  const auto unasked = remote({"status"}, mcias_.token_of("late"));
  EXPECT_EQ(unasked.exit_code, 7) << unasked.out << unasked.err;
  EXPECT_THAT(unasked.err, HasSubstr("cannot check the token"));

  const auto events = mcp({"events", "-n", "50"}, by_socket());
  EXPECT_THAT(events.out, HasSubstr("Denied"));
  EXPECT_THAT(events.out, HasSubstr("gus is a guest"));
  EXPECT_THAT(events.out, HasSubstr("alice"));
}

TEST_F(RemoteAgent, EachNodeIsKnownByACaOfItsOwn) {
  const TempDir other;
  make_certificate(other.path());
  const uint16_t port = free_port();
  const AgentProgram second(other.path(), mcias_table(), port);
  login("alice");
  const auto node = [](const std::string& name, uint16_t at, const std::string& ca) {
    return "[[nodes]]\nname = \"" + name +
           "\"\naddress = \"https://127.0.0.1:" + std::to_string(at) + "\"\nca_file = \"" + ca +
           "\"\n";
  };
  const std::string ours = dir_ / "tls.pem", theirs = other / "tls.pem";
  configure(node("one", port_, ours) + node("two", port, theirs));
  for (const char* name : {"one", "two"}) {
    const auto right = mcp({"--node", name, "status"}, "");
    EXPECT_THAT(right.out, HasSubstr("rift")) << right.err;
  }
  configure(node("one", port_, theirs) + node("two", port, ours));
  for (const char* name : {"one", "two"}) {
    const auto wrong = mcp({"--node", name, "status"}, "");
    EXPECT_EQ(wrong.exit_code, 7) << wrong.out << wrong.err;
    EXPECT_THAT(wrong.err, HasSubstr("certificate"));
  }
}

TEST_F(RemoteAgent, ACertificateIsReplacedWithoutARestart) {
  const auto answers = [&](const std::string& ca) {
    base::HttpClient client(base::HttpAddress::https("127.0.0.1", port_, dir_ / ca));
    return client.request({.target = "/healthz"}).has_value();
  };
  fs::copy_file(dir_ / "tls.pem", dir_ / "before.pem");
  EXPECT_TRUE(answers("before.pem"));
  make_certificate(dir_.path());
  fs::copy_file(dir_ / "tls.pem", dir_ / "after.pem");
  EXPECT_TRUE(answers("after.pem"));
  EXPECT_FALSE(answers("before.pem"));
  EXPECT_EQ(remote({"sync"}, mcias_.token_of("robot")).exit_code, 0);

  std::ofstream(dir_ / "tls.pem") << "half of one";
  EXPECT_TRUE(answers("after.pem"));
  std::stringstream log;
  log << std::ifstream(dir_ / "agent.log").rdbuf();
  EXPECT_THAT(log.str(), HasSubstr("; the one before stays in use"));
}

// mcp compares it with its own.
TEST_F(RemoteAgent, EveryAnswerSaysItsVersion) {
  const auto version = base::run_command({{MCP_BINARY_DIR "/bin/mcp-agent", "--version"}}, "",
                                         std::chrono::seconds(30));
  ASSERT_TRUE(version) << version.error().text();
  for (const base::HttpAddress& address :
       {base::HttpAddress::unix_socket(dir_ / "agent.sock"),
        base::HttpAddress::https("127.0.0.1", port_, dir_ / "tls.pem")}) {
    base::HttpClient client(address);
    const auto answer = client.request({.target = "/v1/nothing"});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ("mcp-agent " + answer->headers.at("mcp-agent-version") + "\n", version->out);
  }
}

TEST_F(RemoteAgent, ATokenThatIsTooLongIsToldSo) {
  const auto refused = remote({"status"}, std::string(9000, 't'));
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("the header of the request is too large"));
  EXPECT_NE(remote({"status"}, mcias_.token_of("robot")).exit_code, 6);
}

// As many as are served at once say nothing: one more is refused, the socket answers, and once they
// have gone the next is served.
TEST_F(RemoteAgent, ACrowdIsRefusedAndForgotten) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<pollfd> silent;
  for (int i = 0; i < 33; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    silent.push_back({fd, POLLIN, 0});
  }
  ASSERT_GT(::poll(silent.data(), silent.size(), 60'000), 0) << "32 are served at once";
  const auto refused = remote({"status"}, mcias_.token_of("robot"));
  EXPECT_EQ(refused.exit_code, 7) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("no TLS connection to " + agent_->address()));
  EXPECT_THAT(mcp({"status"}, by_socket()).out, HasSubstr("rift"));
  for (const pollfd& one : silent) ::close(one.fd);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  base::Finished served;
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << served.err;
    served = remote({"sync"}, mcias_.token_of("robot"));
  } while (served.exit_code == 7);
  EXPECT_EQ(served.exit_code, 0) << served.err;
}

// Strangers who send bad tokens, no TLS, or nothing at all: the node goes on with its work, its
// socket answers, and the registry does not fill up.
TEST_F(RemoteAgent, AFloodOfBadRequestsLeavesTheNodeToItsWork) {
  std::atomic<bool> over = false;
  std::atomic<int> sent = 0;
  std::vector<std::jthread> strangers;
  for (int i = 0; i < 3; ++i) {
    strangers.emplace_back([&] {
      base::HttpClient client(base::HttpAddress::https("127.0.0.1", port_, dir_ / "tls.pem"));
      while (!over)
        if (client.request({.method = "POST",
                            .target = "/v1/sync",
                            .body = std::string(10'000, 'x'),
                            .headers = {{"authorization", "Bearer not.a.token"}}}))
          ++sent;
    });
    strangers.emplace_back([&] {
      base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", port_));
      while (!over) {
        (void)client.request({.target = "/v1/status"});
        ++sent;
      }
    });
  }
  for (int i = 0; i < 3; ++i) {
    git({"commit", "-q", "--allow-empty", "-m", "change " + std::to_string(i)});
    const std::string head = git({"rev-parse", "HEAD"});
    EXPECT_EQ(mcp({"sync"}, by_socket()).exit_code, 0);
    wait_for_status("\"revision\": \"" + head);
  }
  while (sent < 200) std::this_thread::yield();
  over = true;
  strangers.clear();
  const auto events = mcp({"events", "-n", "1000"}, by_socket()).out;
  size_t denied = 0;
  for (size_t at = 0; (at = events.find("Denied", at)) != std::string::npos; ++at) ++denied;
  EXPECT_GT(denied, 0u);
  EXPECT_LE(denied, 60u);  // 20 a minute
}

// Each way in: handshakes, heads and bodies that come byte by byte, and answers that nobody reads.
TEST_F(RemoteAgent, SlowClientsAreCutOffAndStopNobody) {
  fs::create_directories(dir_ / "desired/services");
  std::ofstream(dir_ / "desired/services/web.toml")
      << "name = \"web\"\n[[components]]\nname = \"api\"\nimage = \"localhost/demo:v1\"\n";
  git({"add", "-A"});
  git({"commit", "-q", "-m", "web"});
  constexpr size_t kLarge = 16 << 20;
  fs::create_directories(dir_ / "data/web");
  std::ofstream(dir_ / "data/web/large") << std::string(kLarge, 'x');
  const std::string token = mcias_.token_of("robot");
  ASSERT_EQ(remote({"sync"}, token).exit_code, 0);
  wait_for_status("\"web\"");
  const int before = sockets_of_the_agent();

  std::vector<RawClient> lazy;
  std::vector<std::jthread> slow;
  const auto trickle = [&](RawClient client, const std::string& begun) {
    slow.emplace_back([client = std::make_shared<RawClient>(std::move(client)), begun] {
      client->send(begun);
      EXPECT_THAT(client->trickle(), testing::Not(HasSubstr(" 200 OK"))) << begun;
    });
  };
  const std::string rest = "Authorization: Bearer " + token + "\r\nContent-Length: 900000\r\n";
  for (const bool tls : {true, false}) {
    const auto connect = [&] {
      return tls ? RawClient::tls(port_) : RawClient::unix_socket(agent_->socket());
    };
    trickle(connect(), "");
    trickle(connect(), "GET /v1/status HTTP/1.1\r\n" + rest + "X-A: ");
    trickle(connect(), "POST /v1/plan HTTP/1.1\r\n" + rest + "\r\n");
    trickle(connect(), "PUT /v1/files/web/new HTTP/1.1\r\n" + rest + "\r\n");
    for (int i = 0; i < 3; ++i) {
      lazy.push_back(connect());
      lazy.back().send("GET /v1/files/web/large HTTP/1.1\r\n" + rest + "\r\n");
      EXPECT_EQ(lazy.back().receive(12), "HTTP/1.1 200");
    }
  }
  trickle(RawClient::tcp(port_), {"\x16\x03\x01\x40\x00", 5});  // RFC 8446, section 5.1
  EXPECT_EQ(remote({"pull", "web", "large", dir_ / "one"}, token).exit_code, 0);
  EXPECT_EQ(mcp({"pull", "web", "large", dir_ / "two"}, by_socket()).exit_code, 0);

  slow.clear();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (sockets_of_the_agent() > before) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "connections stay";
    ::poll(nullptr, 0, 20);
  }
  for (RawClient& one : lazy) EXPECT_LT(one.receive_all().size(), kLarge);
  EXPECT_FALSE(fs::exists(dir_ / "data/web/new"));
}

TEST_F(RemoteAgent, WhoFollowsBeyondTheLimitIsToldSo) {
  const std::string token = mcias_.token_of("robot");
  std::vector<RawClient> followers;
  for (int i = 0; i < 12; ++i) {
    followers.push_back(RawClient::tls(port_));
    followers.back().send("GET /v1/events?follow=true HTTP/1.1\r\nAuthorization: Bearer " + token +
                          "\r\n\r\n");
    EXPECT_EQ(followers.back().receive(12), "HTTP/1.1 200");
  }
  const auto refused = remote({"events", "-f"}, token);
  EXPECT_EQ(refused.exit_code, 7) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("too many streams are open (12)"));
  EXPECT_EQ(remote({"sync"}, token).exit_code, 0);
  followers.pop_back();
  const auto next = [&] {
    RawClient one = RawClient::tls(port_);
    one.send("GET /v1/events?follow=true HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n\r\n");
    return one.receive(12);
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (next() != "HTTP/1.1 200") ASSERT_LT(std::chrono::steady_clock::now(), end);
}

// Whoever may push could collect tokens otherwise.
TEST_F(RemoteAgent, AnAddressThatTheRepositoryAloneNamesSeesNoToken) {
  system_ca_ = dir_ / "tls.pem";
  const std::string address = agent_->address();
  fs::create_directories(dir_ / "desired/nodes");
  std::ofstream(dir_ / "desired/nodes/rift.toml")
      << "name = \"rift\"\naddress = \"127.0.0.1\"\nagent = \"" << address << "\"\n";
  const auto status = [&](const std::string& config) {
    std::ofstream(dir_ / "config/mcp/mcp.toml") << config;
    return mcp({"status"}, "", mcias_.token_of("robot"), "", dir_ / "desired");
  };
  const auto shown_none = status("");
  EXPECT_EQ(shown_none.exit_code, 6) << shown_none.out << shown_none.err;
  EXPECT_THAT(shown_none.err, HasSubstr("no token is shown to rift at " + address));
  for (const std::string& trusted :
       {"[auth]\nca_file = \"" + (dir_ / "tls.pem") + "\"\n",
        "[[nodes]]\nname = \"rift\"\naddress = \"" + address + "\"\n"}) {
    const auto shown = status(trusted);
    EXPECT_THAT(shown.out, HasSubstr("rift")) << shown.err;
    EXPECT_THAT(shown.err, testing::Not(HasSubstr("no token is shown")));
  }
}

}  // namespace
}  // namespace test
