// mc-proxy as its users see it: the real program, the real HAProxy, curl and openssl.
#include "test/integration/proxy/proxy.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

TEST(Proxy, ServesHttp1AndHttp2WithTheClientsAddress) {
  Proxy proxy;
  Backend one("one");
  for (const bool mixed : {false, true}) {
    ASSERT_EQ(proxy.l7("A.test", one), 204);
    if (mixed) {
      ASSERT_EQ(proxy.l4("raw.test", one), 204);
    }
    EXPECT_THAT(proxy.curl("a.test", {"--http1.1"}).out,
                AllOf(HasSubstr("name: one"), HasSubstr("x-forwarded-for: 127.0.0.1"),
                      HasSubstr("x-real-ip: 127.0.0.1"), HasSubstr("x-forwarded-proto: https")));
    EXPECT_EQ(proxy.curl("a.test", {"--http2", "-o", "/dev/null", "-w", "%{http_version}"}).out,
              "2");
    for (const std::string header : {"X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto"})
      EXPECT_THAT(proxy.curl("a.test", {"-H", header + ": 6.6.6.6"}).out,
                  AllOf(HasSubstr("name: one"), Not(HasSubstr("6.6.6.6"))));
    const Output back =
        run({"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/websocket.py",
             std::to_string(proxy.port()), "a.test", proxy.ca(), "hello"});
    EXPECT_EQ(back.out, "101 hello\n") << back.err;
  }
}

TEST(Proxy, RefusesWhatItDoesNotServe) {
  Proxy proxy;
  Backend one("one");
  for (const bool mixed : {false, true}) {
    ASSERT_EQ(proxy.l7("a.test", one), 204);
    ASSERT_EQ(proxy.l7("b.test", one), 204);
    if (mixed) {
      ASSERT_EQ(proxy.l4("raw.test", one), 204);
    }
    EXPECT_THAT(proxy.handshake({"-servername", "a.test", "-tls1_2"}), HasSubstr("alert"))
        << "TLS 1.2";
    EXPECT_THAT(proxy.handshake({"-servername", "a.test"}), HasSubstr("BEGIN CERTIFICATE"));
    EXPECT_THAT(proxy.handshake({"-servername", "none.test"}), Not(HasSubstr("BEGIN CERT")));
    EXPECT_THAT(proxy.handshake({"-noservername"}), Not(HasSubstr("BEGIN CERT")));
    const std::vector<std::string> code{"-o", "/dev/null", "-w", "%{http_code}"};
    for (const std::string host : {"b.test", "none.test", "raw.test"}) {
      auto flags = code;
      flags.insert(flags.end(), {"-H", "Host: " + host});
      EXPECT_EQ(proxy.curl("a.test", flags).out, "421") << host;
    }
    EXPECT_EQ(proxy.curl("a.test", code).out, "200");
  }
}

