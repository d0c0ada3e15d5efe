#include "reconciler/policy.h"

#include <gmock/gmock.h>

#include <functional>

#include "reconciler/conditions.h"
#include "reconciler/resolve.h"
#include "samples.h"

namespace reconciler {
namespace {

using crds::Component;
using test::component;
using test::service;
using test::snapshot;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Case {
  const char* what;
  std::function<void(Component&)> ask;
  std::function<void(Policy&)> allow;
  const char* violation;  // null: it is allowed
};

std::function<void(Component&)> volume(const char* source) {
  return [source](Component& c) { c.volumes = {{source, "/data", {}}}; };
}
std::function<void(Component&)> image(const char* reference) {
  return [reference](Component& c) { c.image = reference; };
}
std::function<void(Component&)> port(const char* ip) {
  return [ip](Component& c) { c.ports = {{ip, 80, 80, "tcp"}}; };
}
std::function<void(Policy&)> images(std::vector<std::string> globs) {
  return [globs](Policy& p) { p.images = globs; };
}
std::function<void(Policy&)> roots(std::vector<std::string> paths) {
  return [paths](Policy& p) { p.volume_roots = paths; };
}
const auto kUsual = [](Policy&) {};

const Case kCases[] = {
    {"any image", image("evil.example/x:v1"), kUsual, nullptr},
    {"a registry", image("r.example/team/x:v1"), images({"r.example/*"}), nullptr},
    {"another registry", image("r.example.evil/x:v1"), images({"q.example/*", "r.example/*"}),
     "image: asks for r.example.evil/x:v1, policy.images allows q.example/*, r.example/*"},
    {"a short name", image("x:v1"), images({"docker.io/*"}), "policy.images"},
    {"case", image("R.example/x:v1"), images({"r.example/*"}), "policy.images"},
    {"no image", image("x"), images({}), "policy.images allows none"},
    {"a glob's backslash is one", image("r.example/x"), images({"r\\.example/*"}), "images"},

    {"the root", volume("/srv"), kUsual, nullptr},
    {"in the root", volume("/srv/web/data"), kUsual, nullptr},
    {"the same, in other words", volume("//srv/./web//"), kUsual, nullptr},
    {"beside the root", volume("/srv2/web"), kUsual,
     "volumes: asks for /srv2/web, policy.volume_roots allows /srv"},
    {"above the root", volume("/"), kUsual, "volume_roots"},
    {"climbing out", volume("/srv/../etc"), kUsual, "volume_roots"},
    {"climbing and coming back", volume("/srv/../srv/web"), kUsual, "volume_roots"},
    {"a trailing climb", volume("/srv/web/.."), kUsual, "volume_roots"},
    {"a name with dots", volume("/srv/..web/..."), kUsual, nullptr},
    {"a named volume", volume("cache"), roots({}), nullptr},
    {"no root", volume("/srv/web"), roots({}), "policy.volume_roots allows none"},
    {"the whole node", volume("/etc"), roots({"/"}), nullptr},
    {"a root with a slash", volume("/data/x"), roots({"/srv", "/data/"}), nullptr},
    {"a root that climbs", volume("/etc"), roots({"/srv/../etc"}), "volume_roots"},
    {"the agent's own folder", volume("/srv/mcp/"), [](Policy& p) { p.own_paths = {"/srv/mcp"}; },
     "volumes: asks for /srv/mcp/, which would show /srv/mcp, the agent's own folder"},
    {"below it", volume("/srv/mcp/mirror"), [](Policy& p) { p.own_paths = {"/srv/mcp"}; }, "own"},
    {"above it", volume("/srv"), [](Policy& p) { p.own_paths = {"/srv/mcp"}; }, "own folder"},
    {"beside it", volume("/srv/mcp2"), [](Policy& p) { p.own_paths = {"/srv/mcp"}; }, nullptr},

    {"the host's network", [](Component& c) { c.network = "host"; }, kUsual,
     "network: asks for the host's network, policy.host_network allows none of it"},
    {"the host's network, allowed", [](Component& c) { c.network = "host"; },
     [](Policy& p) { p.host_network = true; }, nullptr},
    {"another network", [](Component& c) { c.network = "hosts"; }, kUsual, nullptr},

    {"privileged", [](Component& c) { c.privileged = true; }, kUsual, "policy.privileged"},
    {"privileged, allowed", [](Component& c) { c.privileged = true; },
     [](Policy& p) { p.privileged = true; }, nullptr},
    {"a capability", [](Component& c) { c.cap_add = {"NET_ADMIN"}; }, kUsual,
     "cap_add: asks for NET_ADMIN, policy.capabilities allows none"},
    {"another capability", [](Component& c) { c.cap_add = {"NET_RAW", "SYS_ADMIN"}; },
     [](Policy& p) { p.capabilities = {"NET_RAW"}; }, "asks for SYS_ADMIN"},
    {"all capabilities", [](Component& c) { c.cap_add = {"ALL"}; },
     [](Policy& p) { p.capabilities = {"NET_RAW"}; }, "asks for ALL"},
    {"any capability", [](Component& c) { c.cap_add = {"SYS_ADMIN"}; },
     [](Policy& p) { p.capabilities = {"ALL"}; }, nullptr},
    {"fewer capabilities", [](Component& c) { c.cap_drop = {"ALL"}; }, kUsual, nullptr},

    {"a device", [](Component& c) { c.devices = {{"/dev/mem", "/dev/null"}}; }, kUsual,
     "devices: asks for /dev/mem, policy.devices allows none"},
    {"a device, allowed", [](Component& c) { c.devices = {{"/dev//dri/card0", "/x"}}; },
     [](Policy& p) { p.devices = {"/dev/dri/*"}; }, nullptr},
    {"a device that climbs", [](Component& c) { c.devices = {{"/dev/dri/../mem", "/x"}}; },
     [](Policy& p) { p.devices = {"/dev/dri/*"}; }, "policy.devices"},

    {"any address", port(""), kUsual, nullptr},
    {"every address", port(""), [](Policy& p) { p.publish = {"127.0.0.1"}; },
     "ports: asks for every address for port 80, policy.publish allows 127.0.0.1"},
    {"every address, by name", port("0.0.0.0"), [](Policy& p) { p.publish = {"127.0.0.1"}; },
     "asks for 0.0.0.0"},
    {"every IPv6 address", port("::"), [](Policy& p) { p.publish = {"::1"}; }, "asks for ::"},
    {"the address", port("127.0.0.1"), [](Policy& p) { p.publish = {"127.0.0.1"}; }, nullptr},
    {"all addresses, allowed", port(""), [](Policy& p) { p.publish = {"0.0.0.0"}; }, nullptr},

    {"no limit of memory", [](Component&) {}, [](Policy& p) { p.max_memory_bytes = 100; },
     "memory: asks for as much as there is, policy.max_memory allows at most 100 bytes"},
    {"too much memory", [](Component& c) { c.memory_bytes = 101; },
     [](Policy& p) { p.max_memory_bytes = 100; }, "asks for 101 bytes"},
    {"just enough memory", [](Component& c) { c.memory_bytes = 100; },
     [](Policy& p) { p.max_memory_bytes = 100; }, nullptr},
};

TEST(Policy, BoundsWhatAComponentMayAskFor) {
  for (const Case& one : kCases) {
    Component asking = component("main");
    Policy policy;
    one.ask(asking);
    one.allow(policy);
    if (one.violation == nullptr)
      EXPECT_THAT(violations(asking, policy), IsEmpty()) << one.what;
    else
      EXPECT_THAT(violations(asking, policy), ElementsAre(HasSubstr(one.violation))) << one.what;
    policy = Policy::anything();
    // What nothing forbids is allowed; paths that climb are never.
    if (std::string(one.what).find("climb") == std::string::npos) {
      EXPECT_THAT(violations(asking, policy), IsEmpty()) << one.what;
    }
  }
}

TEST(Policy, SaysAllThatIsTooMuchAtOnce) {
  Component asking = component("main");
  asking.privileged = true;
  asking.network = "host";
  asking.volumes = {{"/etc", "/a", {}}, {"/srv/a", "/b", {}}, {"/var", "/c", {}}};
  EXPECT_EQ(violations(asking, {}).size(), 4u);
}

Desired resolved(const Snapshot& what, const Policy& policy, const Desired* before = nullptr) {
  return resolve(what, NodeName("rift"), before, false, policy);
}

crds::Service on_host_network(const char* image) {
  crds::Service out = service("web", {component("main", image)});
  out.components[0].network = "host";
  return out;
}

TEST(Policy, AViolationHoldsItsServiceAlone) {
  const Desired first = resolved(snapshot(1, {service("web"), service("db")}), {});
  crds::Service db = service("db", {component("main", "app:v2")});
  const Desired second = resolved(snapshot(2, {on_host_network("app:v2"), db}), {}, &first);
  const ServiceDesired& web = second.services.at(ServiceName("web"));
  ASSERT_TRUE(web.hold);
  EXPECT_EQ(web.hold->reason, reason::kPolicyViolation);
  EXPECT_EQ(web.hold->message,
            "services/web.toml: components[main].network: asks for the host's network, "
            "policy.host_network allows none of it (ask for less, or let whoever runs node rift "
            "widen [policy] in the configuration of its agent)");
  EXPECT_EQ(web.components, first.services.at(ServiceName("web")).components);
  EXPECT_FALSE(second.services.at(ServiceName("db")).hold);
  EXPECT_TRUE(second.unusable.empty());
}

TEST(Policy, WhatWasNeverInForceIsRefused) {
  const Desired desired = resolved(snapshot(1, {on_host_network("app:v1")}), {});
  EXPECT_TRUE(desired.services.empty());
  EXPECT_TRUE(desired.unusable.contains(ServiceName("web")));
  EXPECT_TRUE(desired.refused.contains(ServiceName("web")));
}

TEST(Policy, DefaultsOfTheFleetAreBoundAsWell) {
  Snapshot one = snapshot(1, {service("web")});
  one.tree.fleet.emplace().network = "host";
  EXPECT_TRUE(resolved(one, {}).refused.contains(ServiceName("web")));
}

TEST(Policy, AnotherNodesServicesAreNotJudged) {
  crds::Service there = on_host_network("app:v1");
  there.node = NodeName("elsewhere");
  EXPECT_TRUE(resolved(snapshot(1, {there}), {}).unusable.empty());
}

}  // namespace
}  // namespace reconciler
