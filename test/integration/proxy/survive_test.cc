// What has to be there again without anybody's help.
#include <gmock/gmock.h>
#include <signal.h>

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

}  // namespace
}  // namespace test
