#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/sqlite/database.h"
#include "mc-proxy/certs/certificate.h"
#include "mc-proxy/certs/dev_ca.h"
#include "mc-proxy/config/config.h"
#include "mc-proxy/daemon/documents.h"
#include "mc-proxy/routes/table.h"
#include "test/support/temp_dir.h"

namespace mc_proxy {
namespace {

using testing::HasSubstr;

const base::TimePoint kNow = *base::parse_rfc3339("2026-11-22T10:00:00Z");

TEST(ProxyConfig, SaysWhereAndWhatIsWrong) {
  const struct {
    const char* text;
    const char* problem;
  } kCases[] = {
      {"", "listeners: no listener is named"},
      {"[[listeners]]\nadress = \":443\"", "f:2:1: listeners[0].adress: unknown key (did you mean"},
      {"[[listeners]]\naddress = \"443\"", "f:2:11: listeners[0].address: '443' is no address"},
      {"[[listeners]]\naddress = \"host:443\"", "is no address"},
      {"[[listeners]]\nproxy_protocol = true", "listeners[0]: a listener has an address"},
      {"[[listeners]]\naddress = \":1\"\n[[listeners]]\naddress = \":1\"", "listed twice"},
      {"[[listeners]]\naddress = \":1\"\nproxy_protocol = 1", "found the number 1, wanted true"},
      {"[haproxy]\nmax_connections = 0", "out of range"},
      {"[log]\nlevel = \"loud\"", "f:2:9: log.level"},
      {"listeners = 3", "wanted a list of tables"},
      {"[api", "not valid TOML"},
  };
  for (const auto& one : kCases) {
    const LoadedConfig loaded = parse_config(one.text, "f");
    ASSERT_FALSE(loaded.problems.empty()) << one.text;
    EXPECT_THAT(loaded.problems.front().text(), HasSubstr(one.problem)) << one.text;
  }
}

TEST(ProxyConfig, TakesEveryKey) {
  const LoadedConfig loaded = parse_config(R"(
[[listeners]]
address = ":443"
[[listeners]]
address = "[::1]:8443"
proxy_protocol = true
[api]
socket = "/s"
group = "g"
[database]
path = "/d/x.db"
[certificates]
dir = "/c"
roots = "/r"
dev_ca = "/ca"
[metrics]
listen = "127.0.0.1:9465"
[haproxy]
binary = "/h"
max_connections = 7
[log]
level = "debug"
format = "json"
)",
                                           "f");
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems.front().text();
  const Config& c = loaded.config;
  ASSERT_EQ(c.listeners.size(), 2U);
  EXPECT_EQ(c.listeners[0].port(), 443);
  EXPECT_FALSE(c.listeners[0].proxy_protocol);
  EXPECT_EQ(c.listeners[1].port(), 8443);
  EXPECT_TRUE(c.listeners[1].proxy_protocol);
  EXPECT_EQ(c.socket + c.group + c.database + c.cert_dir + c.roots + c.dev_ca + c.haproxy,
            "/sg/d/x.db/c/r/ca/h");
  EXPECT_EQ(c.max_connections, 7);
  EXPECT_EQ(c.metrics, "127.0.0.1:9465");
  EXPECT_EQ(c.log_level, base::log::Level::kDebug);
  EXPECT_EQ(c.log_format, base::log::Format::kJson);
  EXPECT_EQ(c.engine_dir(), "/d/haproxy");
}

TEST(ProxyRoutes, NamesAndBackends) {
  EXPECT_EQ(*normal_hostname("WEB.Example.net."), "web.example.net");
  for (const char* bad : {"", ".", "*.a", "a b", "-a", "a..b", "a/b", "a_b"})
    EXPECT_FALSE(normal_hostname(bad)) << bad;
  EXPECT_EQ(parse_backend("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_backend("web:65535")->port, 65535);
  for (const char* bad :
       {"", "web", "web:", ":80", "web:0", "web:65536", "::1:80", "a b:1", "a/b:1", "a:1x"})
    EXPECT_FALSE(parse_backend(bad)) << bad;
}

TEST(ProxyRoutes, BodiesSayWhatTheyMean) {
  const auto put = [](const std::string& body) { return read_put(body, {":443", "a"}); };
  const auto l4 = put(R"({"owner":"o","mode":"l4","backend":"a:1"})");
  ASSERT_TRUE(l4);
  EXPECT_EQ(l4->route.protocol, Protocol::kTls) << "a passthrough's backend speaks TLS";
  const auto l7 = put(R"({"owner":"o","mode":"l7","backend":"a:1","backendTls":true})");
  ASSERT_TRUE(l7);
  EXPECT_EQ(l7->route.protocol, Protocol::kTls);
  const struct {
    const char* body;
    const char* problem;
  } kBad[] = {
      {"{", "not JSON"},
      {"[]", "no JSON object"},
      {R"({"mode":"l4"})", "owner is missing"},
      {R"({"owner":"o"})", "mode is missing"},
      {R"({"owner":"o","mode":"l5"})", "mode is 'l5'"},
      {R"({"owner":"o","mode":7})", "mode: wanted a string"},
      {R"({"owner":"o","mode":"l7","backend_tls":true})", "did you mean 'backendTls'"},
      {R"({"owner":"o","mode":"l7","hold":1.5})", "hold: wanted a whole number"},
      {R"({"owner":"o","mode":"l7","backendTls":false,"backendProtocol":"tls"})", "contradict"},
  };
  for (const auto& one : kBad) {
    const auto read = put(one.body);
    ASSERT_FALSE(read) << one.body;
    EXPECT_THAT(read.error().text(), HasSubstr(one.problem)) << one.body;
  }
}

TEST(ProxyRoutes, AHoldHasItsBounds) {
  Route route;
  route.owner = "o";
  route.backend = "a:1";
  for (const int good : {0, 1, 300}) {
    route.hold = std::chrono::seconds(good);
    EXPECT_TRUE(check(route)) << good;
  }
  for (const int bad : {-1, 301}) {
    route.hold = std::chrono::seconds(bad);
    EXPECT_THAT(check(route).error().text(), HasSubstr("hold is " + std::to_string(bad)));
  }
}

TEST(ProxyRoutes, Http2WithoutTlsIsNothingToPassThrough) {
  Route route;
  route.owner = "o";
  route.backend = "a:1";
  route.protocol = Protocol::kH2c;
  EXPECT_TRUE(check(route));
  route.mode = Mode::kL4;
  EXPECT_THAT(check(route).error().text(), HasSubstr("make it l7"));
}

TEST(ProxyRoutes, ARowThatNobodyCanReadCostsItselfAlone) {
  const test::TempDir dir;
  auto table = RouteTable::open(dir / "t.db");
  ASSERT_TRUE(table);
  std::vector<StoredRoute> routes;
  for (const char* host : {"a", "b", "c", "d"})
    routes.push_back({{.key = {":443", host}, .owner = "o", .backend = "x:1"}, "PEM"});
  ASSERT_TRUE(table->change(routes, {}, [] { return base::Result<>(); }));
  auto other = base::sqlite::Database::open(dir / "t.db");
  ASSERT_TRUE(other);
  ASSERT_TRUE(
      other->script("UPDATE route SET mode = 'l5' WHERE hostname = 'b';"
                    "UPDATE route SET protocol = 'h9' WHERE hostname = 'c'"));
  std::string hosts;
  EXPECT_TRUE(table->load([&](const StoredRoute& one) { hosts += one.route.key.hostname; }));
  EXPECT_EQ(hosts, "ad");
}

TEST(ProxyRoutes, AFailedChangeLeavesTheTableAsItWas) {
  const test::TempDir dir;
  Route route;
  route.key = {":443", "a"};
  route.owner = "o";
  route.backend = "a:1";
  route.protocol = Protocol::kH2c;
  route.send_proxy_protocol = true;
  route.hold = std::chrono::seconds(30);
  {
    auto table = RouteTable::open(dir / "t.db");
    ASSERT_TRUE(table);
    EXPECT_TRUE(table->change({{route, "PEM", "10.0.0.1"}}, {}, [] { return base::Result<>(); }));
    EXPECT_FALSE(
        table->change({}, {route.key}, [] { return base::Result<>(base::invalid("no")); }));
  }
  auto table = RouteTable::open(dir / "t.db");
  std::vector<StoredRoute> all;
  const auto take = [&](StoredRoute stored) { all.push_back(std::move(stored)); };
  ASSERT_TRUE(table->load(take));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().route, route);
  EXPECT_EQ(all.front().pem, "PEM");
  EXPECT_EQ(all.front().address, "10.0.0.1");

  // A change that brings no certificate keeps the one that is there.
  route.backend = "b:2";
  EXPECT_TRUE(table->change({{route, std::nullopt}}, {}, [] { return base::Result<>(); }));
  EXPECT_EQ(table->pem(route.key).value_or(""), "PEM");
  EXPECT_TRUE(table->change({{route, "NEW"}}, {}, [] { return base::Result<>(); }));
  EXPECT_EQ(table->pem(route.key).value_or(""), "NEW");
  all.clear();
  ASSERT_TRUE(table->load(take));
  EXPECT_EQ(all.front().route, route);
  EXPECT_FALSE(table->pem({":443", "none"}));
}

TEST(ProxyCertificates, AreValidForTheirNameAndTime) {
  const test::TempDir dir;
  const auto ca = DevCa::open(dir / "ca", kNow);
  ASSERT_TRUE(ca) << ca.error().text();
  const auto pem = ca->issue("a.test", kNow);
  ASSERT_TRUE(pem);
  const auto check = [&](const std::string& host, base::TimePoint now) {
    return check_certificate(*pem, "file", host, now);
  };
  ASSERT_TRUE(check("a.test", kNow)) << check("a.test", kNow).error().text();
  EXPECT_EQ(check("a.test", kNow)->not_after, kNow + std::chrono::days(90));
  EXPECT_EQ(check("a.test", kNow)->pem->find("\n\n"), std::string::npos);
  EXPECT_THAT(check("a.test", kNow + std::chrono::days(91)).error().text(),
              HasSubstr("expired at"));
  EXPECT_THAT(check("a.test", kNow - std::chrono::days(1)).error().text(),
              HasSubstr("not valid before"));
  EXPECT_THAT(check("b.test", kNow).error().text(), HasSubstr("not for b.test"));

  const size_t second = pem->find("-----BEGIN CERTIFICATE", 10);
  // Opened again, it is the same CA.
  const auto again = DevCa::open(dir / "ca", kNow);
  const auto other = again->issue("a.test", kNow);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->substr(other->find("-----BEGIN CERT", 10), 300), pem->substr(second, 300));
}

// Clients put a chain together in whatever order it comes, but not one that has a hole.
TEST(ProxyCertificates, EveryOneOfAChainBelongsToIt) {
  const test::TempDir dir;
  const auto ca = DevCa::open(dir / "ca", kNow);
  const auto stranger = DevCa::open(dir / "stranger", kNow);
  ASSERT_TRUE(ca && stranger);
  const auto split = [](const std::string& pem) {
    const size_t root = pem.find("-----BEGIN CERTIFICATE", 10);
    const size_t key = pem.find("-----BEGIN PRIVATE");
    return std::array{pem.substr(0, root), pem.substr(root, key - root), pem.substr(key)};
  };
  const auto [leaf, root, key] = split(*ca->issue("a.test", kNow));
  const auto [other_leaf, other_root, other_key] = split(*stranger->issue("b.test", kNow));
  const auto problem = [&, &key = key](const std::string& chain, const std::string& roots = {}) {
    std::ofstream(dir / "a.pem") << chain << key;
    const auto read = load_certificate({dir / "a.pem", ""}, "a.test", roots, kNow);
    return read ? std::string() : read.error().text();
  };
  EXPECT_EQ(problem(leaf + root), "");
  EXPECT_EQ(problem(leaf, ca->certificate_file()), "");
  EXPECT_THAT(problem(leaf), HasSubstr(dir / "a.pem: no chain"));
  EXPECT_THAT(problem(leaf, stranger->certificate_file()), HasSubstr("no chain"));
  for (const std::string& unrelated : {other_leaf, other_root, other_leaf + other_root})
    EXPECT_THAT(problem(leaf + unrelated),
                HasSubstr(dir / "a.pem: no chain: it holds nothing that signed"));
  EXPECT_THAT(problem(leaf + root + other_leaf), HasSubstr("CN=b.test, number 3 in it, signed no"));
  EXPECT_THAT(problem(leaf + other_root, ca->certificate_file()), HasSubstr("number 2 in it"));
  // One that was in force stays so.
  EXPECT_TRUE(check_certificate(leaf + other_root + key, "kept", "a.test", kNow));
}

TEST(ProxyCertificates, TheKeyIsFoundBesideTheFileOrInIt) {
  const test::TempDir dir;
  const auto ca = DevCa::open(dir / "ca", kNow);
  const std::string pem = *ca->issue("a.test", kNow);
  const size_t key = pem.find("-----BEGIN PRIVATE");
  std::ofstream(dir / "both.pem") << pem;
  std::ofstream(dir / "two.pem") << pem.substr(0, key);
  std::ofstream(dir / "two.key") << pem.substr(key);
  for (const char* file : {"both.pem", "two.pem"})
    EXPECT_TRUE(load_certificate({dir / file, ""}, "a.test", "", kNow)) << file;
  const auto missing = load_certificate({dir / "none.pem", ""}, "a.test", "", kNow);
  EXPECT_THAT(missing.error().text(), HasSubstr(dir / "none.pem: No such file"));
  std::filesystem::remove(dir / "two.key");
  const auto no_key = load_certificate({dir / "two.pem", ""}, "a.test", "", kNow);
  EXPECT_THAT(no_key.error().text(),
              HasSubstr("key " + dir / "two.pem (there is no " + dir / "two.key): holds no"));
}

}  // namespace
}  // namespace mc_proxy
