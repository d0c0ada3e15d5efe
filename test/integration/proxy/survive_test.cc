// What has to be there again without anybody's help.
#include <gmock/gmock.h>
#include <signal.h>
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

}  // namespace
}  // namespace test