// Some clients send both as they were typed.
TEST(Proxy, TakesNamesInAnyCase) {
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "raw.test");
  const Backend raw("raw", {"--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  const Backend plain("plain");
  ASSERT_EQ(proxy.l7("a.test", plain), 204);
  const auto ask = [&](const std::string& sni, const std::string& host) {
    return run({"openssl", "s_client", "-quiet", "-connect", proxy.listener(), "-servername", sni},
               "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
        .out;
  };
  for (const bool mixed : {false, true}) {
    if (mixed) {
      ASSERT_EQ(proxy.l4("Raw.test", raw), 204);
    }
    for (const std::string sni : {"a.test", "A.Test"})
      for (const std::string host : {"a.test", "A.TEST", "A.test:443"})
        EXPECT_THAT(ask(sni, host), HasSubstr("name: plain\n")) << sni << " " << host;
  }
  EXPECT_THAT(proxy.handshake({"-servername", "RAW.test"}), HasSubstr("CN=raw.test"));
}

// Has connected, and says nothing.
class Silent {
 public:
  explicit Silent(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Silent() { ::close(fd_); }
  bool open() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

// As soon as it is known: not when a first message has been waited for.
TEST(Proxy, ANameWithoutARouteIsClosedAtOnce) {
  Proxy proxy;
  const Backend one("one");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  for (const bool mixed : {false, true}) {
    if (mixed) {
      ASSERT_EQ(proxy.l4("raw.test", one), 204);
    }
    for (const std::vector<std::string>& name :
         {std::vector<std::string>{"-servername", "none.test"}, {"-noservername"}}) {
      proxy.wait("it is closed before one that came earlier and says nothing", [&] {
        const Silent earlier(proxy.port());
        EXPECT_THAT(proxy.handshake(name), Not(HasSubstr("BEGIN CERT")));
        return earlier.open();
      });
    }
  }
}

TEST(Proxy, ReachesBackendsOverIpv6) {
  if (!have_ipv6()) GTEST_SKIP() << "no IPv6 here";
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "raw.test");
  const Backend plain("plain", {"--at", "::"});
  const Backend raw("raw",
                    {"--at", "::", "--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  const auto address = [](const Backend& one) { return "[::1]:" + std::to_string(one.port()); };
  ASSERT_EQ(proxy.put("a.test", {{"mode", "l7"}, {"backend", address(plain)}}), 204);
  ASSERT_EQ(proxy.put("raw.test", {{"mode", "l4"}, {"backend", address(raw)}}), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: plain"));
  EXPECT_THAT(proxy.curl("raw.test", {"--cacert", proxy.dir() / "own.pem"}).out,
              HasSubstr("name: raw"));
}

TEST(Proxy, ListensOnIpv6AndOnBothFamilies) {
  if (!have_ipv6()) GTEST_SKIP() << "no IPv6 here";
  for (const std::string address : {"[::1]", ""}) {
    Proxy proxy({.address = address});
    make_certificate(proxy.dir() / "own", "raw.test");
    const Backend plain("plain");
    const Backend raw("raw",
                      {"--proxy", "--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
    const std::string port = std::to_string(proxy.port());
    const auto ask = [&](const std::string& host, const std::string& over, const std::string& ca) {
      const Output got = proxy.curl(
          host, {"--connect-to", host + ":" + port + ":" + over + ":" + port, "--cacert", ca});
      return got.out + got.err;
    };
    ASSERT_EQ(proxy.l7("a.test", plain), 204);
    for (const bool mixed : {false, true}) {
      if (mixed) {
        ASSERT_EQ(
            proxy.put("raw.test",
                      {{"mode", "l4"}, {"backend", raw.address()}, {"sendProxyProtocol", true}}),
            204);
      }
      EXPECT_THAT(ask("a.test", "[::1]", proxy.ca()),
                  AllOf(HasSubstr("x-forwarded-for: ::1\n"), HasSubstr("x-real-ip: ::1\n")));
      const std::string over_ipv4 = ask("a.test", "127.0.0.1", proxy.ca());
      EXPECT_THAT(over_ipv4, HasSubstr(address.empty() ? "x-forwarded-for: 127.0.0.1\n"
                                                       : "Failed to connect"));
    }
    const std::string own = proxy.dir() / "own.pem";
    EXPECT_THAT(ask("raw.test", "[::1]", own), HasSubstr("proxy: ::1:"));
    if (address.empty()) {
      EXPECT_THAT(ask("raw.test", "127.0.0.1", own), HasSubstr("proxy: 127.0.0.1:"));
    }
    EXPECT_EQ(proxy.status()["listeners"][0]["address"], address + ":" + port);
    EXPECT_EQ(proxy.status()["listeners"][0]["open"], true);
  }
}

// What a listener does with a name is its own matter.
TEST(Proxy, TwoListenersKeepTheSameNamesApart) {
  const std::string second = "127.0.0.1:" + std::to_string(free_port());
  Proxy proxy({.more = "[[listeners]]\naddress = \"" + second + "\"\n"});
  make_certificate(proxy.dir() / "own", "raw.test");
  const Backend one("one");
  const Backend two("two");
  const Backend raw("raw", {"--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  const auto put = [&](const std::string& listener, const std::string& host, const char* mode,
                       const Backend& backend) {
    const Json body{{"owner", "test"}, {"mode", mode}, {"backend", backend.address()}};
    return proxy.call("PUT", "/v1/routes/" + listener + "/" + host, body).status;
  };
  const auto ask = [&](const std::string& listener, const std::string& host,
                       const std::string& ca) {
    return proxy
        .curl(host, {"--connect-to", host + ":" + std::to_string(proxy.port()) + ":" + listener,
                     "--cacert", ca})
        .out;
  };
  const std::string first = proxy.listener();
  const std::string own = proxy.dir() / "own.pem";
  ASSERT_EQ(put(first, "a.test", "l7", one), 204);
  ASSERT_EQ(put(first, "raw.test", "l7", one), 204);
  ASSERT_EQ(put(second, "a.test", "l7", two), 204);
  ASSERT_EQ(put(second, "raw.test", "l4", raw), 204);
  for (int i = 0; i < 2; ++i) EXPECT_THAT(ask(first, "a.test", proxy.ca()), HasSubstr("name: one"));
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(ask(second, "a.test", proxy.ca()), HasSubstr("name: two"));
  EXPECT_THAT(ask(first, "raw.test", proxy.ca()), HasSubstr("name: one"));
  for (int i = 0; i < 4; ++i) EXPECT_THAT(ask(second, "raw.test", own), HasSubstr("name: raw"));

  const Json status = proxy.status();
  ASSERT_EQ(status["listeners"].size(), 2U);
  std::map<std::string, int> requests;
  for (const Json& listener : status["listeners"])
    for (const Json& route : listener["routes"])
      requests[std::string(listener["address"]) + "/" + std::string(route["hostname"])] =
          route["requests"];
  const std::map<std::string, int> wanted{{first + "/a.test", 2},
                                          {first + "/raw.test", 1},
                                          {second + "/a.test", 3},
                                          {second + "/raw.test", 4}};
  EXPECT_EQ(requests, wanted);
  EXPECT_THAT(proxy.call("GET", "/metrics").body,
              HasSubstr("mcproxy_route_requests_total{listener=\"" + second +
                        "\",hostname=\"a.test\",owner=\"test\"} 3\n"));

  // What goes from one stays at the other.
  for (const std::string host : {"a.test", "raw.test"})
    EXPECT_EQ(proxy.call("DELETE", "/v1/routes/" + second + "/" + host + "?owner=test").status,
              204);
  EXPECT_EQ(ask(second, "a.test", proxy.ca()), "");
  for (const std::string host : {"a.test", "raw.test"})
    EXPECT_THAT(ask(first, host, proxy.ca()), HasSubstr("name: one")) << host;
}

// A browser sends both over one connection: the certificate decides, not the name of its file.
TEST(Proxy, NamesOfOneCertificateShareAConnection) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const Backend two("two");
  const std::string certs = proxy.dir() / "certs/";
  make_certificate(certs + "both", "a.test", 90, {}, "b.test");
  std::filesystem::copy(certs + "both.pem", certs + "copy.pem");
  std::filesystem::copy(certs + "both.key", certs + "copy.key");
  make_certificate(certs + "other", "a.test", 90, {}, "b.test");
  const auto put = [&](const std::string& host, const Backend& backend, const char* file) {
    return proxy.put(host, {{"mode", "l7"}, {"backend", backend.address()}, {"tlsCert", file}});
  };
  const auto over_a = [&](const std::string& version, const std::string& host) {
    return proxy
        .curl("a.test", {version, "--cacert", certs + "both.pem", "-H", "Host: " + host, "-w",
                         "%{http_code}"})
        .out;
  };
  ASSERT_EQ(put("a.test", one, "both.pem"), 204);
  for (const bool mixed : {false, true}) {
    if (mixed) {
      ASSERT_EQ(proxy.l4("raw.test", one), 204);
    }
    for (const std::string version : {"--http1.1", "--http2"}) {
      for (const char* file : {"both.pem", "copy.pem"}) {
        ASSERT_EQ(put("b.test", two, file), 204);
        EXPECT_THAT(over_a(version, "b.test"), AllOf(HasSubstr("name: two"), HasSubstr("200")));
        EXPECT_THAT(over_a(version, "a.test"), AllOf(HasSubstr("name: one"), HasSubstr("200")));
      }
      ASSERT_EQ(put("b.test", two, "other.pem"), 204);
      EXPECT_THAT(over_a(version, "b.test"), HasSubstr("421"))
          << "another certificate, though it names the host as well";
    }
  }
}

TEST(Proxy, SendsTheProxyHeaderBeforeTlsAndHttp2) {
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "own.test");
  const Backend tls("tls", {"--proxy", "--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  const int port = free_port();
  std::ofstream(proxy.dir() / "h2c.cfg")
      << "defaults\n  mode http\n  timeout client 1m\nfrontend h2c\n  bind 127.0.0.1:" << port
      << " accept-proxy proto h2\n"
         "  http-request return status 200 content-type text/plain lf-string \"proxy: %[src]:\"\n";
  const Backend h2c({"haproxy", "-db", "-f", proxy.dir() / "h2c.cfg"}, port);
  const auto body = [](const Backend& backend, const char* protocol) {
    return Json{{"mode", "l7"},
                {"backend", backend.address()},
                {"backendProtocol", protocol},
                {"sendProxyProtocol", true}};
  };
  ASSERT_EQ(proxy.put("tls.test", body(tls, "tls")), 204);
  ASSERT_EQ(proxy.put("h2c.test", body(h2c, "h2c")), 204);
  for (const std::string host : {"tls.test", "h2c.test"})
    EXPECT_THAT(proxy.curl(host, {"--interface", "127.0.0.9"}).out, HasSubstr("proxy: 127.0.0.9:"))
        << host;
}

TEST(Proxy, PassesTlsThroughBesideItsOwn) {
  Proxy proxy;
  make_certificate(proxy.dir() / "own", "raw.test");
  Backend raw("raw", {"--tls", proxy.dir() / "own.pem", proxy.dir() / "own.key"});
  Backend plain("plain");
  ASSERT_EQ(proxy.l7("a.test", plain), 204);
  ASSERT_EQ(proxy.l4("raw.test", raw), 204);
  EXPECT_THAT(proxy.handshake({"-servername", "raw.test"}), HasSubstr("CN=raw.test"));
  EXPECT_THAT(proxy.curl("raw.test", {"--cacert", proxy.dir() / "own.pem"}).out,
              AllOf(HasSubstr("name: raw"), Not(HasSubstr("x-forwarded"))));
  EXPECT_THAT(proxy.curl("a.test").out,
              AllOf(HasSubstr("name: plain"), HasSubstr("x-forwarded-for: 127.0.0.1")));
  // The same backend, but TLS ends twice.
  ASSERT_EQ(proxy.put("b.test", {{"mode", "l7"}, {"backend", raw.address()}, {"backendTls", true}}),
            204);
  EXPECT_THAT(proxy.curl("b.test").out,
              AllOf(HasSubstr("name: raw"), HasSubstr("x-forwarded-proto: https")));
}

// As gRPC has it: a POST over HTTP/2, and trailers after the answer. curl does not show them.
TEST(Proxy, CarriesTheTrailersOfAnHttp2Backend) {
  Proxy proxy;
  const int port = free_port();
  const Backend backend(
      {"nghttpd", "--no-tls", "--echo-upload", "--trailer", "grpc-status: 0", std::to_string(port)},
      port);
  ASSERT_EQ(proxy.put("localhost",
                      {{"mode", "l7"}, {"backend", backend.address()}, {"backendProtocol", "h2c"}}),
            204);
  std::ofstream(proxy.dir() / "message") << "a message\n";
  const Output got = run({"nghttp", "-v", "-d", proxy.dir() / "message",
                          "https://localhost:" + std::to_string(proxy.port()) + "/"});
  EXPECT_THAT(got.out, AllOf(HasSubstr(":status: 200"), HasSubstr("\na message\n"),
                             HasSubstr("recv (stream_id=13) grpc-status: 0")));
}

TEST(Proxy, AnEdgeAndAnOriginKeepTheClientsAddress) {
  Proxy edge;
  Proxy origin({.proxy_protocol = true});
  Backend plain("plain");
  Backend proxied("proxied", {"--proxy"});
  ASSERT_EQ(origin.l7("a.test", plain), 204);
  ASSERT_EQ(
      origin.put("b.test",
                 {{"mode", "l7"}, {"backend", proxied.address()}, {"sendProxyProtocol", true}}),
      204);
  for (const std::string host : {"a.test", "b.test"})
    ASSERT_EQ(
        edge.put(host,
                 {{"mode", "l4"}, {"backend", origin.listener()}, {"sendProxyProtocol", true}}),
        204);
  const std::vector<std::string> from{"--cacert", origin.ca(), "--interface", "127.0.0.9"};
  EXPECT_THAT(edge.curl("a.test", from).out, HasSubstr("x-forwarded-for: 127.0.0.9\n"));
  EXPECT_THAT(edge.curl("b.test", from).out, HasSubstr("proxy: 127.0.0.9:"));
  EXPECT_NE(origin.curl("a.test").code, 0) << "no PROXY header, no answer";
}

TEST(Proxy, WhatRunsGoesOnWhenEitherProcessIsKilled) {
  Proxy proxy;
  Backend one("one");
  Backend two("two");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  const std::vector<int> before = proxy.haproxy_pids();
  ASSERT_FALSE(before.empty());

  proxy.kill_daemon(SIGKILL);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: one")) << "HAProxy outlives mc-proxy";
  proxy.start();  // over the stale socket
  EXPECT_EQ(proxy.haproxy_pids(), before) << "adopted, not started anew";
  ASSERT_EQ(proxy.l7("a.test", two), 204);
  ASSERT_EQ(proxy.l7("b.test", one), 204);
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: two"));
  EXPECT_THAT(proxy.curl("b.test").out, HasSubstr("name: one"));

  for (const int pid : before) ::kill(pid, SIGKILL);
  proxy.wait("HAProxy runs again", [&] { return proxy.curl("a.test").code == 0; });
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: two"));

  // Both at once: all comes from the database.
  proxy.kill_daemon(SIGKILL);
  for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
  proxy.start();
  EXPECT_THAT(proxy.curl("a.test").out, HasSubstr("name: two"));
  EXPECT_THAT(proxy.curl("b.test").out, HasSubstr("name: one"));
}

TEST(Proxy, TwoHundredSwitchesUnderLoadLoseNoRequest) {
  Proxy proxy;
  const Backend one("one");
  const Backend two("two");
  ASSERT_EQ(proxy.l7("a.test", one), 204);
  Output load;
  std::thread client([&] {
    load = run({"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/load.py",
                std::to_string(proxy.port()), "a.test", proxy.ca(), "6"});
  });
  proxy.wait("the load is on", [&] { return proxy.route("a.test")["requests"] > 10; });
  int refused = 0;
  for (int i = 0; i < 200; ++i) refused += proxy.l7("a.test", i % 2 ? one : two) != 204;
  client.join();
  EXPECT_EQ(refused, 0);
  EXPECT_THAT(load.out, AllOf(HasSubstr("failed=0 "), HasSubstr("name: one,name: two")))
      << load.err;
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 1) << "started once, never reloaded";
}

TEST(Proxy, ReloadsAndANewCertificateUnderLoadLoseNoRequest) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  const auto append = [](const std::string& to, const std::string& from) {
    std::ofstream(to, std::ios::app) << std::ifstream(from).rdbuf();
  };
  const std::string roots = proxy.dir() / "roots.pem";
  for (const std::string file : {"first", "second"}) {
    make_certificate(proxy.dir() / file, "a.test");
    append(roots, proxy.dir() / (file + ".pem"));
    append(certs + file, proxy.dir() / (file + ".pem"));
    append(certs + file, proxy.dir() / (file + ".key"));
  }
  std::filesystem::rename(certs + "first", certs + "web.pem");
  ASSERT_EQ(
      proxy.put("a.test", {{"mode", "l7"}, {"backend", one.address()}, {"tlsCert", "web.pem"}}),
      204);
  Output load;
  std::thread client([&] {
    load = run({"python3", std::string(MCP_SOURCE_DIR) + "/test/integration/proxy/load.py",
                std::to_string(proxy.port()), "a.test", roots, "8"});
  });
  proxy.wait("the load is on", [&] { return proxy.route("a.test")["requests"] > 10; });
  const std::string raw = "/v1/routes/" + proxy.listener() + "/raw.test?owner=test";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(proxy.l4("raw.test", one), 204);
    EXPECT_EQ(proxy.call("DELETE", raw).status, 204);
  }
  std::filesystem::rename(certs + "second", certs + "web.pem");
  proxy.wait("the new certificate is shown", [&] {
    return proxy.curl("a.test", {"--cacert", proxy.dir() / "second.pem"}).code == 0;
  });
  client.join();
  EXPECT_THAT(load.out, HasSubstr("failed=0 names=name: one")) << load.err;
  EXPECT_EQ(proxy.status()["haproxy"]["reloads"], 5) << "a start, and four changes of structure";
}

}  // namespace
}  // namespace test
