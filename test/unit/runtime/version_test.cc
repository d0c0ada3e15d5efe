// Which podman is spoken with, and how.
#include <gmock/gmock.h>

#include <atomic>

#include "agent/runtime/podman.h"
#include "base/http/server.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using base::HttpReply;
using base::HttpRequest;
using testing::HasSubstr;

// Says its version, and has no container at the paths of version 5 alone.
class OtherPodman {
 public:
  explicit OtherPodman(const std::string& version) : server_({.socket = dir_ / "s.sock"}) {
    server_.route("GET", "/_ping", [version](const HttpRequest&) {
      HttpReply reply = HttpReply::text("OK", 200);
      if (!version.empty()) reply.headers["libpod-api-version"] = version;
      return reply;
    });
    server_.route("GET", "/v5.0.0/libpod/containers/json", [this](const HttpRequest&) {
      ++lists_;
      return HttpReply::json("[]");
    });
    EXPECT_TRUE(server_.start());
  }
  ~OtherPodman() { server_.stop(); }

  std::string socket() const { return dir_ / "s.sock"; }
  int lists() const { return lists_; }

 private:
  test::TempDir dir_;
  std::atomic<int> lists_ = 0;
  base::HttpServer server_;
};

TEST(PodmanVersion, IsThatOfThePathsThatAreAsked) {
  const OtherPodman other("5.4.2");
  Podman podman({.socket = other.socket()});
  const auto listed = podman.list();
  ASSERT_TRUE(listed) << listed.error().text();
  EXPECT_EQ(other.lists(), 1);
  EXPECT_EQ(*podman.version(), "5.4.2");
}

TEST(PodmanVersion, ThatIsTooOldIsRefused) {
  const OtherPodman other("3.4.4");
  const auto refused = Podman({.socket = other.socket()}).list();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_EQ(refused.error().message, "podman 3.4.4 is too old");
  EXPECT_EQ(refused.error().hint, "install podman 4.0 or newer");
}

TEST(PodmanVersion, IsWhatTellsPodmanFromOthers) {
  const OtherPodman other("");
  const auto refused = Podman({.socket = other.socket()}).list();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().text(), HasSubstr(other.socket() + " is not podman"));
}

}  // namespace
}  // namespace agent
