#include <gmock/gmock.h>

#include <cstdlib>

#include "agent/source/git_source.h"
#include "base/git/remote.h"
#include "base/process/process.h"
#include "controller/intent/repository.h"
#include "test/support/git/git_repo.h"
#include "test/support/git/git_server.h"
#include "test/support/temp_dir.h"

namespace base::git {
namespace {

using namespace std::chrono_literals;
using test::GitRepo;
using test::Relay;
using test::SshGitServer;
using testing::HasSubstr;

class Ssh : public testing::Test {
 protected:
  Remote remote(const std::vector<std::string>& host_keys = {"ed25519"}) {
    Remote remote;
    remote.url = server.url(origin.path());
    remote.credentials.ssh_key = key;
    remote.credentials.known_hosts = server.known_hosts(host_keys);
    remote.timeout = 20s;
    return remote;
  }

  // As ssh-keygen prints it.
  static std::string fingerprint(const std::filesystem::path& key) {
    const std::string line = test::run({"ssh-keygen", "-l", "-f", key.string()});
    const size_t begin = line.find("SHA256:");
    return line.substr(begin, line.find(' ', begin) - begin);
  }

  test::TempDir dir;
  const GitRepo origin = [this] {
    test::isolate_git(dir / "home");
    return GitRepo::init_bare(dir / "it's/origin.git");
  }();
  const GitRepo writer = GitRepo::clone(origin.path(), dir / "writer");
  const Oid head{writer.change("a", "1")};
  SshGitServer server{dir / "server"};
  const std::filesystem::path key = server.make_key("key");
  Repository mirror = *Repository::create_bare(dir / "mirror");
};

// The server has three kinds of host key; whichever the file knows is the one to ask for.
TEST_F(Ssh, FetchesWithAKeyAndWhicheverHostKeyIsKnown) {
  for (const std::vector<std::string>& known :
       {std::vector<std::string>{"ed25519"}, {"ecdsa"}, {"rsa", "ecdsa", "ed25519"}}) {
    const auto got = fetch(mirror, remote(known), "main", Oid());
    ASSERT_TRUE(got) << known[0] << ": " << got.error().text();
    EXPECT_EQ(*got, head);
  }
  const Oid next(writer.change("a", "2"));
  EXPECT_EQ(*fetch(mirror, remote(), "main", head), next);
  EXPECT_EQ(*mirror.read(mirror.find(next, "a")->oid, 10), "2");
}

TEST_F(Ssh, AnRsaHostKeyWorksOrIsExplained) {
  const auto got = fetch(mirror, remote({"rsa"}), "main", Oid());
  if (got) return;  // libssh2 1.11 and later
  EXPECT_EQ(got.error().code, Code::kUnavailable);
  EXPECT_THAT(got.error().hint, HasSubstr("ssh-keyscan -p"));
}

TEST_F(Ssh, HashedNamesAreKnown) {
  Remote asked = remote();
  test::run({"ssh-keygen", "-H", "-f", asked.credentials.known_hosts.string()});
  EXPECT_THAT(test::read_file(asked.credentials.known_hosts), HasSubstr("|1|"));
  const auto got = fetch(mirror, asked, "main", Oid());
  ASSERT_TRUE(got) << got.error().text();
}

TEST_F(Ssh, AnUnknownHostKeyIsRefused) {
  Remote asked = remote();
  for (const std::string& lines :
       {std::string(), "localhost " + test::read_file(server.host_key("ed25519"))}) {
    test::write_file(asked.credentials.known_hosts, lines);
    const auto got = fetch(mirror, asked, "main", Oid());
    ASSERT_FALSE(got) << lines;
    EXPECT_EQ(got.error().code, Code::kDenied);
    EXPECT_THAT(got.error().message, HasSubstr(fingerprint(server.host_key("ecdsa"))));
    EXPECT_THAT(got.error().hint, HasSubstr("ssh-keyscan -p"));
  }
}

TEST_F(Ssh, AChangedHostKeyIsRefusedUntilItIsKnown) {
  Remote asked = remote();
  const std::string right = test::read_file(asked.credentials.known_hosts);
  test::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir / "other"});
  test::write_file(asked.credentials.known_hosts, "[127.0.0.1]:" + std::to_string(server.port()) +
                                                      " " + test::read_file(dir / "other.pub"));
  agent::GitSourceConfig config;
  config.remote = asked;
  config.mirror_dir = dir / "state";
  agent::GitSource source(config);
  const auto got = source.poll();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kDenied);
  EXPECT_THAT(got.error().message, HasSubstr(fingerprint(server.host_key("ed25519"))));
  EXPECT_THAT(got.error().message, HasSubstr("is not the one in"));
  EXPECT_THAT(got.error().hint, HasSubstr("ssh-keygen -f"));
  test::write_file(asked.credentials.known_hosts, right);
  const auto again = source.poll();
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->revision.str(), head.str());
}

