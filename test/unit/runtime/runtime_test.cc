#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/runtime/last_lines.h"
#include "agent/runtime/log_demux.h"
#include "agent/runtime/podman.h"
#include "agent/runtime/registry_auth.h"
#include "agent/runtime/spec_json.h"
#include "reconciler/labels.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string frame(int stream, const std::string& payload) {
  std::string header(8, '\0');
  header[0] = static_cast<char>(stream);
  header[6] = static_cast<char>(payload.size() >> 8);
  header[7] = static_cast<char>(payload.size());
  return header + payload;
}

// Fed in pieces of `step` bytes.
std::vector<std::string> lines_of(const std::string& bytes, size_t step) {
  std::vector<std::string> lines;
  LogDemux demux([&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  for (size_t at = 0; at < bytes.size(); at += step)
    EXPECT_TRUE(demux.feed(std::string_view(bytes).substr(at, step)));
  EXPECT_TRUE(demux.finish());
  return lines;
}

TEST(Logs, FramesBecomeWholeLines) {
  const std::string bytes = frame(1, "one\n") + frame(1, "tw") + frame(2, "err\n") +
                            frame(1, "o\nthree") + frame(2, "") + frame(2, "last");
  for (const size_t step : {1u, 3u, 7u, 1000u})
    EXPECT_THAT(lines_of(bytes, step), ElementsAre("one\n", "err\n", "two\n", "three\n", "last\n"));
  EXPECT_THAT(lines_of("", 1), ElementsAre());
}

TEST(Logs, ATerminalsLogIsBareText) {
  for (const size_t step : {1u, 1000u})
    EXPECT_THAT(lines_of("hello world\nagain", step), ElementsAre("hello world\n", "again\n"));
  EXPECT_THAT(lines_of("short", 1), ElementsAre("short\n"));
}

TEST(Logs, ALineWithoutAnEndIsCut) {
  std::string bytes;
  for (size_t i = 0; i <= LogDemux::kMaxLine / 1000; ++i) bytes += frame(1, std::string(1000, 'x'));
  const auto lines = lines_of(bytes + frame(1, "\n"), 5000);
  EXPECT_GT(lines.size(), 1u);
}

TEST(Logs, TheSinkCanEndIt) {
  int calls = 0;
  LogDemux demux([&](std::string_view) { return ++calls < 2; });
  EXPECT_FALSE(demux.feed(frame(1, "a\nb\nc\n")));
  EXPECT_EQ(calls, 2);
}

TEST(Logs, TheLastLinesAreShortAndReadable) {
  LastLines last(4);
  for (const std::string line :
       {"lost\n", "", "tab\there\r\n", "\x1b[31mred\n", "a\xffz \xc3\xa4\n",
        "\xc2\x9b"
        "31m \xc2\xa0.\n"})
    last.add(line);
  EXPECT_THAT(last.take(), ElementsAre("tab here", " [31mred", "a?z \u00e4", "?31m \u00a0."));
  EXPECT_THAT(last.take(), ElementsAre());
  last.add(std::string(LastLines::kMaxLine - 1, 'x') + "\u00e4\n");
  EXPECT_THAT(last.take(), ElementsAre(std::string(LastLines::kMaxLine - 1, 'x') + "?"));
  last.add("\n");
  EXPECT_THAT(last.take(), ElementsAre(""));
  EXPECT_EQ(LastLines(-1).limit(), 1u);
  EXPECT_EQ(LastLines(1 << 30).limit(), 100u);
}

TEST(Pull, WhatRegistriesSay) {
  const struct {
    const char* why;
    Code code;
    const char* hint;
  } cases[] = {
      {"reading manifest v1 in r.io:5000/x: unauthorized: authentication required",
       Code::kUnauthenticated, "podman login r.io:5000"},
      {"requested access to the resource is denied", Code::kUnauthenticated, "podman login"},
      {"unable to retrieve auth token: invalid username/password: unauthorized",
       Code::kUnauthenticated, "podman login"},
      {"StatusCode: 403, status code 403", Code::kUnauthenticated, "auth_file"},
      {"reading manifest v9: manifest unknown", Code::kNotFound, "push the image"},
      {"name unknown: repository name not known to registry", Code::kNotFound, "push the image"},
      {"pinging container registry: dial tcp 1.2.3.4:443: connect: connection refused",
       Code::kUnavailable, "is r.io:5000 up"},
      {"lookup r.io: no such host", Code::kUnavailable, "is r.io:5000 up"},
      {"http: server gave HTTP response to HTTPS client", Code::kUnavailable, "registries.conf"},
      {"invalid reference format", Code::kInvalid, "REGISTRY/NAME:TAG"},
      {"write /var/x: no space left on device", Code::kExhausted, "prune"},
      {"something else", Code::kInternal, ""},
  };
  for (const auto& test : cases) {
    const base::Error error = pull_error("r.io:5000/x:v1", test.why, {});
    EXPECT_EQ(error.code, test.code) << test.why;
    EXPECT_THAT(error.hint, HasSubstr(test.hint)) << test.why;
    EXPECT_THAT(error.message, HasSubstr("cannot pull r.io:5000/x:v1: "));
  }
}

TEST(Pull, RegistryOfAReference) {
  EXPECT_EQ(registry_of("r.io:5000/a/b:v1"), "r.io:5000");
  EXPECT_EQ(registry_of("localhost/a"), "localhost");
  EXPECT_EQ(registry_of("library/alpine:3"), "docker.io");
  EXPECT_EQ(registry_of("alpine"), "docker.io");
}

PodmanOptions credentials(const std::string& auth_file,
                          std::vector<RegistryLogin> registries = {}) {
  return {.socket = {},
          .auth_file = auth_file,
          .registries = std::move(registries),
          .runtime_folder = {}};
}

TEST(Pull, ConfiguredRegistriesCountBeforeTheFile) {
  const test::TempDir dir;
  std::ofstream(dir / "auth.json") << R"({"auths":{"r.io":{"auth":"YWxsOnB3"}}})";
  std::ofstream(dir / "password") << "secret?>\r\nnotes\n";
  std::ofstream(dir / "empty").close();
  const PodmanOptions options =
      credentials(dir / "auth.json", {{"r.io/team", "team", dir / "password"},
                                      {"bad.io", "x", dir / "none"},
                                      {"worse.io", "x", dir / "empty"}});
  const auto team = registry_auth("r.io/team/web:v1", options);
  ASSERT_TRUE(team);
  // base64url of {"password":...,"username":...}
  EXPECT_EQ(team->header, "eyJwYXNzd29yZCI6InNlY3JldD8-IiwidXNlcm5hbWUiOiJ0ZWFtIn0=");
  EXPECT_THAT(team->from, HasSubstr("user 'team' and password_file"));
  EXPECT_EQ(registry_auth("r.io/other", options)->from, dir / "auth.json");
  EXPECT_EQ(registry_auth("other.io/x", options)->from, "");
  for (const char* image : {"bad.io/x", "worse.io/x"}) {
    const auto unreadable = registry_auth(image, options);
    ASSERT_FALSE(unreadable);
    EXPECT_EQ(unreadable.error().code, Code::kUnauthenticated);
    EXPECT_THAT(unreadable.error().text(), HasSubstr("cannot read the password of registry"));
  }
  EXPECT_THAT(pull_error("r.io/team/web:v1", "unauthorized", *team).hint,
              HasSubstr("r.io refuses user 'team' and password_file " + dir / "password"));
}

TEST(Pull, CredentialsAreFoundByTheLongestPrefix) {
  const test::TempDir dir;
  const std::string file = dir / "auth.json";
  // team:secret?>, all:pw
  std::ofstream(file) << R"({"auths":{
    "r.io:5000/team":{"auth":"dGVhbTpzZWNyZXQ/Pg=="},
    "r.io:5000":{"auth":"YWxsOnB3"},
    "token.io":{"identitytoken":"t"},
    "https://index.io/v1/":{"auth":"YWxsOnB3"},
    "broken.io":{"auth":"%%%"}}})";
  const auto decoded = [&](const std::string& image) -> std::string {
    const auto auth = registry_auth(image, credentials(file));
    EXPECT_TRUE(auth) << image;
    if (!auth || auth->header.empty()) return "none";
    EXPECT_EQ(auth->from, file);
    EXPECT_EQ(auth->header.find_first_of("+/"), std::string::npos);
    return auth->header;
  };
  // base64url of {"password":...,"username":...}
  EXPECT_EQ(decoded("r.io:5000/team/web:v1"), decoded("r.io:5000/team/sub/web@sha256:abc"));
  EXPECT_EQ(decoded("r.io:5000/team/web:v1"),
            "eyJwYXNzd29yZCI6InNlY3JldD8-IiwidXNlcm5hbWUiOiJ0ZWFtIn0=");
  EXPECT_EQ(decoded("r.io:5000/teamster/web"), decoded("r.io:5000/web"));
  EXPECT_EQ(decoded("index.io/x"), decoded("r.io:5000/web"));
  EXPECT_EQ(decoded("token.io/x"), "eyJpZGVudGl0eXRva2VuIjoidCJ9");
  EXPECT_EQ(decoded("other.io/x"), "none");
  EXPECT_EQ(decoded("broken.io/x"), "none");
}

