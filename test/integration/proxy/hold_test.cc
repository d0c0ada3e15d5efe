// A route that is held: what comes for it waits in HAProxy.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

Json held(Json route, int seconds) {
  route["hold"] = seconds;
  return route;
}

Json l7_to(const Backend& backend) {
  return {{"mode", "l7"}, {"backend", backend.address()}};
}

int number(Proxy& proxy, const std::string& host, const char* field) {
  return proxy.route(host)[field].get<int>();
}

// waiters.py, on a thread of its own.
class Waiters {
 public:
  Waiters(Proxy& proxy, const std::string& host, int count, const std::string& ca,
          const std::vector<std::string>& flags = {}) {
    std::vector<std::string> argv{
        "python3",
        std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/waiters.py",
        std::to_string(proxy.port()),
        host,
        ca,
        std::to_string(count),
        dir_ / ""};
    argv.insert(argv.end(), flags.begin(), flags.end());
    client_ = std::thread([this, argv] { done_ = run(argv); });
    proxy.wait("the clients are ready", [&] { return std::filesystem::exists(dir_ / "ready"); });
  }
  void go() { std::ofstream(dir_ / "go").close(); }
  std::string result() {
    client_.join();
    return done_.out + done_.err;
  }

 private:
  TempDir dir_;
  std::thread client_;
  Output done_;
};

TEST(ProxyHold, RequestsOverHttp1WaitForTheNewBackend) {
  Proxy proxy;
  std::optional<Backend> old(std::in_place, "old");
  ASSERT_EQ(proxy.l7("a.test", *old), 204);
  Waiters clients(proxy, "a.test", 200, proxy.ca());
  ASSERT_EQ(proxy.put("a.test", held(l7_to(*old), 60)), 204);
  old.reset();
  clients.go();
  proxy.wait("all wait", [&] { return number(proxy, "a.test", "waiting") == 200; });
  EXPECT_THAT(proxy.call("GET", "/metrics").body,
              AllOf(HasSubstr("mcproxy_route_waiting{listener=\"" + proxy.listener() +
                              "\",hostname=\"a.test\",owner=\"test\"} 200\n"),
                    HasSubstr("mcproxy_route_held_total{listener=\"" + proxy.listener() +
                              "\",hostname=\"a.test\",owner=\"test\"} 200\n")));
  const Backend fresh("fresh");
  ASSERT_EQ(proxy.l7("a.test", fresh), 204);
  EXPECT_EQ(clients.result(), "200=200 others= names=name: fresh\n");
  EXPECT_EQ(number(proxy, "a.test", "waiting"), 0);
  EXPECT_EQ(number(proxy, "a.test", "held"), 200);
  EXPECT_EQ(number(proxy, "a.test", "hold"), 0);
  EXPECT_EQ(number(proxy, "a.test", "responses5xx"), 0);
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 1) << "started once, never reloaded";
  EXPECT_EQ(proxy.status()["haproxy"]["canHold"], true);
}

TEST(ProxyHold, StreamsOfOpenHttp2ConnectionsWait) {
  Proxy proxy;
  std::optional<Backend> old(std::in_place, "old");
  const Json to_old{{"mode", "l7"}, {"backend", old->address()}};
  ASSERT_EQ(proxy.put("localhost", to_old), 204);
  Output load;
  std::thread client([&] {
    load = run({"h2load", "-D", "6", "-c", "10", "-m", "20",
                "https://localhost:" + std::to_string(proxy.port()) + "/"});
  });
  proxy.wait("the load is on", [&] { return number(proxy, "localhost", "requests") > 200; });
  ASSERT_EQ(proxy.put("localhost", held(to_old, 60)), 204);
  proxy.wait("all streams wait", [&] {
    return number(proxy, "localhost", "waiting") == 200 &&
           number(proxy, "localhost", "openConnections") == 0;
  });
  old.reset();
  const Backend fresh("fresh");
  ASSERT_EQ(proxy.l7("localhost", fresh), 204);
  client.join();
  EXPECT_THAT(load.out, AllOf(HasSubstr(" 0 failed, 0 errored, 0 timeout"),
                              HasSubstr(" 0 3xx, 0 4xx, 0 5xx")));
  EXPECT_GE(number(proxy, "localhost", "held"), 200);
  EXPECT_THAT(proxy.curl("localhost").out, HasSubstr("name: fresh"));
}

