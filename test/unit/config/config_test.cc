#include "agent/config/config.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "agent/config/keys.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Environment kUser{.host_name = "Rift.example.net",
                        .root = false,
                        .home = "/home/mcp",
                        .runtime_dir = "/run/user/991"};
const Environment kRoot{.host_name = "rift", .root = true, .home = "/root"};

std::vector<std::string> texts(const std::vector<crds::Diagnostic>& diagnostics) {
  std::vector<std::string> out;
  for (const auto& one : diagnostics) out.push_back(one.text());
  return out;
}

TEST(Config, DefaultsOfAUser) {
  const Config config = default_config(kUser);
  EXPECT_EQ(config.node.name.str(), "rift");
  EXPECT_EQ(config.source.branch, "main");
  EXPECT_EQ(config.source.interval, std::chrono::seconds(30));
  EXPECT_EQ(config.podman.list_interval, std::chrono::seconds(60));
  EXPECT_EQ(config.registry.path, "/home/mcp/.local/state/mcp/mcp.db");
  EXPECT_EQ(config.state_dir(), "/home/mcp/.local/state/mcp");
  EXPECT_EQ(config.api.socket, "/run/user/991/mcp/agent.sock");
}

TEST(Config, DefaultsFollowTheEnvironment) {
  Environment environment = kRoot;
  EXPECT_EQ(default_config(environment).api.socket, "/run/mcp/agent.sock");
  EXPECT_EQ(default_config(environment).registry.path, "/root/.local/state/mcp/mcp.db");
  environment.home = "";
  EXPECT_EQ(default_config(environment).registry.path, "/root/.local/state/mcp/mcp.db");
  environment.state_home = "/var/lib";
  EXPECT_EQ(default_config(environment).registry.path, "/var/lib/mcp/mcp.db");
  environment = kUser;
  environment.runtime_dir = "";
  EXPECT_EQ(default_config(environment).api.socket, "/home/mcp/.local/state/mcp/agent.sock");
  for (const auto& [host, node] :
       {std::pair("a_b.example", "a-b"), std::pair("-x-", "x"), std::pair("", "localhost")}) {
    environment.host_name = host;
    EXPECT_EQ(default_config(environment).node.name.str(), node);
  }
}

TEST(Config, EveryKeyIsTaken) {
  const auto loaded = parse_config(R"(
[node]
name = "edge-1"
[source]
url = "https://git.example.net/desired.git"
branch = "prod"
path = "home"
interval = "2m"
username = "mcp"
password_file = "/etc/mcp/password"
ca_file = "/etc/mcp/ca.pem"
ssh_key = "/etc/mcp/key"
known_hosts = "/etc/mcp/known_hosts"
report = true
[podman]
socket = "/run/podman/podman.sock"
auth_file = "/etc/mcp/auth.json"
list_interval = "5m"
[[podman.registries]]
host = "registry.example.net:5000/"
username = "deploy"
password_file = "/etc/mcp/registry-password"
[source.verify]
mode = "ssh"
allowed_signers = "/etc/mcp/signers"
keyring = "/etc/mcp/keys.gpg"
[mcproxy]
socket = "/run/mc-proxy/api.sock"
cert_dir = "/srv/certs"
[api]
socket = "/run/x.sock"
group = "mcp"
[registry]
path = "/srv/mcp/mcp.db"
keep_events = 500
[drift]
heal = false
[policy]
images = ["registry.example.net/*"]
volume_roots = ["/data", "/srv"]
host_network = true
privileged = true
capabilities = ["cap_net_admin"]
devices = ["/dev/dri/*"]
publish = ["127.0.0.1", "::1"]
max_memory = "1GiB"
[log]
level = "debug"
format = "json"
)",
                                   "agent.toml", kUser);
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  const Config& config = loaded.config;
  EXPECT_EQ(config.node.name.str(), "edge-1");
  EXPECT_EQ(config.source.url, "https://git.example.net/desired.git");
  EXPECT_EQ(config.source.branch, "prod");
  EXPECT_EQ(config.source.path, "home");
  EXPECT_EQ(config.source.interval, std::chrono::minutes(2));
  EXPECT_EQ(config.source.username, "mcp");
  EXPECT_EQ(config.source.password_file, "/etc/mcp/password");
  EXPECT_EQ(config.source.ca_file, "/etc/mcp/ca.pem");
  EXPECT_EQ(config.source.ssh_key, "/etc/mcp/key");
  EXPECT_EQ(config.source.known_hosts, "/etc/mcp/known_hosts");
  EXPECT_EQ(config.podman.socket, "/run/podman/podman.sock");
  EXPECT_EQ(config.podman.auth_file, "/etc/mcp/auth.json");
  EXPECT_EQ(config.podman.list_interval, std::chrono::minutes(5));
  EXPECT_THAT(config.podman.registries,
              ElementsAre(Config::Podman::Registry{"registry.example.net:5000", "deploy",
                                                   "/etc/mcp/registry-password"}));
  EXPECT_TRUE(config.source.report);
  EXPECT_EQ(config.source.verify, VerifyMode::kSsh);
  EXPECT_EQ(config.source.allowed_signers, "/etc/mcp/signers");
  EXPECT_EQ(config.source.keyring, "/etc/mcp/keys.gpg");
  EXPECT_EQ(config.mcproxy.socket, "/run/mc-proxy/api.sock");
  EXPECT_EQ(config.mcproxy.cert_dir, "/srv/certs");
  EXPECT_EQ(config.api.socket, "/run/x.sock");
  EXPECT_EQ(config.api.group, "mcp");
  EXPECT_EQ(config.registry.path, "/srv/mcp/mcp.db");
  EXPECT_EQ(config.registry.keep_events, 500);
  EXPECT_FALSE(config.drift.heal);
  EXPECT_THAT(config.policy.images, ElementsAre("registry.example.net/*"));
  EXPECT_THAT(config.policy.volume_roots, ElementsAre("/data", "/srv"));
  EXPECT_TRUE(config.policy.host_network);
  EXPECT_TRUE(config.policy.privileged);
  EXPECT_THAT(config.policy.capabilities, ElementsAre("NET_ADMIN"));
  EXPECT_THAT(config.policy.devices, ElementsAre("/dev/dri/*"));
  EXPECT_THAT(config.policy.publish, ElementsAre("127.0.0.1", "::1"));
  EXPECT_EQ(config.policy.max_memory_bytes, uint64_t(1) << 30);
  EXPECT_EQ(config.log.level, base::log::Level::kDebug);
  EXPECT_EQ(config.log.format, base::log::Format::kJson);
}