TEST(Pull, AConfiguredCredentialsFileMustBeReadable) {
  const test::TempDir dir;
  EXPECT_EQ(registry_auth("r.io/x", credentials(dir / "none")).error().code,
            Code::kUnauthenticated);
  std::ofstream(dir / "bad") << "not json";
  EXPECT_THAT(registry_auth("r.io/x", credentials(dir / "bad")).error().hint,
              HasSubstr("podman login"));
  std::ofstream(dir / "default") << R"({"auths":{"r.io":{"auth":"YWxsOnB3"}}})";
  ::setenv("REGISTRY_AUTH_FILE", (dir / "default").c_str(), 1);
  EXPECT_NE(registry_auth("r.io/x", credentials(""))->header, "");
  ::unsetenv("REGISTRY_AUTH_FILE");
}

reconciler::ContainerSpec full_spec() {
  reconciler::ContainerSpec spec;
  spec.name = "web.api";
  spec.owner.key = {reconciler::ServiceName("web"), reconciler::ComponentName("api")};
  spec.owner.spec_hash = "abc";
  spec.ports = {{"127.0.0.1", 8080, 80, "tcp"}};
  spec.env = {{"A", "b"}};
  spec.aliases = {"api", "web"};
  spec.component.image = "r.io/web:v1";
  spec.component.network = "mcpnet";
  spec.component.user = "0:0";
  spec.component.cmd = {"serve", "--all"};
  spec.component.volumes = {{"/srv/web", "/data", {"ro"}}, {"cache", "/cache", {}}};
  spec.component.secrets = {{"pw", "env:DB_PASSWORD"}, {"key", "/run/key"}};
  spec.component.memory_bytes = 1 << 20;
  spec.component.cpus = 0.5;
  spec.component.privileged = true;
  spec.component.cap_add = {"NET_ADMIN"};
  spec.component.cap_drop = {"MKNOD"};
  spec.component.devices = {{"/dev/fuse", "/dev/f", "rw"}};
  spec.component.stop_timeout = base::Millis(2500);
  spec.component.health = crds::Health{};
  spec.component.health->check = crds::CmdCheck{{"check", "me"}};
  return spec;
}

