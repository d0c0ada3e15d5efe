#include "agent/routes/mc_proxy.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/http/server.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using base::HttpReply;
using base::HttpRequest;
using base::HttpStream;
using base::Millis;
using crds::Route;
using Json = nlohmann::json;
using reconciler::ObservedRoute;
using reconciler::RouteSpec;
using testing::HasSubstr;

// How often something was called.
class Counter {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool reaches(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return count_ >= wanted; });
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// An admin API that says what the test wants.
class Routes : public testing::Test {
 protected:
  void serve() {
    server_ = std::make_unique<base::HttpServer>(base::HttpServerOptions{.socket = socket_});
    for (const auto& [call, handler] : handlers_) server_->route(call.first, call.second, handler);
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  void answer(const std::string& method, const std::string& path, const HttpReply& reply) {
    handlers_[{method, path}] = [reply](const HttpRequest&) { return reply; };
  }

  const test::TempDir dir_;
  const std::string socket_ = dir_ / "api.sock";
  std::map<std::pair<std::string, std::string>, base::HttpServer::Handler> handlers_;
  std::unique_ptr<base::HttpServer> server_;
  McProxy proxy_{socket_};
};

TEST_F(Routes, AreReadAsMcProxyWritesThem) {
  answer("GET", "/v1/routes", HttpReply::json(R"({"routes": [
    {"listener": "[2001:db8::1]:8443", "hostname": "a.test", "owner": "mcp/rift",
     "backend": "127.0.0.1:1", "mode": "l7", "tlsCert": "a.pem", "tlsKey": "", "backendTls": true,
     "backendProtocol": "tls", "sendProxyProtocol": true, "hold": 30, "health": "down",
     "served": true, "problem": "expires", "certificateNotAfter": "2026-12-01T00:00:00Z",
     "openConnections": 2, "drainingConnections": 3, "waiting": 9, "requests": 4, "responses5xx": 5,
     "held": 6, "unheard": {"of": 1}},
    {"listener": ":443", "hostname": "b.test", "mode": "l4", "backendTls": true,
     "certificateNotAfter": null},
    {"listener": ":443", "hostname": "c.test", "mode": "l7", "backendTls": false,
     "backendProtocol": "h2c"},
    {"listener": ":443", "hostname": "d.test", "mode": "l7", "backendTls": true,
     "backendProtocol": "h9"}, "nonsense"]})"));
  serve();
  const auto routes = proxy_.list();
  ASSERT_TRUE(routes) << routes.error().text();
  ASSERT_EQ(routes->size(), 4u);
  ObservedRoute a;
  a.spec = {.key = {8443, "a.test"},
            .backend = "127.0.0.1:1",
            .mode = Route::Mode::kL7,
            .protocol = Route::Protocol::kTls,
            .send_proxy_protocol = true,
            .certificate = "a.pem",
            .hold = std::chrono::seconds(30)};
  a.owner = "mcp/rift";
  a.listener = "[2001:db8::1]:8443";
  a.served = true;
  a.health = "down";
  a.problem = "expires";
  a.certificate_until = *base::parse_rfc3339("2026-12-01T00:00:00Z");
  a.open = 2;
  a.draining = 3;
  a.traffic = {4, 5, 6};
  EXPECT_EQ((*routes)[0], a);
  EXPECT_EQ((*routes)[1].spec.key.text(), "b.test:443");
  EXPECT_EQ((*routes)[1].certificate_until, std::nullopt);
  EXPECT_EQ((*routes)[1].spec.protocol, Route::Protocol::kTls) << "as one without it says";
  EXPECT_EQ((*routes)[2].spec.protocol, Route::Protocol::kH2c);
  EXPECT_EQ((*routes)[3].spec.protocol, Route::Protocol::kTls) << "one of a later release";
}

TEST_F(Routes, AreWrittenAsMcProxyReadsThem) {
  std::string body;
  handlers_[{"POST", "/v1/routes:apply"}] = [&](const HttpRequest& request) {
    body = request.body;
    HttpReply reply;
    reply.status = 204;
    return reply;
  };
  serve();
  RouteSpec l7{.key = {8443, "a.test"},
               .backend = "127.0.0.1:1",
               .mode = Route::Mode::kL7,
               .certificate = "a.pem",
               .hold = Millis(1)};
  RouteSpec l4{.key = {443, "b.test"},
               .backend = "127.0.0.1:2",
               .protocol = Route::Protocol::kTls,
               .certificate = "of no use"};
  RouteSpec h2c{.key = {443, "grpc.test"},
                .backend = "127.0.0.1:3",
                .mode = Route::Mode::kL7,
                .protocol = Route::Protocol::kH2c,
                .certificate = "a.pem"};
  ASSERT_TRUE(proxy_.apply("mcp/rift", {l7, l4, h2c}, {{80, "c.test"}}));
  EXPECT_EQ(Json::parse(body), Json::parse(R"({"owner": "mcp/rift", "upserts": [
    {"listener": "8443", "hostname": "a.test", "backend": "127.0.0.1:1", "mode": "l7",
     "backendTls": false, "sendProxyProtocol": false, "tlsCert": "a.pem", "hold": 1},
    {"listener": "443", "hostname": "b.test", "backend": "127.0.0.1:2", "mode": "l4",
     "backendTls": true, "sendProxyProtocol": false},
    {"listener": "443", "hostname": "grpc.test", "backend": "127.0.0.1:3", "mode": "l7",
     "backendTls": false, "backendProtocol": "h2c", "sendProxyProtocol": false,
     "tlsCert": "a.pem"}],
    "removes": [{"listener": "80", "hostname": "c.test"}]})"));
}

