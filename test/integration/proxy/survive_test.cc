// What has to be there again without anybody's help: HAProxy after its end, names after a
// resolver's.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string text_of(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// A worker goes by itself when its master has, in its own time; until then it holds the port.
TEST(ProxySurvives, HaproxyStartsOnceWithAllListeners) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const std::vector<int> pids = proxy.haproxy_pids();
  ASSERT_EQ(pids.size(), 2U) << "master and worker, in this order";
  for (const bool restarted : {false, true}) {
    if (restarted) {
      proxy.kill_daemon(SIGKILL);
      proxy.start();
    }
    const std::vector<int> before = proxy.haproxy_pids();
    ::kill(before.back(), SIGSTOP);
    ::kill(before.front(), SIGKILL);
    proxy.wait("HAProxy serves again", [&] { return proxy.curl("a.test").code == 0; });
    EXPECT_EQ(proxy.status()["haproxy"]["reloads"], restarted ? 1 : 2);
    EXPECT_THAT(text_of(proxy.dir() / "log"), Not(HasSubstr("cannot listen")));
  }
}

TEST(ProxySurvives, HaproxyStartsAgainWhileTheDiskIsFull) {
  if (::geteuid() != 0) GTEST_SKIP() << "a small disk takes root: mount(8)";
  Proxy proxy({.disk = "4m"});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  ASSERT_EQ(proxy.l7("b.test", one), 204);
  const auto all_files = [&] {
    std::string text;
    for (const auto& file : std::filesystem::directory_iterator(proxy.dir() / "state/haproxy"))
      if (file.path().extension() == ".map" || file.path().extension() == ".crt")
        text += text_of(file.path().string());
    return text;
  };
  proxy.wait("the routes are in HAProxy's files", [&] {
    const std::string text = all_files();
    return text.find("b.test h1/") != std::string::npos &&
           text.find(".pem b.test\n") != std::string::npos;
  });
  run({"dd", "if=/dev/zero", "of=" + proxy.dir() / "state/filler", "bs=4k"});
  run({"dd", "if=/dev/zero", "of=" + proxy.dir() / "state/more", "bs=1"});
  for (int i = 0; i < 2; ++i) {
    for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
    for (const std::string host : {"a.test", "b.test"})
      proxy.wait("HAProxy serves again", [&] { return proxy.curl(host).code == 0; });
  }
  EXPECT_EQ(proxy.put("new.test", {{"mode", "l7"}, {"backend", one.address()}}), 507);
}

TEST(ProxySurvives, ADamagedDatabaseIsSetAside) {
  Proxy proxy;
  const Backend one("one");
  const std::string file = proxy.dir() / "state/mc-proxy.db";
  const auto aside = [&] {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(proxy.dir() / "state")) {
      const std::string path = entry.path();
      const bool journal = path.ends_with("-wal") || path.ends_with("-shm");
      if (path.starts_with(file + ".corrupt-") && !journal) found.push_back(path);
    }
    return found;
  };
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  proxy.kill_daemon(SIGTERM);
  const std::string damaged(8192, 'x');
  std::ofstream(file, std::ios::trunc) << damaged;
  proxy.start();
  ASSERT_EQ(aside().size(), 1U);
  EXPECT_EQ(text_of(aside().front()), damaged);
  EXPECT_THAT(text_of(proxy.dir() / "log"), HasSubstr("set aside as " + aside().front()));
  EXPECT_EQ(proxy.route("a.test"), nullptr);
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  proxy.kill_daemon(SIGTERM);
  proxy.start();
  EXPECT_EQ(aside().size(), 1U);
  EXPECT_EQ(proxy.route("a.test")["served"], true);
}

// Nothing is wrong with the file then, and an empty table in its place would be a loss.
TEST(ProxySurvives, AFullDiskIsNoDamagedDatabase) {
  if (::geteuid() != 0) GTEST_SKIP() << "a small disk takes root: mount(8)";
  Proxy proxy({.disk = "4m"});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  proxy.kill_daemon(SIGKILL);  // what is committed is in the journal beside the file
  run({"dd", "if=/dev/zero", "of=" + proxy.dir() / "state/filler", "bs=4k"});
  run({"dd", "if=/dev/zero", "of=" + proxy.dir() / "state/more", "bs=1"});
  const std::string file = proxy.dir() / "state/mc-proxy.db";
  std::filesystem::remove(file + "-shm");  // its room is needed to open the database
  run({"dd", "if=/dev/zero", "of=" + proxy.dir() / "state/yet-more", "bs=4k"});
  const Output done = run(
      {std::string(MCP_BINARY_DIR) + "/bin/mc-proxy", "--config", proxy.dir() / "mc-proxy.toml"});
  EXPECT_EQ(done.code, 1) << done.out << done.err;
  EXPECT_THAT(done.err, Not(HasSubstr("damaged")));
  for (const auto& entry : std::filesystem::directory_iterator(proxy.dir() / "state"))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("corrupt")));
  std::filesystem::remove(proxy.dir() / "state/filler");
  proxy.start();
  EXPECT_EQ(proxy.route("a.test")["served"], true);
}