TEST(Config, EmptyPathsAskForTheDefaults) {
  const auto loaded = parse_config(
      "[registry]\npath = \"\"\n[api]\nsocket = \"\"\nlisten = \"\"\n"
      "[source.verify]\nmode = \"off\"\n",
      "agent.toml", kUser);
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  EXPECT_EQ(loaded.config.registry.path, default_config(kUser).registry.path);
  EXPECT_EQ(loaded.config.api.socket, default_config(kUser).api.socket);
}

TEST(Config, ProblemsSayWhereAndWhat) {
  const std::pair<const char*, const char*> table[] = {
      {"[sorce]\n", "a.toml:1:2: sorce: unknown section (did you mean 'source'?)"},
      {"\n[source]\nurll = \"x\"\n", "a.toml:3:1: source.urll: unknown key (did you mean 'url'?)"},
      {"[log]\nzzzzzz = 1\n", "a.toml:2:1: log.zzzzzz: unknown key (known: level, format)"},
      {"[source]\ninterval = \"soon\"\n",
       "a.toml:2:12: source.interval: 'soon' is not a duration (write it as 500ms, 10s, 2m or "
       "1h30m)"},
      {"[source]\ninterval = \"10ms\"\n",
       "a.toml:2:12: source.interval: '10ms' is too short (at least 1s)"},
      {"[source]\ninterval = 30\n",
       "a.toml:2:12: source.interval: found the number 30, wanted a duration such as \"30s\""},
      {"[source]\nbranch = \"\"\n",
       "a.toml:2:10: source.branch: a branch has a name (leave it out for main)"},
      {"[node]\nname = \"Not A Label\"\n",
       "a.toml:2:8: node.name: 'Not A Label' is not a node name (1 to 63 of a-z, 0-9 and '-', no "
       "'-' at either end)"},
      {"[log]\nlevel = \"loud\"\n",
       "a.toml:2:9: log.level: 'loud' is not a log level (debug, info, warning or error)"},
      {"[registry]\nkeep_events = 3\n",
       "a.toml:2:15: registry.keep_events: 3 is out of range (100 to 10000000)"},
      {"log = 7\n", "a.toml:1:7: log: found the number 7, wanted a table (write [log])"},
      {"[policy]\nimages = [1]\n",
       "a.toml:2:10: policy.images: found a list, wanted a list of strings"},
      {"[source.verify]\nmode = \"pgp\"\n",
       "a.toml:2:8: source.verify.mode: 'pgp' is no way to verify (off, ssh or gpg)"},
      {"[source.verify]\nmode = \"gpg\"\nallowed_signers = \"/x\"\n",
       "a.toml:1:1: source.verify.mode: needs keyring (name the file of the keys that may sign)"},
      {"[[podman.registries]]\nhost = \"r.io\"\n",
       "a.toml:1:1: podman.registries: a registry needs host, username and password_file"},
      {"[[podman.registries]]\nhost = \"r.io\"\nuser = \"x\"\n",
       "a.toml:1:1: podman.registries: line 3: 'user' is not a string that is known here (host, "
       "username and password_file)"},
      {"[policy]\nvolume_roots = [\"srv\"]\n",
       "a.toml:2:16: policy.volume_roots: 'srv' is not an absolute path without '..'"},
      {"[policy]\npublish = [\"localhost\"]\n",
       "a.toml:2:11: policy.publish: 'localhost' is not an IP address (or \"*\" for any)"},
      {"[policy]\nmax_memory = \"much\"\n",
       "a.toml:2:14: policy.max_memory: 'much' is no amount of bytes (write it as 256MiB, 512M or "
       "1g)"},
  };
  for (const auto& [text, expected] : table)
    EXPECT_THAT(texts(parse_config(text, "a.toml", kUser).problems), ElementsAre(expected)) << text;
}

