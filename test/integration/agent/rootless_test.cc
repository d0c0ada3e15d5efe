// The agent of an ordinary user, with that user's podman.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include "test/integration/agent/node.h"

namespace test {
namespace {

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

}  // namespace
}  // namespace test
