#include "base/http/socket_file.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/http/client.h"
#include "base/http/server.h"
#include "test/support/temp_dir.h"

namespace base {
namespace {

class SocketFileTest : public testing::Test {
 protected:
  static std::unique_ptr<HttpServer> serve(const std::string& path, const std::string& name) {
    auto server = std::make_unique<HttpServer>(HttpServerOptions{.socket = path, .mode = 0640});
    server->route("GET", "/name", [name](const HttpRequest&) { return HttpReply::text(name); });
    const auto started = server->start();
    EXPECT_TRUE(started) << started.error().text();
    return server;
  }
  // Who answers; "" when nobody does.
  std::string name() {
    const auto answer = client_.request({.target = "/name"});
    return answer ? answer->body : "";
  }
  bool comes_to_answer(const std::string& name_wanted) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (name() != name_wanted) {
      if (std::chrono::steady_clock::now() > end) return false;
      ::poll(nullptr, 0, 20);  // between two questions
    }
    return true;
  }

  test::TempDir dir_;
  const std::string path_ = dir_ / "s.sock";
  HttpClient client_{HttpAddress::unix_socket(path_)};
};

TEST_F(SocketFileTest, OneThatIsRemovedIsMadeAgain) {
  auto server = serve(path_, "one");
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove(path_);
    EXPECT_EQ(name(), "");
    ASSERT_TRUE(comes_to_answer("one"));
  }
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketFileTest, ThatOfAnotherServerIsLeftToIt) {
  auto one = serve(path_, "one");
  auto two = serve(dir_ / "other.sock", "two");
  std::filesystem::rename(dir_ / "other.sock", path_);
  EXPECT_EQ(name(), "two");
  two.reset();
  EXPECT_TRUE(comes_to_answer("one")) << "once nobody answers there";
  two = serve(dir_ / "other.sock", "two");
  std::filesystem::rename(dir_ / "other.sock", path_);
  one.reset();
  EXPECT_EQ(name(), "two") << "nor is it removed";
}

TEST_F(SocketFileTest, AServerThatStopsMakesNoneAgain) {
  for (int i = 0; i < 20; ++i) {
    auto server = serve(path_, "one");
    std::filesystem::remove(path_);
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

}  // namespace
}  // namespace base
