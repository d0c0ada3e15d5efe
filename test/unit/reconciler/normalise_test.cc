#include "reconciler/normalise.h"

#include <gtest/gtest.h>

#include <functional>

#include "crds/decode.h"
#include "samples.h"

namespace reconciler {
namespace {

using crds::Component;
using test::component;

std::string container_hash(const Component& c) {
  return spec_hash(container_fields(c, std::nullopt));
}
std::string agent_hash(const Component& c) {
  return spec_hash(agent_fields(c));
}

struct FieldCase {
  const char* field;
  bool container;  // another value makes another container
  bool agent;      // another value changes what the agent does
  std::function<void(Component&)> change;
};

// One line or more for each field of crds::Component.
const FieldCase kFields[] = {
    {"image", true, false, [](Component& c) { c.image = "app:v2"; }},
    {"network", true, false, [](Component& c) { c.network = "inner"; }},
    {"user", true, false, [](Component& c) { c.user = "1000"; }},
    {"restart", false, true, [](Component& c) { c.restart = {crds::Restart::Policy::kNo, {}}; }},
    {"restart retries", false, true,
     [](Component& c) { c.restart = {crds::Restart::Policy::kOnFailure, 3}; }},
    {"ports", true, false, [](Component& c) { c.ports.push_back({"", 80, 80, "tcp"}); }},
    {"volumes", true, false, [](Component& c) { c.volumes.push_back({"/srv/a", "/a", {"ro"}}); }},
    {"cmd", true, false, [](Component& c) { c.cmd = {"serve"}; }},
    {"env", true, false, [](Component& c) { c.env["LEVEL"] = "debug"; }},
    {"env, empty", true, false, [](Component& c) { c.env["LEVEL"] = ""; }},
    {"secrets", true, false, [](Component& c) { c.secrets.push_back({"key", "env:KEY"}); }},
    {"memory_bytes", true, false, [](Component& c) { c.memory_bytes = 1 << 20; }},
    {"cpus", true, false, [](Component& c) { c.cpus = 0.5; }},
    {"privileged", true, false, [](Component& c) { c.privileged = true; }},
    {"cap_add", true, false, [](Component& c) { c.cap_add = {"NET_ADMIN"}; }},
    {"cap_drop", true, false, [](Component& c) { c.cap_drop = {"ALL"}; }},
    {"devices", true, false, [](Component& c) { c.devices = {{"/dev/a", "/dev/a"}}; }},
    {"devices' permissions", true, false,
     [](Component& c) { c.devices = {{"/dev/a", "/dev/a", "r"}}; }},
    {"stop_timeout", false, true, [](Component& c) { c.stop_timeout = Millis(2000); }},
    {"depends_on", false, true, [](Component& c) { c.depends_on = {ComponentName("db")}; }},
    {"strategy", false, true, [](Component& c) { c.strategy = crds::Strategy::kRecreate; }},
    {"health http", false, true,
     [](Component& c) { c.health = crds::Health{.check = crds::HttpCheck{"/"}}; }},
    {"health tcp", false, true,
     [](Component& c) { c.health = crds::Health{.check = crds::TcpCheck{}}; }},
    {"health cmd", true, true,
     [](Component& c) { c.health = crds::Health{.check = crds::CmdCheck{{"true"}}}; }},
    {"routes", true, true, [](Component& c) { c.routes.push_back({.name = "rest"}); }},
    {"rollout.watch", false, true, [](Component& c) { c.rollout.watch = Millis(1); }},
    {"rollout.drain", false, true, [](Component& c) { c.rollout.drain = Millis(1); }},
    {"rollout.hold", false, true, [](Component& c) { c.rollout.hold = Millis(1); }},
};

TEST(Normalise, EachFieldChangesTheHashItShould) {
  // A new field of a component needs a line above; this stops compiling without one.
  [[maybe_unused]] const auto& [name, image, network, user, restart, ports, volumes, cmd, env,
                                secrets, memory_bytes, cpus, privileged, cap_add, cap_drop, devices,
                                stop_timeout, depends_on, strategy, health, routes, rollout] =
      component("main");
  const Component plain = component("main");
  for (const FieldCase& one : kFields) {
    Component changed = plain;
    one.change(changed);
    EXPECT_EQ(container_hash(changed) != container_hash(plain), one.container) << one.field;
    EXPECT_EQ(agent_hash(changed) != agent_hash(plain), one.agent) << one.field;
  }
}

TEST(Normalise, EachFieldOfAHealthCheckAndARouteIsSeen) {
  Component with = component("main");
  with.health = crds::Health{.check = crds::CmdCheck{{"a", "b"}}};
  with.routes = {{.name = "rest"}};
  [[maybe_unused]] const auto& [check, port, interval, timeout, retries, start_period] =
      *with.health;
  [[maybe_unused]] const auto& [name, listener, mode, hostname, target, tls, protocol, edge] =
      with.routes.front();
  const FieldCase cases[] = {
      {"check", true, true, [](Component& c) { c.health->check = crds::CmdCheck{{"a b"}}; }},
      {"port", false, true, [](Component& c) { c.health->port = "80"; }},
      {"interval", false, true, [](Component& c) { c.health->interval = Millis(1); }},
      {"timeout", false, true, [](Component& c) { c.health->timeout = Millis(1); }},
      {"retries", false, true, [](Component& c) { c.health->retries = 9; }},
      {"start_period", false, true, [](Component& c) { c.health->start_period = Millis(1); }},
      {"route name", true, true, [](Component& c) { c.routes[0].name = "grpc"; }},
      {"listener", false, true, [](Component& c) { c.routes[0].port = 8443; }},
      {"mode", false, true, [](Component& c) { c.routes[0].mode = crds::Route::Mode::kL7; }},
      {"hostname", false, true, [](Component& c) { c.routes[0].hostname = "a.example.net"; }},
      {"target_port", true, false, [](Component& c) { c.routes[0].target_port = 80; }},
      {"backend_tls", false, true, [](Component& c) { c.routes[0].backend_tls = true; }},
      {"backend_protocol", false, true,
       [](Component& c) { c.routes[0].backend_protocol = crds::Route::Protocol::kH2c; }},
      {"edge", false, true, [](Component& c) { c.routes[0].edge = "svc"; }},
  };
  for (const FieldCase& one : cases) {
    Component changed = with;
    one.change(changed);
    EXPECT_EQ(container_hash(changed) != container_hash(with), one.container) << one.field;
    // The words of a command are told apart by the container's hash.
    if (one.field != std::string("check")) {
      EXPECT_EQ(agent_hash(changed) != agent_hash(with), one.agent) << one.field;
    }
  }
}

TEST(Normalise, ARestartIsAnotherContainer) {
  const Component c = component("main");
  EXPECT_NE(spec_hash(container_fields(c, test::at(1))),
            spec_hash(container_fields(c, test::at(2))));
}

TEST(Normalise, TheOrderOfKeysMeansNothing) {
  const auto hash = [](const char* text) {
    const auto file = crds::decode_file("services/web.toml", text);
    EXPECT_TRUE(file.problems.empty());
    return container_hash(file.services.at(0).value.components.at(0));
  };
  EXPECT_EQ(hash("name = 'web'\n[[components]]\nname = 'a'\nimage = 'x:1'\nuser = '1'\n"
                 "env = { B = '2', A = '1' }\n"),
            hash("name = 'web'\n[[components]]\nenv = { A = '1', B = '2' }\nuser = '1'\n"
                 "image = 'x:1'\nname = 'a'\n"));
}

TEST(Normalise, WordsAreNotRunTogether) {
  const auto with = [](std::vector<std::string> cmd) {
    Component c = component("main");
    c.cmd = std::move(cmd);
    return container_hash(c);
  };
  EXPECT_NE(with({"a b"}), with({"a", "b"}));
  EXPECT_NE(with({"a", ""}), with({"a"}));
}

TEST(Normalise, DifferencesReadWell) {
  Component before = component("main", "web:v1"), after = component("main", "web:v2");
  before.env = {{"GONE", "1"}, {"LEVEL", "debug"}};
  after.env = {{"LEVEL", "info"}, {"NEW", "1"}};
  before.cmd = {"serve"};
  after.cmd = {"serve", "-v"};
  after.ports = {{"", 80, 8080, "tcp"}, {"", 81, 8081, "udp"}};
  EXPECT_EQ(text(diff(container_fields(before, {}), container_fields(after, {}))),
            "cmd: serve -> serve -v, env.GONE is unset, env.LEVEL changed, "
            "env.NEW is set, image: web:v1 -> web:v2, "
            "ports: (none) -> :80:8080/tcp :81:8081/udp");
  EXPECT_EQ(text(diff(container_fields(before, {}), container_fields(before, {}))), "");
}

TEST(Complete, FillsInWhatIsNotSaid) {
  crds::Fleet fleet;
  fleet.registry = "registry.example.net/team";
  fleet.domain = "svc.example.net";
  fleet.network = "inner";
  fleet.user = "0:0";
  crds::Service one = test::service("web", {component("api", "")});
  one.version = "v7";
  using crds::Route;
  one.components[0].routes = {
      {.name = "a"},
      {.name = "b", .mode = Route::Mode::kL7},
      {.name = "c", .mode = Route::Mode::kL7, .backend_protocol = Route::Protocol::kTls}};
  const Component api = complete(one.components[0], one, fleet);
  EXPECT_EQ(api.image, "registry.example.net/team/web:v7");
  EXPECT_EQ(api.network, "inner");
  EXPECT_EQ(api.user, "0:0");
  EXPECT_EQ(api.restart, crds::Restart{});
  EXPECT_EQ(api.stop_timeout, std::chrono::seconds(10));
  EXPECT_EQ(api.routes[0].hostname, "web.svc.example.net");
  EXPECT_EQ(api.routes[0].backend_tls, true);
  EXPECT_EQ(api.routes[1].backend_tls, false);
  EXPECT_EQ(api.routes[2].backend_tls, true);

  crds::Service two = test::service("web", {component("api", ""), component("worker", "x")});
  two.version = "v7";
  EXPECT_EQ(complete(two.components[0], two, fleet).image, "registry.example.net/team/web-api:v7");
  EXPECT_EQ(complete(two.components[1], two, fleet).image, "x:v7");
  EXPECT_EQ(complete(two.components[0], two, {}).image, "");
}

TEST(Complete, LeavesWhatIsSaid) {
  crds::Service one = test::service("web");
  one.version = "v7";
  for (const char* image : {"app:v1", "localhost:5000/app:v1", "app@sha256:00"}) {
    one.components[0].image = image;
    EXPECT_EQ(complete(one.components[0], one, {}).image, image);
  }
  one.components[0].image = "localhost:5000/app";
  EXPECT_EQ(complete(one.components[0], one, {}).image, "localhost:5000/app:v7");
}

TEST(CanRoll, OnlyWhatMayStandBesideItself) {
  const auto rolls = [](const std::function<void(Component&)>& change) {
    Component c = component("main");
    change(c);
    return can_roll(c);
  };
  EXPECT_TRUE(rolls([](Component&) {}));
  EXPECT_TRUE(rolls([](Component& c) { c.ports = {{"", 0, 80, "tcp"}}; }));
  EXPECT_FALSE(rolls([](Component& c) { c.ports = {{"", 80, 80, "tcp"}}; }));
  EXPECT_FALSE(rolls([](Component& c) { c.network = "host"; }));
  EXPECT_FALSE(rolls([](Component& c) { c.strategy = crds::Strategy::kRecreate; }));
}

TEST(SameImage, AsPodmanWritesThemOut) {
  const struct {
    const char *wanted, *shown;
    bool same;
  } cases[] = {
      {"app:v1", "app:v1", true},
      {"nginx", "docker.io/library/nginx:latest", true},
      {"nginx:1", "docker.io/library/nginx:1", true},
      {"demo:v1", "localhost/demo:v1", true},
      {"library/nginx:1", "docker.io/library/nginx:1", true},
      {"nginx:1", "docker.io/library/nginx:2", false},
      {"nginx:1", "docker.io/library/mynginx:1", false},
      {"a/nginx:1", "b/nginx:1", false},
      {"r.example.net/app@sha256:0a", "r.example.net/app@sha256:0a", true},
      {"app:v1@sha256:0a", "r.example.net/app@sha256:0a", true},
      {"r.example.net:5000/app:v1@sha256:0a", "r.example.net:5000/app@sha256:0a", true},
      {"r.example.net:5000/app@sha256:0a", "r.example.net:5000/app@sha256:0b", false},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(same_image(one.wanted, one.shown), one.same) << one.wanted << " " << one.shown;
    EXPECT_EQ(same_image(one.shown, one.wanted), one.same) << one.shown << " " << one.wanted;
  }
}

}  // namespace
}  // namespace reconciler
