// What a commit may have in it that cannot be used: each is held at its place, and the rest goes
// on.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "test/integration/agent/node.h"
#include "test/support/git/git_repo.h"

namespace test {
namespace {

using testing::HasSubstr;

std::string held(Node& node, const std::string& service) {
  return node.service(service)["hold"]["message"];
}

TEST(BadInput, ABadFileStallsItsOwnServiceOnly) {
  Node node;
  node.write("services/good.toml", web_definition("good", "0"));
  node.write("services/bad.toml", definition("bad", kSleep));
  node.commit("both are fine");
  node.start_agent();
  node.wait("both ready", [&] { return node.ready("good") && node.ready("bad"); });
  const std::string bad = node.container_id("bad.main");

  int round = 0;
  for (const std::string& text :
       {std::string("name = \"bad\"\n[[components]\n"), std::string("name = \"bad\"\nimag = 1\n"),
        std::string("\xff\xfe"), std::string(11 << 20, '#')}) {
    const std::string changed = std::to_string(++round);
    node.write("services/bad.toml", text);
    node.write("services/good.toml", web_definition("good", changed));
    node.commit("break the one, change the other");
    node.wait("the bad one is held",
              [&] { return node.ready_reason("bad") == "InvalidDefinition"; });
    EXPECT_THAT(held(node, "bad"), HasSubstr("services/bad.toml"));
    node.wait("the change of the good one is in force",
              [&] { return node.ready("good") && node.page("good") == changed + "\n"; });
    EXPECT_EQ(node.container_id("bad.main"), bad) << "its last good definition stays in force";
    node.write("services/bad.toml", definition("bad", kSleep));
    node.commit("mend it");
    node.wait("the fix is taken", [&] { return node.ready("bad"); });
    EXPECT_EQ(node.container_id("bad.main"), bad);
  }
}

TEST(BadInput, EachKindInOneCommitHasItsOwnPlaceAndMessage) {
  const std::string here = "node = \"rift\"\n";
  const std::string port = "ports = [\"127.0.0.1:18081:80\"]\n";
  const struct {
    std::string service, text, place, message;
  } cases[] = {
      {"type", "active = \"yes\"\n" + definition("type", kSleep), "services/type.toml:1:10",
       "found the string 'yes'"},
      {"field", "verzion = \"v1\"\n" + definition("field", kSleep), "services/field.toml:1:1",
       "did you mean 'version'?"},
      {"image",
       "name = \"image\"\n[[components]]\nname = \"main\"\nimage = \"local host/demo:v1\"\n",
       "services/image.toml:4:9", "found the string 'local host/demo:v1'"},
      {"first", "depends_on = [\"second\"]\n" + definition("first", kSleep),
       "services/first.toml:1:15", "the services need each other: first -> second -> first"},
      {"second", "depends_on = [\"first\"]\n" + definition("second", kSleep),
       "services/second.toml:1:15", "the services need each other: first -> second -> first"},
      {"twin", "# another\n" + definition("twin", kSleep), "services/twin.toml:2:8",
       "the service name 'twin' is used twice, here and in services/other.toml:1"},
      {"port", here + definition("port", kSleep, port),
       "services/port.toml:", "host port 18081/tcp on node rift is taken by the service 'holder'"},
      {"link", "", "services/link.toml", "is a symlink; symlinks are not followed"},
  };
  Node node;
  node.write("services/good.toml", web_definition("good", "old"));
  node.write("services/holder.toml", here + definition("holder", kSleep, port));
  for (const auto& bad : cases)
    node.write("services/" + bad.service + ".toml", definition(bad.service, kSleep));
  node.commit("all are fine");
  node.start_agent();
  std::map<std::string, std::string> ids;
  node.wait("all are ready", [&] {
    return node.ready("good") && node.ready("holder") &&
           std::all_of(std::begin(cases), std::end(cases),
                       [&](const auto& bad) { return node.ready(bad.service); });
  });
  for (const auto& bad : cases) ids[bad.service] = node.container_id(bad.service + ".main");

  node.write("services/good.toml", web_definition("good", "new"));
  node.write("services/other.toml", definition("twin", kSleep));
  for (const auto& bad : cases) node.write("services/" + bad.service + ".toml", bad.text);
  node.erase("services/link.toml");
  std::filesystem::create_symlink("good.toml", node.repository() + "/services/link.toml");
  isolate_git(node.folder() / "home");
  GitRepo::init(node.repository() + "/services/sub").change("web.toml", definition("web", kSleep));
  node.commit("everything goes wrong but for one");
  node.wait("the good one goes on",
            [&] { return node.ready("good") && node.page("good") == "new\n"; });
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.service);
    EXPECT_EQ(node.ready_reason(bad.service), "InvalidDefinition");
    EXPECT_THAT(held(node, bad.service), HasSubstr(bad.place));
    EXPECT_THAT(held(node, bad.service), HasSubstr(bad.message));
    EXPECT_EQ(node.container_id(bad.service + ".main"), ids[bad.service])
        << "its last good definition stays in force";
  }
  EXPECT_TRUE(node.ready("holder"));
  EXPECT_TRUE(node.tells("sub", "InvalidDefinition", "services/sub: is a submodule"));
  EXPECT_TRUE(node.service("web").is_null());
}

}  // namespace
}  // namespace test