TEST(Spec, EveryFieldReachesPodman) {
  const Json body = Json::parse(create_json(full_spec(), "k8s-file"));
  const Json expected = Json::parse(R"({
    "name": "web.api", "image": "r.io/web:v1", "command": ["serve", "--all"], "user": "0:0",
    "env": {"A": "b"}, "restart_policy": "no", "stop_timeout": 3,
    "portmappings": [{"host_ip": "127.0.0.1", "host_port": 8080, "container_port": 80,
                      "protocol": "tcp"}],
    "log_configuration": {"driver": "k8s-file", "size": 67108864},
    "mounts": [{"type": "bind", "source": "/srv/web", "destination": "/data", "options": ["ro"]}],
    "volumes": [{"Name": "cache", "Dest": "/cache", "Options": []}],
    "privileged": true, "cap_add": ["NET_ADMIN"], "cap_drop": ["MKNOD"],
    "devices": [{"path": "/dev/fuse:/dev/f:rw"}],
    "netns": {"nsmode": "bridge"}, "Networks": {"mcpnet": {"aliases": ["api", "web"]}},
    "secret_env": {"DB_PASSWORD": "pw"},
    "secrets": [{"Source": "key", "Target": "/run/key", "UID": 0, "GID": 0, "Mode": 256}],
    "resource_limits": {"memory": {"limit": 1048576}, "cpu": {"quota": 50000, "period": 100000}},
    "healthconfig": {"Test": ["CMD", "check", "me"], "Interval": 0, "Timeout": 1000000000,
                     "Retries": 1}})");
  Json without_labels = body;
  without_labels.erase("labels");
  EXPECT_EQ(without_labels, expected) << without_labels.dump(1);
  EXPECT_EQ(reconciler::owner_of(body["labels"].get<crds::Labels>()), full_spec().owner);
}