TEST(ProxyHold, ConnectionsThatPassThroughWait) {
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "raw.test");
  const std::vector<std::string> tls{"--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"};
  std::optional<Backend> old(std::in_place, "old", tls);
  const Json to_old{{"mode", "l4"}, {"backend", old->address()}};
  ASSERT_EQ(proxy.put("raw.test", to_old), 204);
  Waiters clients(proxy, "raw.test", 200, proxy.dir() / "own.pem", {"--new"});
  ASSERT_EQ(proxy.put("raw.test", held(to_old, 60)), 204);
  old.reset();
  clients.go();
  proxy.wait("all wait", [&] { return number(proxy, "raw.test", "waiting") == 200; });
  // Longer than the frontend would wait for a first message.
  proxy.wait("some time has passed", [n = 0]() mutable { return ++n > 300; });
  EXPECT_EQ(number(proxy, "raw.test", "waiting"), 200);
  const Backend fresh("fresh", tls);
  ASSERT_EQ(proxy.l4("raw.test", fresh), 204);
  EXPECT_EQ(clients.result(), "200=200 others= names=name: fresh\n");
  EXPECT_EQ(number(proxy, "raw.test", "requests"), 200) << "counted where they went";

  // With a PROXY header, which the server of another line writes.
  std::vector<std::string> proxied_flags = tls;
  proxied_flags.emplace_back("--proxy");
  const Backend proxied("proxied", proxied_flags);
  const Json to_proxied{
      {"mode", "l4"}, {"backend", proxied.address()}, {"sendProxyProtocol", true}};
  ASSERT_EQ(proxy.put("raw.test", held(to_proxied, 60)), 204);
  Waiters more(proxy, "raw.test", 3, proxy.dir() / "own.pem", {"--new"});
  more.go();
  proxy.wait("they wait", [&] { return number(proxy, "raw.test", "waiting") == 3; });
  ASSERT_EQ(proxy.put("raw.test", to_proxied), 204);
  EXPECT_EQ(more.result(), "200=3 others= names=name: proxied\n");
}

// The agent that has set the hold never comes back.
TEST(ProxyHold, EndsByItself) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.put("a.test", held(l7_to(one), 1)), 204);
  ASSERT_EQ(proxy.put("raw.test", held({{"mode", "l4"}, {"backend", one.address()}}, 1)), 204);
  const std::vector<std::string> code{"-o", "/dev/null", "-w", "%{http_code}"};
  EXPECT_EQ(proxy.curl("a.test", code).out, "503");
  EXPECT_EQ(proxy.curl("a.test", code).out, "503") << "and again: it is held still";
  EXPECT_NE(proxy.curl("raw.test").code, 0);
  const Json route = proxy.route("a.test");
  EXPECT_EQ(route["hold"], 1);
  EXPECT_EQ(route["held"], 2);
  EXPECT_EQ(route["waiting"], 0);
  EXPECT_EQ(route["requests"], 2);
  EXPECT_EQ(route["responses5xx"], 2);
  EXPECT_EQ(number(proxy, "raw.test", "held"), 1);
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_EQ(proxy.curl("a.test", code).out, "200");
}