TEST(ProxySurvives, TheSocketFileThatIsRemovedIsMadeAgain) {
  Proxy proxy;
  std::filesystem::remove(proxy.dir() / "api.sock");
  EXPECT_EQ(proxy.call("GET", "/v1/status").status, 0);
  proxy.wait("the API answers again",
             [&] { return proxy.call("GET", "/v1/status").status == 200; });
  EXPECT_THAT(text_of(proxy.dir() / "log"), HasSubstr("the socket file was removed"));
}

// A name server that takes questions and answers none.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    ::inet_pton(AF_INET, address_.c_str(), &address.sin_addr);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~SilentServer() { ::close(fd_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  std::string resolver() const {
    return "nameserver " + address_ + "\noptions timeout:30 attempts:5\n";
  }

 private:
  // One of its own: the port is always the same.
  const std::string address_ = "127.53." + std::to_string(::getpid() / 250 % 250) + "." +
                               std::to_string(::getpid() % 250 + 1);
  int fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

constexpr char kNobody[] = "nameserver 127.0.0.8\n";  // fails at once

TEST(ProxySurvives, AResolverThatDoesNotAnswerHoldsNothingUp) {
  if (::geteuid() != 0) GTEST_SKIP() << "a resolver of its own takes root: mount(8)";
  const SilentServer silent;
  Proxy proxy({.resolver = silent.resolver()});
  const Backend one("one");
  const std::string port = std::to_string(one.port());
  proxy.name_hosts("127.0.0.1 web.internal\n");
  ASSERT_EQ(proxy.put("named.test", {{"mode", "l7"}, {"backend", "web.internal:" + port}}), 204);
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const auto both_are_served = [&] {
    for (const std::string host : {"a.test", "named.test"})
      proxy.wait(host + " is served", [&] { return proxy.curl(host).code == 0; });
  };
  proxy.kill_daemon(SIGKILL);
  for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
  proxy.name_hosts("");
  proxy.start();
  both_are_served();
  EXPECT_EQ(proxy.route("named.test")["problem"], "");
  // While it is still asked.
  for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
  both_are_served();
  proxy.kill_daemon(SIGTERM);
  proxy.start();
  both_are_served();
}

TEST(ProxySurvives, ANameThatIsFoundLateCostsNoCertificate) {
  if (::geteuid() != 0) GTEST_SKIP() << "a resolver of its own takes root: mount(8)";
  Proxy proxy({.dev_ca = false, .resolver = kNobody});
  const Backend one("one");
  const std::string web = proxy.dir() / "certs/web";
  const std::string backend = "web.internal:" + std::to_string(one.port());
  make_certificate(web, "web.test");
  proxy.name_hosts("127.0.0.1 web.internal\n");
  ASSERT_EQ(proxy.put("web.test", {{"mode", "l7"}, {"backend", backend}, {"tlsCert", "web.pem"}}),
            204);
  const auto problem = [&] { return std::string(proxy.route("web.test")["problem"]); };
  const auto start_without_an_address = [&] {
    proxy.kill_daemon(SIGKILL);
    for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
    proxy.name_hosts("");
    // As a version that did not keep addresses has left it.
    const Output done = run({"python3", "-c",
                             "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: "
                             "db.execute(\"UPDATE route SET address = ''\")",
                             proxy.dir() / "state/mc-proxy.db"});
    EXPECT_EQ(done.code, 0) << done.err;
    proxy.start();
  };

  start_without_an_address();
  EXPECT_EQ(proxy.route("web.test")["served"], false);
  proxy.wait("the name is missed",
             [&] { return problem().find("web.internal") != std::string::npos; });
  make_certificate(web, "web.test");
  proxy.name_hosts("127.0.0.1 web.internal\n");
  proxy.wait("the new certificate is shown",
             [&] { return proxy.curl("web.test", {"--cacert", web + ".pem"}).code == 0; });
  EXPECT_EQ(problem(), "");

  // Another problem is none of the name's.
  std::ofstream(web + ".pem") << "nonsense\n";
  start_without_an_address();
  EXPECT_THAT(problem(), HasSubstr("web.pem"));
  proxy.name_hosts("127.0.0.1 web.internal\n");
  proxy.wait("the route is served", [&] { return bool(proxy.route("web.test")["served"]); });
  EXPECT_THAT(problem(), HasSubstr("web.pem"));
}

// The address of before serves on until there is another.
TEST(ProxySurvives, ANameThatMovesIsFollowed) {
  if (::geteuid() != 0) GTEST_SKIP() << "a resolver of its own takes root: mount(8)";
  Proxy proxy({.resolver = kNobody});
  const Backend one("one");
  proxy.name_hosts("127.0.0.1 web.internal\n");
  const std::string backend = "web.internal:" + std::to_string(one.port());
  ASSERT_EQ(proxy.put("web.test", {{"mode", "l7"}, {"backend", backend}}), 204);
  EXPECT_THAT(proxy.curl("web.test").out, HasSubstr("name: one"));
  proxy.kill_daemon(SIGTERM);
  const Backend two({"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/backend.py",
                     std::to_string(one.port()), "two", "--at", "127.0.0.2"},
                    one.port());
  proxy.name_hosts("127.0.0.2 web.internal\n");
  proxy.start();
  proxy.wait("the other address",
             [&] { return proxy.curl("web.test").out.find("name: two") != std::string::npos; });
}

}  // namespace
}  // namespace test
