// Routes as owners and people at the node set them.
#include <gmock/gmock.h>

#include <filesystem>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

TEST(ProxyAdmin, KeepsOwnersApartAndAppliesAllOrNothing) {
  Proxy proxy;
  Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const std::string target = "/v1/routes/" + std::to_string(proxy.port()) + "/a.test";
  EXPECT_EQ(proxy.put("a.test", {{"mode", "l7"}, {"backend", "127.0.0.1:1"}}, "other"), 409);
  EXPECT_EQ(proxy.call("DELETE", target + "?owner=other").status, 409);
  EXPECT_EQ(proxy.call("DELETE", target).status, 400) << "whose?";

  const auto upsert = [&](const std::string& host, const std::string& backend) {
    return Json{
        {"listener", proxy.listener()}, {"hostname", host}, {"mode", "l7"}, {"backend", backend}};
  };
  const auto apply = [&](Json upserts, Json removes) {
    return proxy.call("POST", "/v1/routes:apply",
                      {{"owner", "test"}, {"upserts", upserts}, {"removes", removes}});
  };
  const Json remove_a{{"listener", proxy.listener()}, {"hostname", "a.test"}};
  EXPECT_EQ(
      apply({upsert("b.test", one.address()), upsert("c.test", "nonsense")}, {remove_a}).status,
      400);
  EXPECT_TRUE(proxy.route("b.test").is_null());
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one"));
  EXPECT_NE(proxy.curl("b.test").code, 0);
  Json misspelt = upsert("b.test", one.address());
  misspelt["tlscert"] = "x";
  const auto answer = apply({misspelt}, Json::array());
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("did you mean 'tlsCert'?"));

  EXPECT_EQ(
      apply({upsert("b.test", one.address()), upsert("c.test", one.address())}, {remove_a}).status,
      204);
  EXPECT_THAT(proxy.curl("b.test").out, HasSubstr("name: one"));
  EXPECT_NE(proxy.curl("a.test").code, 0);
  EXPECT_EQ(proxy.call("DELETE", target + "?owner=test").status, 204) << "gone already is fine";
}

TEST(ProxyAdmin, TheToolSendsEveryFlag) {
  Proxy proxy;
  Backend one("one", {"--proxy"});
  const auto ctl = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {std::string(MCP_BINARY_DIR) + "/bin/mcproxyctl", "--socket",
                                 proxy.dir() / "api.sock"});
    return run(words);
  };
  make_certificate(proxy.dir() / "certs/web", "web.test");
  std::filesystem::rename(proxy.dir() / "certs/web.key", proxy.dir() / "certs/elsewhere.key");
  const Output added = ctl({"add", std::to_string(proxy.port()), "web.test", one.address(),
                            "--mode", "l7", "--owner", "me", "--tls-cert", "web.pem", "--tls-key",
                            "elsewhere.key", "--backend-protocol", "h1", "--send-proxy-protocol"});
  ASSERT_EQ(added.code, 0) << added.err;
  Json route = proxy.route("web.test");
  for (const char* gone : {"health", "served", "problem", "certificateNotAfter", "openConnections",
                           "drainingConnections", "requests", "responses5xx", "waiting", "held"})
    EXPECT_EQ(route.erase(gone), 1U) << gone;
  EXPECT_EQ(route, (Json{{"listener", proxy.listener()},
                         {"hostname", "web.test"},
                         {"owner", "me"},
                         {"backend", one.address()},
                         {"mode", "l7"},
                         {"tlsCert", "web.pem"},
                         {"tlsKey", "elsewhere.key"},
                         {"backendTls", false},
                         {"backendProtocol", "h1"},
                         {"sendProxyProtocol", true},
                         {"hold", 0}}));
  const std::vector<std::string> trust{"--cacert", proxy.dir() / "certs/web.pem"};
  EXPECT_EQ(proxy.curl("web.test", trust).code, 0);
  EXPECT_EQ(proxy.curl("web.test", trust, "/broken").code, 0);
  EXPECT_EQ(proxy.route("web.test")["requests"], 2);
  EXPECT_EQ(proxy.route("web.test")["responses5xx"], 1);
  EXPECT_THAT(proxy.call("GET", "/metrics").body,
              HasSubstr("mcproxy_route_responses_5xx_total{listener=\"" + proxy.listener() +
                        "\",hostname=\"web.test\",owner=\"me\"} 1\n"));
  EXPECT_THAT(ctl({"list"}).out, AllOf(HasSubstr("web.test"), HasSubstr("+proxy")));
  EXPECT_EQ(ctl({"status"}).code, 0);

  ASSERT_EQ(
      ctl({"add", proxy.listener(), "tls.test", one.address(), "--mode", "l7", "--backend-tls"})
          .code,
      0);
  EXPECT_EQ(proxy.route("tls.test")["backendTls"], true);
  ASSERT_EQ(
      ctl({"add", proxy.listener(), "held.test", one.address(), "--mode", "l7", "--hold", "7"})
          .code,
      0);
  EXPECT_EQ(proxy.route("held.test")["hold"], 7);
  EXPECT_THAT(ctl({"list"}).out, AllOf(HasSubstr("HELD"), HasSubstr("(held)")));
  EXPECT_EQ(proxy.route("tls.test")["owner"], "operator");
  EXPECT_THAT(ctl({"remove", proxy.listener(), "web.test"}).err, HasSubstr("belongs to me"));
  EXPECT_EQ(ctl({"remove", proxy.listener(), "web.test", "--owner", "me"}).code, 0);
  EXPECT_TRUE(proxy.route("web.test").is_null());
}

}  // namespace
}  // namespace test
