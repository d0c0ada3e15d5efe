// GET /v1/watch: whoever follows the routes learns of a change at once.
#include <gmock/gmock.h>
#include <signal.h>

#include <mutex>
#include <optional>
#include <thread>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

// What a client of the stream has seen, in a thread of its own.
class Watcher {
 public:
  explicit Watcher(Proxy& proxy) : socket_(proxy.dir() / "api.sock") {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      base::HttpClient client(base::HttpAddress::unix_socket(socket_));
      const auto ended = client.stream(
          {.target = "/v1/watch", .deadline = base::Millis(0)},
          [this](std::string_view piece) {
            const std::scoped_lock lock(mutex_);
            text_ += piece;
            return true;
          },
          stop);
      const std::scoped_lock lock(mutex_);
      ended_ = true;
      type_ =
          ended && ended->headers.contains("content-type") ? ended->headers.at("content-type") : "";
    });
  }

  std::string text() {
    const std::scoped_lock lock(mutex_);
    return text_;
  }
  bool ended() {
    const std::scoped_lock lock(mutex_);
    return ended_;
  }
  // Of the last line; 0 before the first.
  uint64_t generation() {
    const std::string all = text();
    const size_t at = all.rfind("{\"generation\":");
    return at == std::string::npos || all.find("}\n", at) == std::string::npos
               ? 0
               : std::stoull(all.substr(at + 14));
  }
  std::string type() {
    const std::scoped_lock lock(mutex_);
    return type_;
  }

 private:
  std::string socket_;
  std::mutex mutex_;
  std::string text_;
  std::string type_;
  bool ended_ = false;
  std::jthread thread_;
};

TEST(ProxyWatch, TellsOfEveryChange) {
  Proxy proxy;
  std::optional<Backend> one(std::in_place, "one");
  Watcher watcher(proxy);
  proxy.wait("the first line", [&] { return watcher.generation() > 0; });
  uint64_t seen = watcher.generation();
  const auto next = [&](const std::string& what) {
    proxy.wait(what, [&] { return watcher.generation() > seen; });
    seen = watcher.generation();
  };
  const Output added =
      run({std::string(MCP_BINARY_DIR) + "/bin/mcproxyctl", "--socket", proxy.dir() / "api.sock",
           "add", proxy.listener(), "a.test", one->address(), "--mode", "l7"});
  ASSERT_EQ(added.code, 0) << added.err;
  next("the route is there");
  proxy.wait("the backend is up", [&] { return proxy.route("a.test")["health"] == "up"; });
  proxy.wait("this is told", [&] { return watcher.generation() > seen; });
  seen = watcher.generation();

  // Counters, and a route that is set as it is, are no change. An empty line is the sign of life.
  EXPECT_THAT(proxy.curl("a.test").out, testing::HasSubstr("name: one"));
  const nlohmann::json same{{"owner", "operator"}, {"mode", "l7"}, {"backend", one->address()}};
  EXPECT_EQ(proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/a.test", same).status, 204);
  proxy.wait("an empty line", [&] { return watcher.text().ends_with("}\n\n"); });
  EXPECT_EQ(watcher.generation(), seen);

  one.reset();
  next("the backend is down");
  EXPECT_EQ(proxy.route("a.test")["health"], "down");
  for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
  next("HAProxy has ended");
}

TEST(ProxyWatch, AFileThatEndsSoonIsNoChangeEverySecond) {
  Proxy proxy;
  const Backend one("one");
  make_certificate(proxy.dir() / "certs/web", "web.test", 20);
  ASSERT_EQ(
      proxy.put("web.test", {{"mode", "l7"}, {"backend", one.address()}, {"tlsCert", "web.pem"}}),
      204);
  proxy.wait("the backend is up", [&] { return proxy.route("web.test")["health"] == "up"; });
  Watcher watcher(proxy);
  proxy.wait("an empty line", [&] { return watcher.text().ends_with("}\n\n"); });
}

TEST(ProxyWatch, EndsWithTheProcessAndGoesOnWithTheNext) {
  Proxy proxy;
  uint64_t before = 0;
  for (const int signal : {SIGTERM, SIGKILL}) {
    Watcher watcher(proxy);
    proxy.wait("a later number than in the process before",
               [&] { return watcher.generation() > before; });
    before = watcher.generation();
    proxy.kill_daemon(signal);
    proxy.wait("the end", [&] { return watcher.ended(); });
    if (signal == SIGTERM) {
      EXPECT_EQ(watcher.type(), "application/x-ndjson");
    }
    proxy.start();
  }
}

}  // namespace
}  // namespace test
