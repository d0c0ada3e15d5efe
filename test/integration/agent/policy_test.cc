// What a commit may ask of the node, with the real agent: each rule of [policy] by itself.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::HasSubstr;

const std::string kPolicy = R"([policy]
images = ["localhost/mcp-demo:*"]
capabilities = ["NET_RAW"]
devices = ["/dev/null"]
publish = ["127.0.0.1"]
max_memory = "64MiB"
)";

TEST(AgentPolicy, EachRuleHoldsItsServiceAloneAndIsNamed) {
  Node node(kPolicy);
  node.configure("policy", "volume_roots = [\"/srv\", \"" + node.folder().path() + "\"]\n");
  const std::string state = std::filesystem::path(node.registry()).parent_path();
  const struct {
    std::string service, more, violation;
  } cases[] = {
      {"image", "", "image: asks for registry.example.net/web:v1, policy.images allows localhost/"},
      {"root", "volumes = [\"/etc:/data\"]\n",
       "volumes: asks for /etc, policy.volume_roots allows /srv"},
      {"climb", "volumes = [\"/srv2/web:/data\"]\n",
       "volumes: asks for /srv2/web, policy.volume_roots allows /srv"},
      {"own", "volumes = [\"" + state + ":/data\"]\n",
       "volumes: asks for " + state + ", which would show " + state + ", the agent's own folder"},
      {"around", "volumes = [\"" + node.folder().path() + ":/data\"]\n",
       "volumes: asks for " + node.folder().path() + ", which would show " + state},
      {"network", "network = \"host\"\n",
       "network: asks for the host's network, policy.host_network allows none of it"},
      {"privileged", "privileged = true\n",
       "privileged: asks for all rights, policy.privileged allows none of it"},
      {"capability", "cap_add = [\"NET_RAW\", \"SYS_ADMIN\"]\n",
       "cap_add: asks for SYS_ADMIN, policy.capabilities allows NET_RAW"},
      {"device", "devices = [\"/dev/null\", \"/dev/mem\"]\n",
       "devices: asks for /dev/mem, policy.devices allows /dev/null"},
      {"everywhere", "ports = [\"18084:80\"]\n",
       "ports: asks for every address for port 80, policy.publish allows 127.0.0.1"},
      {"elsewhere", "ports = [\"127.0.0.2:18085:80\"]\n",
       "ports: asks for 127.0.0.2, policy.publish allows 127.0.0.1"},
      {"greedy", "memory = \"65MiB\"\n",
       "memory: asks for 68157440 bytes, policy.max_memory allows at most 67108864 bytes"},
      {"endless", "",
       "memory: asks for as much as there is, policy.max_memory allows at most 67108864 bytes"},
  };
  const std::string modest = "memory = \"64MiB\"\n";
  const auto text = [&](const auto& one) {
    std::string out = definition(one.service, kSleep, one.more);
    if (one.service == "image") {
      const std::string image = PodmanFixture::kDemoImage;
      out.replace(out.find(image), image.size(), "registry.example.net/web:v1");
    }
    return out + (one.service == "endless" || one.service == "greedy" ? "" : modest);
  };
  for (const auto& one : cases)
    node.write("services/" + one.service + ".toml", definition(one.service, kSleep, modest));
  node.commit("all ask for little");
  node.start_agent();
  node.wait("all run", [&] {
    return std::all_of(std::begin(cases), std::end(cases),
                       [&](const auto& one) { return node.ready(one.service); });
  });
  std::map<std::string, std::string> ids;
  for (const auto& one : cases) ids[one.service] = node.container_id(one.service + ".main");

  for (const auto& one : cases) node.write("services/" + one.service + ".toml", text(one));
  node.write("services/within.toml",
             definition("within", kSleep,
                        modest + "cap_add = [\"NET_RAW\"]\ndevices = [\"/dev/null\"]\n"
                                 "ports = [\"127.0.0.1:18086:80\"]\n"));
  node.commit("each asks for more in its own way, but for one that is within");
  node.wait("what is within runs", [&] { return node.ready("within"); });
  for (const auto& one : cases) {
    SCOPED_TRACE(one.service);
    EXPECT_TRUE(node.tells(one.service, "PolicyViolation", one.violation))
        << node.service(one.service)["conditions"].dump(2);
    const Json conditions = node.service(one.service)["conditions"];
    EXPECT_TRUE(std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
      return condition["type"] == "Stalled" && condition["status"] == "True" &&
             condition["reason"] == "PolicyViolation";
    })) << conditions.dump(2);
    EXPECT_EQ(node.container_id(one.service + ".main"), ids[one.service])
        << "its last good definition stays in force";
  }
}

// One that was put there when the commit was judged already, too.
TEST(AgentPolicy, ALinkOnTheDiskLeadsNowhereElse) {
  Node node("[policy]\n");
  node.configure("policy", "volume_roots = [\"" + node.folder().path() + "\"]\n");
  const std::filesystem::path data = node.folder() / "data";
  std::filesystem::create_directory(data);
  node.write("services/job.toml",
             definition("job", kSleep, "volumes = [\"" + data.string() + ":/data\"]\n"));
  node.commit("within");
  node.start_agent();
  node.wait("it runs", [&] { return node.ready("job"); });
  std::filesystem::remove(data);
  std::filesystem::create_directory_symlink("/etc", data);
  node.podman({"rm", "-f", "-t", "0", "job.main"});
  node.write("services/late.toml",
             definition("late", kSleep, "volumes = [\"" + data.string() + ":/data\"]\n"));
  node.commit("through a link");
  for (const char* service : {"late", "job"}) {
    node.wait("the link is told", [&] {
      return node.service(service)["conditions"].dump().find(
                 "the volume " + data.string() +
                 " leads to /etc, which policy.volume_roots of this node does not allow") !=
             std::string::npos;
    });
    EXPECT_EQ(node.container_id(std::string(service) + ".main"), "");
  }
}

}  // namespace
}  // namespace test
