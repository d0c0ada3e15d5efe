#include "test/contract/router/world.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <fstream>
#include <map>

#include "agent/routes/mc_proxy.h"
#include "test/integration/proxy/proxy.h"
#include "test/support/fake_router.h"

namespace test {

using crds::Route;
using reconciler::RouteKey;

namespace {

class FakeWorld : public RouterWorld {
 public:
  FakeWorld() {
    fake_.listeners = {port()};
    fake_.bad_certificates.emplace(
        bad_certificate(), base::make_error(base::Code::kInvalid, "bad.pem has no certificate"));
    fake_.certificate_until = base::TimePoint(std::chrono::hours(24 * 365 * 100));
  }
  reconciler::ProxyRouter& router() override { return fake_; }
  uint16_t port() const override { return 8443; }
  std::string backend(Route::Mode mode, int number) override {
    return "127.0.0.1:" + std::to_string((mode == Route::Mode::kL4 ? 21000 : 22000) + number);
  }
  std::string bad_certificate() override { return "bad.pem"; }
  void request(const RouteKey& key) override { fake_.add_traffic(key, {.requests = 1}); }
  void connect(const RouteKey& key) override {
    fake_.open(key, 1);
    connected_.push_back(key);
  }
  void disconnect() override {
    for (const RouteKey& key : connected_) fake_.close_all(key);
    connected_.clear();
  }
  void stop() override { fake_.down = true; }
  void start() override {
    fake_.restarted();
    fake_.down = false;
  }

 private:
  FakeRouter fake_;
  std::vector<RouteKey> connected_;
};

class McProxyWorld : public RouterWorld {
 public:
  McProxyWorld() : router_(proxy_.dir() / "api.sock") {
    std::ofstream(proxy_.dir() / "certs/bad.pem") << "no certificate\n";
    make_certificate(proxy_.dir() / "l4", "raw.test");
  }
  reconciler::ProxyRouter& router() override { return router_; }
  uint16_t port() const override { return static_cast<uint16_t>(proxy_.port()); }
  std::string backend(Route::Mode mode, int number) override {
    auto& slot = backends_[{mode, number}];
    const std::string stem = proxy_.dir() / "l4";
    if (!slot && mode == Route::Mode::kL4)
      slot = std::make_unique<Backend>(
          "l4", std::vector<std::string>{"--tls", stem + ".pem", stem + ".key"});
    else if (!slot)
      slot = std::make_unique<Backend>("l7");
    return slot->address();
  }
  std::string bad_certificate() override { return "bad.pem"; }
  void request(const RouteKey& key) override {
    const Output done = proxy_.curl(key.hostname, {"--fail", "-o", "/dev/null"});
    EXPECT_EQ(done.code, 0) << done.err;
  }
  void connect(const RouteKey& key) override {
    // -quiet: it stays although its input has ended (openssl-s_client(1)).
    auto client = base::Child::spawn({{"openssl", "s_client", "-quiet", "-connect",
                                       proxy_.listener(), "-servername", key.hostname}},
                                     {.die_with_thread = true});
    ASSERT_TRUE(client) << client.error().text();
    clients_.push_back(std::move(*client));
  }
  void disconnect() override {
    for (base::Child& client : clients_) client.terminate(std::chrono::seconds(10));
    clients_.clear();
  }
  void stop() override { proxy_.kill_daemon(SIGKILL); }
  void start() override { proxy_.start(); }

 private:
  Proxy proxy_;
  agent::McProxy router_;
  std::map<std::pair<Route::Mode, int>, std::unique_ptr<Backend>> backends_;
  std::vector<base::Child> clients_;
};

}  // namespace

std::unique_ptr<RouterWorld> make_fake_router_world() {
  return std::make_unique<FakeWorld>();
}

std::unique_ptr<RouterWorld> make_mc_proxy_world() {
  return std::make_unique<McProxyWorld>();
}

bool comes_true(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 20);
  }
  return true;
}

}  // namespace test
