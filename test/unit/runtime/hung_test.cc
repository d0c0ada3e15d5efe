// A podman that accepts connections and does not answer.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "agent/runtime/podman.h"
#include "base/http/server.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using base::HttpReply;
using base::HttpRequest;
using base::Millis;

class HungPodman : public testing::Test {
 protected:
  HungPodman() : server_({.socket = dir_ / "s.sock"}) {
    server_.route("GET", "/_ping", [this](const HttpRequest&) {
      ++pings_;
      if (hung_at_first_) thawed_.wait();
      HttpReply reply = HttpReply::text("OK", 200);
      reply.headers["libpod-api-version"] = "4.3.1";
      return reply;
    });
    server_.route("GET", "/v4.0.0/libpod/_ping", [this](const HttpRequest&) {
      if (hung_later_) thawed_.wait();
      return HttpReply::text("OK", 200);
    });
    server_.route("GET", "/v4.0.0/libpod/containers/{id}/healthcheck", [this](const HttpRequest&) {
      thawed_.wait();
      return HttpReply::text("{}", 200);
    });
    EXPECT_TRUE(server_.start());
  }
  ~HungPodman() override {
    thawed_.count_down();
    server_.stop();
  }

  test::TempDir dir_;
  base::HttpServer server_;
  Podman podman_{{.socket = dir_ / "s.sock",
                  .deadlines = {.ping = Millis(200), .health_margin = Millis(100)}}};
  std::atomic<int> pings_ = 0;
  std::atomic<bool> hung_at_first_ = false;
  std::atomic<bool> hung_later_ = false;
  std::latch thawed_{1};
};

// Else the last of many waits for the deadlines of all before it.
TEST_F(HungPodman, IsAskedOnceForAllWhoComeMeanwhile) {
  hung_at_first_ = true;
  std::vector<std::jthread> callers;
  std::latch begin(1);
  for (int i = 0; i < 6; ++i)
    callers.emplace_back([&] {
      begin.wait();
      const auto listed = podman_.list();
      ASSERT_FALSE(listed);
      EXPECT_EQ(listed.error().code, Code::kTimeout);
    });
  begin.count_down();
  callers.clear();
  EXPECT_LT(pings_, 6);
}

TEST_F(HungPodman, SaysNothingOfAContainersHealth) {
  const reconciler::ContainerId id("c");
  // It answers otherwise: the command is what hangs.
  auto health = podman_.healthcheck(id, Millis(50));
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, Code::kTimeout) << health.error().text();
  hung_later_ = true;
  health = podman_.healthcheck(id, Millis(50));
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, Code::kUnavailable) << health.error().text();
}

}  // namespace
}  // namespace agent
