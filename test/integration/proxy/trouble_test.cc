// What goes wrong around mc-proxy, and what it does then.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using Json = nlohmann::json;

// As under systemd, whose unit gives it that and no more.
TEST(ProxyTrouble, AnOrdinaryUserNeedsTheRightToLowPortsAlone) {
  Proxy proxy({.port = free_low_port(), .nobody = true});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  for (const int pid : proxy.haproxy_pids()) {
    EXPECT_EQ(run({"ps", "-o", "user=", "-p", std::to_string(pid)}).out, "nobody\n");
    ::kill(pid, SIGKILL);
  }
  proxy.wait("HAProxy serves again",
             [&] { return proxy.curl("a.test").out.find("name: one") != std::string::npos; });

  // Files of root's are not read for it.
  const std::string certs = proxy.dir() / "certs/";
  make_certificate(certs + "web", "web.test");
  std::filesystem::permissions(certs + "web.key", std::filesystem::perms::owner_read);
  const Json body{
      {"owner", "test"}, {"mode", "l7"}, {"backend", one.address()}, {"tlsCert", "web.pem"}};
  const auto refused = proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/web.test", body);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body,
              AllOf(HasSubstr("web.key"), HasSubstr("let the user that mc-proxy runs as read it")));
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
}

TEST(ProxyTrouble, BothKindsOfProxyHeaderComeIn) {
  Proxy proxy({.proxy_protocol = true});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const auto ask = [&](const std::string& header) {
    return run({"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/proxied.py",
                std::to_string(proxy.port()), "a.test", proxy.ca(), header});
  };
  EXPECT_THAT(ask("v1").out, HasSubstr("x-forwarded-for: 192.0.2.7\n"));
  EXPECT_THAT(ask("v2").out, HasSubstr("x-forwarded-for: 192.0.2.7\n"));
  EXPECT_NE(ask("none").code, 0);
}

TEST(ProxyTrouble, ATakenPortCostsItsListenerAlone) {
  const Backend squatter("squatter");
  Proxy proxy({.more = "[[listeners]]\naddress = \"" + squatter.address() + "\"\n"});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  const Json listener = proxy.status()["listeners"][0];
  EXPECT_EQ(listener["open"], false);
  EXPECT_THAT(std::string(listener["problem"]), HasSubstr("in use"));
  const Output shown = run({std::string(MCP_BINARY_DIR) + "/bin/mcproxyctl", "--socket",
                            proxy.dir() / "api.sock", "status"});
  EXPECT_EQ(shown.code, 1);
  EXPECT_THAT(shown.out, HasSubstr("in use"));
}

TEST(ProxyTrouble, AListenerLeavesTheConfiguration) {
  const int port = free_port();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  Proxy proxy({.more = "[[listeners]]\naddress = \"" + address + "\"\n"});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const std::string target = "/v1/routes/" + address + "/gone.test";
  const Json body{{"owner", "test"}, {"mode", "l7"}, {"backend", one.address()}};
  ASSERT_EQ(proxy.call("PUT", target, body).status, 204);

  proxy.kill_daemon(SIGTERM);
  proxy.configure({});
  proxy.start();
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  const Json route = proxy.route("gone.test");
  EXPECT_EQ(route["served"], false);
  EXPECT_THAT(std::string(route["problem"]), HasSubstr("there is no listener '" + address + "'"));
  EXPECT_EQ(proxy.call("PUT", target, body).status, 400);
  EXPECT_EQ(proxy.call("DELETE", target + "?owner=test").status, 204);
  EXPECT_TRUE(proxy.route("gone.test").is_null());
}

TEST(ProxyTrouble, AFullDiskRefusesAChangeAndCostsNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "a small disk takes root: mount(8)";
  Proxy proxy({.disk = "4m"});
  const Backend one("one");
  const Backend two("two");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const std::string filler = proxy.dir() / "state/filler";
  run({"dd", "if=/dev/zero", "of=" + filler, "bs=4k"});
  const Json body{{"owner", "test"}, {"mode", "l7"}, {"backend", two.address()}};
  const auto put = [&](const std::string& host) {
    return proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/" + host, body);
  };
  // What the database has room for in its own files is taken.
  base::HttpResponse refused{.status = 204};
  for (int i = 0; refused.status == 204 && i < 500; ++i)
    refused = put("n" + std::to_string(i) + ".test");
  EXPECT_EQ(refused.status, 507);
  EXPECT_EQ(refused.headers.at("content-type"), "application/problem+json");
  const Json problem = Json::parse(refused.body);
  ASSERT_TRUE(problem.contains("hint")) << refused.body;
  EXPECT_THAT(
      std::string(problem["detail"]),
      AllOf(HasSubstr(proxy.dir() / "state/"),
            AnyOf(HasSubstr("disk is full"), HasSubstr("No space left"), HasSubstr("disk I/O"))));
  EXPECT_THAT(std::string(problem["hint"]), HasSubstr("space"));
  EXPECT_EQ(put("new.test").status, 507);
  EXPECT_TRUE(proxy.route("new.test").is_null());
  EXPECT_NE(proxy.curl("new.test").code, 0);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));

  std::filesystem::remove(filler);
  EXPECT_EQ(put("new.test").status, 204);
  EXPECT_THAT(proxy.curl("new.test").out, HasSubstr("name: two"));
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  EXPECT_EQ(proxy.status()["haproxy"]["problem"], "");
}

TEST(ProxyTrouble, ATakenAddressOfMetricsCostsMetricsAlone) {
  const Backend squatter("squatter");
  Proxy proxy({.more = "[metrics]\nlisten = \"" + squatter.address() + "\"\n"});
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
}

TEST(ProxyTrouble, ManyRoutesAreAdoptedAsTheyAre) {
  Proxy proxy;
  const Backend one("one");
  const Backend two("two");
  Json upserts = Json::array();
  for (int i = 0; i < 300; ++i)
    upserts.push_back({{"listener", proxy.listener()},
                       {"hostname", "n" + std::to_string(i) + ".test"},
                       {"mode", "l7"},
                       {"backend", one.address()}});
  ASSERT_EQ(
      proxy.call("POST", "/v1/routes:apply", {{"owner", "test"}, {"upserts", upserts}}).status,
      204);
  proxy.kill_daemon(SIGKILL);
  proxy.start();
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 0);
  ASSERT_EQ(proxy.l7("n7.test", two), 204);
  EXPECT_THAT(proxy.curl("n7.test").out, HasSubstr("name: two"));
  EXPECT_THAT(proxy.curl("n8.test").out, HasSubstr("name: one"));
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 0);

  // A reload writes what is missing of HAProxy's files. What was changed just now is being written.
  proxy.wait("the certificates are gone", [&] {
    std::error_code busy;
    std::filesystem::remove_all(proxy.dir() / "state/haproxy/certs", busy);
    return !busy;
  });
  ASSERT_EQ(proxy.l4("raw.test", two), 204);
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 1);
  for (const std::string host : {"n0.test", "n7.test", "n299.test"})
    EXPECT_EQ(proxy.curl(host).code, 0) << host;
}

}  // namespace
}  // namespace test