TEST(Config, NodesAreNamedAsInARepository) {
  EXPECT_EQ(parse_node_name("edge-1")->str(), "edge-1");
  for (const char* name : {"", "Rift", "a.b", "-a", "a b"})
    EXPECT_THAT(parse_node_name(name).error().text(), HasSubstr("is not a node name")) << name;
}

TEST(Config, ASyntaxErrorHasItsPlace) {
  const auto loaded = parse_config("[node]\nname = \n", "a.toml", kUser);
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].at.file, "a.toml");
  EXPECT_EQ(loaded.problems[0].at.line, 2);
}

TEST(Config, FilesAreReadOrSaidToBeUnreadable) {
  const test::TempDir folder;
  std::ofstream(folder / "agent.toml") << "[node]\nname = \"a\"\n";
  std::ofstream(folder / "empty.toml").close();
  EXPECT_EQ(load_config(folder / "agent.toml", kUser)->config.node.name.str(), "a");
  EXPECT_EQ(load_config(folder / "empty.toml", kUser)->config.node.name.str(), "rift");
  for (const std::string& path : {folder / "none.toml", folder.path()}) {
    const auto missing = load_config(path, kUser);
    ASSERT_FALSE(missing) << path;
    EXPECT_THAT(missing.error().text(), HasSubstr("cannot read the configuration " + path));
  }
}

// docs/configuration.md names every key.
TEST(Config, EveryKeyIsDocumented) {
  std::ifstream in(MCP_SOURCE_DIR "/docs/configuration.md");
  const std::string page(std::istreambuf_iterator<char>(in), {});
  for (const Key& key : config_keys()) {
    const std::string name = "`" + std::string(key.section) + "." + std::string(key.name) + "`";
    EXPECT_NE(page.find("| " + name), page.npos) << name;
  }
}

TEST(Config, CheckSaysOneLineAFinding) {
  const auto lines = [](const LoadedConfig& loaded) {
    std::vector<std::string> out;
    const std::vector<CheckProbe> probes = {
        {"source", [] { return base::Result<std::string>("main is at 1a2b3c4"); }},
        {"podman", []() -> base::Result<std::string> {
           return base::unavailable("cannot reach podman", "start podman.socket");
         }}};
    for (const Finding& finding : check_config(loaded, probes)) out.push_back(finding.line());
    return out;
  };
  EXPECT_THAT(lines(parse_config("[source]\nurl = \"/srv/git/x.git\"\n", "a.toml", kRoot)),
              ElementsAre("ok       config: node rift, registry /root/.local/state/mcp/mcp.db, "
                          "API /run/mcp/agent.sock",
                          "ok       source: main is at 1a2b3c4",
                          "error    podman: cannot reach podman (start podman.socket)"));
  EXPECT_THAT(
      lines(parse_config("x = 1\n", "a.toml", kRoot)),
      ElementsAre(HasSubstr("error    config: a.toml:1:1: x: unknown section"),
                  HasSubstr("error    config: no repository is named"), testing::_, testing::_));
}

}  // namespace
}  // namespace agent
