// The agent of an ordinary user, with that user's podman.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "test/integration/agent/node.h"

namespace test {
namespace {

namespace fs = std::filesystem;

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

uid_t owner(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_uid;
}

TEST(Agent, OfAUserKeepsContainersOfARootlessPodmanTrue) {
  auto engine = PodmanFixture::make(true);
  if (!engine) GTEST_SKIP() << "SKIPPED: rootless podman: " << engine.error().text();
  base::HttpClient podman(base::HttpAddress::unix_socket((*engine)->socket()));
  Node node(std::move(*engine));
  const auto id = [&] {
    return node.service("web")["components"][0]["containerId"].get<std::string>();
  };
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web") && node.page("web") == "one\n"; });
  EXPECT_NE(owner(node.engine().socket()), 0u);
  EXPECT_EQ(owner(node.folder() / "agent.sock"), owner(node.engine().socket()));
  const auto pid = [&] {
    const auto shown = podman.request({.target = "/v4.0.0/libpod/containers/" + id() + "/json"});
    return shown && shown->ok() ? Json::parse(shown->body)["State"]["Pid"].get<int>() : 0;
  };
  const int before = pid();
  ASSERT_GT(before, 0);
  ::kill(before, SIGKILL);
  node.wait("healed", [&] {
    return !node.events("web", "Healed").empty() && node.ready("web") &&
           node.page("web") == "one\n";
  });
  EXPECT_NE(pid(), before);

  const std::string first = id();
  node.write("services/web.toml", web_definition("web", "two"));
  node.commit("another text");
  node.wait("the change is rolled out",
            [&] { return node.ready("web") && node.page("web") == "two\n"; });
  EXPECT_NE(id(), first);
}

// What is pushed belongs to root of the container, and what a user of the container's has stays so.
TEST(Agent, OfAUserPushesFilesThatItsContainersOwn) {
  auto engine = PodmanFixture::make(true);
  if (!engine) GTEST_SKIP() << "SKIPPED: rootless podman: " << engine.error().text();
  Node node(std::move(*engine), "[data]\n[policy]\n");
  const std::string data = node.folder() / "data/";
  node.configure("data", "root = \"" + data + "\"\n");
  node.configure("policy", "volume_roots = [\"" + data + "\"]\n");
  fs::create_directories(data);
  const uid_t user = owner(node.engine().socket());
  ASSERT_EQ(::chown(data.c_str(), user, user), 0);
  node.start_agent();
  base::HttpClient agent(base::HttpAddress::unix_socket(node.folder() / "agent.sock"));
  const auto put = [&](const std::string& path, const std::string& text) {
    const auto answer =
        agent.request({.method = "PUT", .target = "/v1/files/web/" + path, .body = text});
    return answer ? std::to_string(answer->status) + " " + answer->body : answer.error().text();
  };
  node.write(
      "services/web.toml",
      definition("web",
                 "cd /data; stat -c %u app.toml > seen; touch own; chmod 600 own; chown 7 own; "
                 "touch done; trap 'exit 0' TERM; while :; do sleep 0.1; done",
                 "volumes = [\"" + data + "web:/data\"]\n"));
  node.commit("web");
  node.wait("the service", [&] { return !node.service("web").is_null(); });
  EXPECT_THAT(put("app.toml", "one"), testing::StartsWith("200"));
  EXPECT_EQ(owner(data + "web"), user);
  EXPECT_EQ(owner(data + "web/app.toml"), user);
  node.wait("its files", [&] { return fs::exists(data + "web/done"); });
  EXPECT_EQ(content(data + "web/seen"), "0\n");
  EXPECT_THAT(put("app.toml", "two"), testing::StartsWith("200"));
  EXPECT_EQ(content(data + "web/app.toml"), "two");
  const uid_t inner = owner(data + "web/own");
  EXPECT_NE(inner, user);
  const std::string refused = put("own", "taken");
  EXPECT_THAT(refused, testing::StartsWith("403"));
  EXPECT_THAT(refused, testing::HasSubstr("it belongs to " + std::to_string(inner) + ":"));
  EXPECT_EQ(owner(data + "web/own"), inner);
  EXPECT_EQ(content(data + "web/own"), "");
}

}  // namespace
}  // namespace test