TEST(Spec, TheHostsNetworkMapsNoPorts) {
  reconciler::ContainerSpec spec = full_spec();
  spec.component.network = "host";
  spec.component.health.reset();
  const Json body = Json::parse(create_json(spec, ""));
  EXPECT_EQ(body["netns"]["nsmode"], "host");
  EXPECT_FALSE(body.contains("portmappings"));
  EXPECT_FALSE(body.contains("log_configuration"));
  EXPECT_EQ(body["healthconfig"]["Test"], Json({"NONE"}));
}

TEST(List, RangesNullsAndUnknownStates) {
  const auto all = parse_list(R"([
    {"Id": "a", "Names": ["x"], "State": "running", "Labels": null, "Pid": 7,
     "StartedAt": 1700000000, "ExitedAt": -62135596800,
     "Ports": [{"host_ip": "", "host_port": 80, "container_port": 8080, "range": 2,
                "protocol": "tcp"},
               {"host_ip": "0.0.0.0", "host_port": 90, "container_port": 90, "range": 1,
                "protocol": "udp"}]},
    {"Id": "b", "Names": null, "State": "newer than us", "Ports": null}])");
  ASSERT_TRUE(all) << all.error().text();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_THAT(all->front().ports, ElementsAre(crds::PortMapping{"", 80, 8080, "tcp"},
                                              crds::PortMapping{"", 81, 8081, "tcp"},
                                              crds::PortMapping{"", 90, 90, "udp"}));
  EXPECT_EQ(all->front().pid, 7);
  EXPECT_EQ(all->front().exited_at, base::TimePoint());
  EXPECT_EQ(all->back().state, reconciler::ContainerState::kUnknown);
  for (const char* bad : {"", "{", "[1]", R"([{"Id": 3}])"})
    EXPECT_EQ(parse_list(bad).error().code, Code::kCorrupt) << bad;
  for (const char* bad : {"", "[]", R"({"Id": "a"})", R"({"Id": "a", "State": {"Pid": "x"}})"})
    EXPECT_EQ(parse_inspect(bad).error().code, Code::kCorrupt) << bad;
  const auto one = parse_inspect(R"({"Id": "a", "Config": null, "HostConfig": {"PortBindings":
      {"80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "0.0.0.0", "HostPort": "8081"}],
       "81/udp": null}}, "State": {"StartedAt":
      "2026-11-22T10:00:00.987654321+01:00", "FinishedAt": "0001-01-01T00:00:00Z"}})");
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_EQ(base::to_rfc3339(one->started_at), "2026-11-22T09:00:00Z");
  EXPECT_EQ(one->exited_at, base::TimePoint());
  EXPECT_THAT(one->ports, ElementsAre(crds::PortMapping{"", 8080, 80, "tcp"},
                                      crds::PortMapping{"", 8081, 80, "tcp"}));
}

TEST(Inspect, WhatIsLeftOfARun) {
  const struct {
    const char* json;
    bool left;
  } cases[] = {
      {R"({"State":{"Status":"stopped"},"NetworkSettings":{"SandboxKey":"/run/netns/n"}})", true},
      {R"({"State":{"Status":"exited"},"NetworkSettings":{"SandboxKey":"/run/netns/n"}})", false},
      {R"({"State":{"Status":"running"},"NetworkSettings":{"SandboxKey":"/run/netns/n"}})", false},
      {R"({"State":{"Status":"stopped"},"NetworkSettings":{"SandboxKey":""}})", false},
      {R"({"State":{"Status":"stopped"},"NetworkSettings":null})", false},
  };
  for (const auto& test : cases) EXPECT_EQ(*parse_network_left(test.json), test.left) << test.json;
  for (const char* bad : {"", "{}", R"({"State":{"Status":7}})"})
    EXPECT_EQ(parse_network_left(bad).error().code, Code::kCorrupt) << bad;
}

}  // namespace
}  // namespace agent