TEST_F(Routes, CertificatesAreNamedBelowTheirFolder) {
  std::string body;
  handlers_[{"POST", "/v1/routes:apply"}] = [&](const HttpRequest& request) {
    body = request.body;
    return HttpReply::text("", 204);
  };
  answer("GET", "/v1/routes", HttpReply::json(R"({"routes": [
    {"listener": ":1", "hostname": "a", "tlsCert": "/srv/certs/a.pem"},
    {"listener": ":1", "hostname": "b", "tlsCert": "/srv/other/b.pem"}]})"));
  serve();
  for (const std::string folder : {"/srv/certs", "/srv/certs/"}) {
    McProxy proxy(socket_, folder);
    const auto routes = proxy.list();
    ASSERT_TRUE(routes) << routes.error().text();
    EXPECT_EQ((*routes)[0].spec.certificate, "a.pem");
    EXPECT_EQ((*routes)[1].spec.certificate, "/srv/other/b.pem");
    RouteSpec spec{.mode = Route::Mode::kL7, .certificate = "a.pem"};
    ASSERT_TRUE(proxy.apply("mcp/rift", {spec}, {}));
    EXPECT_EQ(Json::parse(body)["upserts"][0]["tlsCert"], "/srv/certs/a.pem");
    spec.certificate = "/srv/other/b.pem";
    ASSERT_TRUE(proxy.apply("mcp/rift", {spec}, {}));
    EXPECT_EQ(Json::parse(body)["upserts"][0]["tlsCert"], "/srv/other/b.pem");
  }
}

TEST_F(Routes, RefusalsKeepTheWordsOfMcProxy) {
  const struct {
    int status;
    Code code;
  } table[] = {{400, Code::kInvalid},     {422, Code::kInvalid},     {409, Code::kConflict},
               {507, Code::kUnavailable}, {503, Code::kUnavailable}, {500, Code::kInternal}};
  int status = 0;
  handlers_[{"POST", "/v1/routes:apply"}] = [&](const HttpRequest&) {
    return HttpReply::json(R"({"detail": "no room for it", "hint": "make some"})", status);
  };
  serve();
  for (const auto& one : table) {
    status = one.status;
    const auto done = proxy_.apply("mcp/rift", {}, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, one.code) << status;
    EXPECT_EQ(done.error().retry, base::Retry::kBackOff) << status;
    EXPECT_EQ(done.error().text(), "cannot change routes: no room for it (make some)");
  }
}

TEST_F(Routes, NobodyThereIsSaid) {
  const auto routes = proxy_.list();
  ASSERT_FALSE(routes);
  EXPECT_EQ(routes.error().code, Code::kUnavailable);
  EXPECT_THAT(routes.error().text(),
              testing::AllOf(HasSubstr("cannot list the routes of mc-proxy"), HasSubstr(socket_),
                             HasSubstr("is mc-proxy running")));
}

TEST_F(Routes, AnotherServerIsNotBelieved) {
  answer("GET", "/v1/routes", HttpReply::json("[]"));
  answer("GET", "/v1/status", HttpReply::text("hello"));
  serve();
  EXPECT_EQ(proxy_.list().error().code, Code::kCorrupt);
  EXPECT_THAT(proxy_.status().error().text(), HasSubstr("[mcproxy] socket"));
}

TEST_F(Routes, StatusSaysWhatIsNotServed) {
  answer("GET", "/v1/status", HttpReply::json(R"({"version": "v1", "haproxy": {"running": false,
    "problem": "no haproxy"}, "listeners": [{"address": ":443", "open": true, "problem": ""},
    {"address": ":80", "open": false, "problem": "taken"}]})"));
  serve();
  const auto status = proxy_.status();
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_EQ(status->version, "v1");
  EXPECT_EQ(status->problem, "no haproxy");
  ASSERT_EQ(status->listeners.size(), 2u);
  EXPECT_EQ(status->listeners[0].problem, "");
  EXPECT_EQ(status->listeners[1].problem, "taken");
}

TEST_F(Routes, EveryLineOfTheWatchIsTold) {
  Counter told;
  std::atomic<bool> first = true;
  handlers_[{"GET", "/v1/watch"}] = [&](const HttpRequest&) {
    HttpReply reply;
    reply.stream = [&](HttpStream& out) {
      if (!first.exchange(false)) return void(out.write("{\"generation\":1}\n"));
      // Lines in pieces, and an empty one, which says nothing.
      for (const char* piece : {"{\"generation\":1}\n", "\n", "{\"gener", "ation\":2}\n"})
        if (!out.write(piece)) return;
      EXPECT_TRUE(told.reaches(2));
      EXPECT_EQ(told.count(), 2);
    };
    return reply;
  };
  serve();
  proxy_.watch([&] { told.add(); });
  // The end of the stream, and the first line of the next one.
  EXPECT_TRUE(told.reaches(4));
  proxy_.stop_watching();
}

TEST_F(Routes, AnOlderMcProxyIsAskedEverySecond) {
  serve();
  Counter told;
  proxy_.watch([&] { told.add(); });
  EXPECT_TRUE(told.reaches(2));
  proxy_.stop_watching();
}

TEST_F(Routes, TheWatchFindsAnMcProxyThatComesLater) {
  Counter told;
  proxy_.watch([&] { told.add(); });
  answer("GET", "/v1/watch", HttpReply::text("{\"generation\":1}\n"));
  serve();
  EXPECT_TRUE(told.reaches(2));
  proxy_.stop_watching();
}

}  // namespace
}  // namespace agent