TEST_F(Ssh, EveryRefusalSaysWhyAndWhatToDo) {
  const auto stranger = server.make_key("stranger", "ed25519", false);
  const auto locked = server.make_key("locked", "ed25519", true, "passphrase");
  struct Case {
    std::string name;
    std::function<void(Remote&)> change;
    Code code;
    std::string says;
  };
  const Case cases[] = {
      {"a key nobody knows", [&](Remote& r) { r.credentials.ssh_key = stranger; },
       Code::kUnauthenticated, "authorized keys"},
      {"a key with a passphrase", [&](Remote& r) { r.credentials.ssh_key = locked; },
       Code::kInvalid, "has a passphrase"},
      {"no key file", [&](Remote& r) { r.credentials.ssh_key = dir / "none"; }, Code::kInvalid,
       "cannot read ssh_key"},
      {"no key and no agent", [&](Remote& r) { r.credentials.ssh_key.clear(); },
       Code::kUnauthenticated, "no ssh agent"},
      {"no known_hosts file", [&](Remote& r) { r.credentials.known_hosts = dir / "none"; },
       Code::kInvalid, "cannot read known_hosts"},
      {"no such repository", [&](Remote& r) { r.url = server.url("/srv/nothing.git"); },
       Code::kNotFound, "/srv/nothing.git"},
      {"no such branch", [](Remote&) {}, Code::kNotFound, "no branch 'gone'"},
  };
  for (const Case& wanted : cases) {
    Remote asked = remote();
    wanted.change(asked);
    const auto got = fetch(mirror, asked, "gone", Oid());
    ASSERT_FALSE(got) << wanted.name;
    EXPECT_EQ(name(got.error().code), name(wanted.code)) << wanted.name << got.error().text();
    EXPECT_THAT(got.error().text(), HasSubstr(wanted.says)) << wanted.name;
  }
}

TEST_F(Ssh, AnRsaKeyWorksOrIsExplained) {
  Remote asked = remote();
  asked.credentials.ssh_key = server.make_key("rsa-key", "rsa");
  const auto got = fetch(mirror, asked, "main", Oid());
  if (got) return;  // libssh2 1.11 and later
  EXPECT_EQ(got.error().code, Code::kUnauthenticated);
  EXPECT_THAT(got.error().hint, HasSubstr("ed25519"));
}

TEST_F(Ssh, AnAgentHoldsTheKey) {
  const std::string socket = dir / "agent.sock";
  auto agent = base::Child::spawn({.argv = {"ssh-agent", "-D", "-a", socket}},
                                  {.output_file = dir / "agent.log"});
  ASSERT_TRUE(agent);
  while (!std::filesystem::exists(socket)) ASSERT_FALSE(agent->wait(10ms));
  setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  test::run({"ssh-add", "-q", key.string()});
  Remote asked = remote();
  asked.credentials.ssh_key.clear();
  const auto got = fetch(mirror, asked, "main", Oid());
  EXPECT_TRUE(got) << got.error().text();
  test::run({"ssh-add", "-q", "-D"});
  EXPECT_EQ(fetch(mirror, asked, "main", Oid()).error().code, Code::kUnauthenticated);
  unsetenv("SSH_AUTH_SOCK");
  agent->terminate(1s);
}

TEST_F(Ssh, AServerThatFallsSilentIsATimeout) {
  for (const size_t bytes : {0, 30, 3000}) {
    const Relay relay(server.port(), bytes, Relay::End::kSilence);
    Remote asked = remote();
    asked.url = server.url(origin.path(), relay.port());
    test::write_file(asked.credentials.known_hosts,
                     "[127.0.0.1]:" + std::to_string(relay.port()) + " " +
                         test::read_file(server.host_key("ed25519")));
    asked.timeout = 700ms;
    const auto got = fetch(mirror, asked, "main", Oid());
    ASSERT_FALSE(got);
    EXPECT_EQ(name(got.error().code), name(Code::kTimeout)) << got.error().text();
  }
}

TEST_F(Ssh, AnOperatorsSshConfigurationIsUsed) {
  const std::string known = server.known_hosts({"ed25519"});
  test::write_file(dir / "ssh_config",
                   "Host *\nIdentityFile " + key.string() + "\nUserKnownHostsFile " + known + "\n");
  controller::RepositoryOptions options;
  options.spec = server.url(origin.path());
  options.cache_dir = dir / "cache";
  options.timeout = 30s;
  EXPECT_EQ(controller::Repository::open(options).error().code, Code::kDenied);
  setenv("GIT_SSH_COMMAND", ("ssh -F " + (dir / "ssh_config")).c_str(), 1);
  auto repository = controller::Repository::open(options);
  ASSERT_TRUE(repository) << repository.error().text();
  controller::ChangeRequest request;
  request.path = "notes";
  request.message = "Take a note";
  request.edit = controller::create_file("note\n");
  const auto commit = repository->change(request);
  unsetenv("GIT_SSH_COMMAND");
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(origin.git({"rev-parse", "main"}), commit->revision);
}

TEST_F(Ssh, PushesARef) {
  const auto commit = mirror.write_root("status.json", "{}", "Status", {"a", "a@b", {}, 0});
  ASSERT_TRUE(commit) << commit.error().text();
  ASSERT_TRUE(mirror.set_ref("refs/mcp/status/rift", *commit, "test"));
  for (int i = 0; i < 2; ++i) {
    const auto pushed = push(mirror, remote(), "refs/mcp/status/rift");
    ASSERT_TRUE(pushed) << pushed.error().text();
    EXPECT_EQ(origin.git({"rev-parse", "refs/mcp/status/rift"}), commit->str());
  }
  // A server that refuses says so in its own words.
  test::write_file(origin.path() / "hooks/update", "#!/bin/sh\necho not you >&2; exit 1\n");
  std::filesystem::permissions(origin.path() / "hooks/update", std::filesystem::perms::owner_all);
  const auto other = mirror.write_root("status.json", "{ }", "Status", {"a", "a@b", {}, 0});
  ASSERT_TRUE(mirror.set_ref("refs/mcp/status/rift", *other, "test"));
  const auto refused = push(mirror, remote(), "refs/mcp/status/rift");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDenied) << refused.error().text();
  EXPECT_THAT(refused.error().text(), HasSubstr("refuses refs/mcp/status/rift: hook declined"));
}

}  // namespace
}  // namespace base::git