TEST(ProxyHold, OutlivesMcProxy) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.put("a.test", held(l7_to(one), 60)), 204);
  Waiters clients(proxy, "a.test", 20, proxy.ca(), {"--new"});
  clients.go();
  proxy.wait("all wait", [&] { return number(proxy, "a.test", "waiting") == 20; });
  proxy.kill_daemon(SIGKILL);
  proxy.start();
  EXPECT_EQ(number(proxy, "a.test", "hold"), 60);
  EXPECT_EQ(number(proxy, "a.test", "waiting"), 20);
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_EQ(clients.result(), "200=20 others= names=name: one\n");
}

TEST(ProxyHold, OutlivesAReload) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.put("a.test", held(l7_to(one), 60)), 204);
  Waiters clients(proxy, "a.test", 20, proxy.ca(), {"--new"});
  clients.go();
  proxy.wait("all wait", [&] { return number(proxy, "a.test", "waiting") == 20; });
  ASSERT_EQ(proxy.l4("raw.test", one), 204);
  ASSERT_EQ(proxy.status()["haproxy"]["reloads"], 2) << "the first l4 route of a listener";
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_EQ(clients.result(), "200=20 others= names=name: one\n");
}

TEST(ProxyHold, ARouteThatIsRemovedIsWaitedForNoMore) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.put("a.test", held(l7_to(one), 60)), 204);
  Waiters clients(proxy, "a.test", 2, proxy.ca(), {"--new"});
  clients.go();
  proxy.wait("both wait", [&] { return number(proxy, "a.test", "waiting") == 2; });
  const std::string target = "/v1/routes/" + proxy.listener() + "/a.test?owner=test";
  EXPECT_EQ(proxy.call("DELETE", target).status, 204);
  EXPECT_THAT(clients.result(), HasSubstr("200=0 others=503 "));
}

TEST(ProxyHold, AThousandWaitAndNoMore) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.put("localhost", held(l7_to(one), 60)), 204);
  Output load;
  std::thread client([&] {
    load = run({"h2load", "-n", "1100", "-c", "11", "-m", "100",
                "https://localhost:" + std::to_string(proxy.port()) + "/"});
  });
  proxy.wait("the rest is refused",
             [&] { return number(proxy, "localhost", "responses5xx") == 100; });
  EXPECT_EQ(number(proxy, "localhost", "waiting"), 1000);
  ASSERT_EQ(proxy.l7("localhost", one), 204);
  client.join();
  EXPECT_THAT(load.out, HasSubstr("1000 2xx, 0 3xx, 0 4xx, 100 5xx"));
}

TEST(ProxyHold, WithoutLuaEverythingElseIsServed) {
  const TempDir dir;
  std::ofstream(dir / "haproxy") << "#!/bin/sh\n[ \"$1\" = -vv ] || exec haproxy \"$@\"\n"
                                    "haproxy -vv | sed 's/+LUA/-LUA/'\n";
  std::filesystem::permissions(dir / "haproxy", std::filesystem::perms::owner_all);
  Proxy proxy({.more = "[haproxy]\nbinary = \"" + dir / "haproxy" + "\"\n"});
  const Backend one("one");
  ASSERT_EQ(proxy.put("a.test", held(l7_to(one), 60)), 204);
  ASSERT_EQ(proxy.put("raw.test", held({{"mode", "l4"}, {"backend", one.address()}}, 60)), 204);
  ASSERT_EQ(proxy.l7("b.test", one), 204);
  const std::vector<std::string> code{"-o", "/dev/null", "-w", "%{http_code}"};
  EXPECT_EQ(proxy.curl("a.test", code).out, "503");
  EXPECT_NE(proxy.curl("raw.test").code, 0);
  EXPECT_EQ(proxy.curl("b.test", code).out, "200");
  EXPECT_EQ(proxy.status()["haproxy"]["canHold"], false);
  EXPECT_THAT(std::string(proxy.route("a.test")["problem"]), HasSubstr("without Lua"));
  EXPECT_EQ(proxy.route("b.test")["problem"], "");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_EQ(proxy.curl("a.test", code).out, "200");
}

}  // namespace
}  // namespace test
