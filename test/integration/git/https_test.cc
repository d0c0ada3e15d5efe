#include <gmock/gmock.h>

#include <random>

#include "agent/source/git_source.h"
#include "base/git/remote.h"
#include "controller/intent/repository.h"
#include "crds/edit.h"
#include "test/support/git/git_repo.h"
#include "test/support/git/git_server.h"
#include "test/support/temp_dir.h"

namespace base::git {
namespace {

using namespace std::chrono_literals;
using test::GitRepo;
using test::HttpsGitServer;
using test::Relay;
using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kService =
    "name = \"web\"\nversion = \"v1\"\n[[components]]\nname = \"app\"\nimage = \"localhost/web\"\n";

class Https : public testing::Test {
 protected:
  Https() {
    origin.git({"config", "http.receivepack", "true"});
    test::write_file(dir / "password", "right\n");
  }

  Remote remote(const HttpsGitServer& server, const std::string& name = "origin.git") {
    Remote remote;
    remote.url = server.url(name);
    remote.credentials.username = "mcp";
    remote.credentials.password_file = dir / "password";
    remote.credentials.ca_file = server.ca_file();
    remote.timeout = 20s;
    return remote;
  }

  test::TempDir dir;
  const GitRepo origin = [this] {
    test::isolate_git(dir / "home");
    return GitRepo::init_bare(dir / "root/origin.git");
  }();
  const GitRepo writer = GitRepo::clone(origin.path(), dir / "writer");
  const Oid head{writer.change("services/web.toml", kService)};
  Repository mirror = *Repository::create_bare(dir / "mirror");
};

TEST_F(Https, FetchesWithAPasswordAndOurCa) {
  const HttpsGitServer server(dir / "server", dir / "root");
  const auto fetched = fetch(mirror, remote(server), "main", Oid());
  ASSERT_TRUE(fetched) << fetched.error().text();
  EXPECT_EQ(*fetched, head);
  EXPECT_EQ(*mirror.read(mirror.find(head, "services/web.toml")->oid, 1000), kService);
  const Oid next(writer.change("README", "next"));
  EXPECT_EQ(*fetch(mirror, remote(server), "main", head), next);
}

// In this order: a libgit2 that is built with OpenSSL trusts a CA for as long as the process lives.
TEST_F(Https, AServerIsTrustedByItsOwnCaAlone) {
  const HttpsGitServer server(dir / "server", dir / "root");
  const HttpsGitServer stranger(dir / "stranger", dir / "root");
  Remote asked = remote(server);
  for (const std::filesystem::path& ca : {std::filesystem::path(), stranger.ca_file()}) {
    asked.credentials.ca_file = ca;
    const auto got = fetch(mirror, asked, "main", Oid());
    ASSERT_FALSE(got) << ca;
    EXPECT_EQ(got.error().code, Code::kDenied) << ca;
    EXPECT_THAT(got.error().text(),
                AllOf(HasSubstr("certificate is not trusted"), HasSubstr("set ca_file")));
  }
  EXPECT_TRUE(fetch(mirror, remote(server), "main", Oid()));
}

TEST_F(Https, EveryRefusalSaysWhyAndWhatToDo) {
  const HttpsGitServer server(dir / "server", dir / "root");
  test::write_file(dir / "wrong", "wrong\n");
  test::write_file(dir / "rubbish", "no certificate\n");
  struct Case {
    std::string name;
    std::function<void(Remote&)> change;
    Code code;
    std::string says;
  };
  const Case cases[] = {
      {"wrong password", [&](Remote& r) { r.credentials.password_file = dir / "wrong"; },
       Code::kUnauthenticated, "401"},
      {"no password", [&](Remote& r) { r.credentials.password_file.clear(); },
       Code::kUnauthenticated, "set username and password_file"},
      {"no password file", [&](Remote& r) { r.credentials.password_file = dir / "none"; },
       Code::kInvalid, "cannot read password_file"},
      {"a CA file that is none", [&](Remote& r) { r.credentials.ca_file = dir / "rubbish"; },
       Code::kInvalid, "cannot read ca_file"},
      {"no CA file", [&](Remote& r) { r.credentials.ca_file = dir / "none"; }, Code::kInvalid,
       "cannot read ca_file"},
      {"no such repository", [&](Remote& r) { r.url = server.url("nothing.git"); }, Code::kNotFound,
       "404"},
  };
  for (const Case& wanted : cases) {
    Remote asked = remote(server);
    wanted.change(asked);
    const auto got = fetch(mirror, asked, "main", Oid());
    ASSERT_FALSE(got) << wanted.name;
    EXPECT_EQ(name(got.error().code), name(wanted.code)) << wanted.name << got.error().text();
    EXPECT_THAT(got.error().text(), HasSubstr(wanted.says)) << wanted.name;
    // What was refused once leaves nothing behind.
    EXPECT_TRUE(fetch(mirror, remote(server), "main", Oid())) << wanted.name;
  }
}

TEST_F(Https, ARotatedPasswordNeedsNoRestart) {
  const HttpsGitServer server(dir / "server", dir / "root");
  const Remote asked = remote(server);
  test::write_file(dir / "password", "old\n");
  EXPECT_FALSE(fetch(mirror, asked, "main", Oid()));
  test::write_file(dir / "password", "right");
  EXPECT_TRUE(fetch(mirror, asked, "main", Oid()));
}

TEST_F(Https, AServerOfTls13AloneIsReachedOrExplained) {
  HttpsGitServer::Options options;
  options.protocols = "TLSv1.3";
  const HttpsGitServer server(dir / "server", dir / "root", options);
  const auto got = fetch(mirror, remote(server), "main", Oid());
  if (got) return;  // a libgit2 that is built with OpenSSL
  EXPECT_EQ(got.error().code, Code::kUnavailable);
  EXPECT_THAT(got.error().hint, HasSubstr("TLS 1.2"));
}

TEST_F(Https, AServerThatGoesAwayInTheMiddleLeavesTheMirrorWhole) {
  HttpsGitServer::Options open;
  open.tls = false;
  open.user.clear();
  const HttpsGitServer server(dir / "server", dir / "root", open);
  std::string noise(1 << 20, '\0');
  std::mt19937 random(7);
  for (char& byte : noise) byte = static_cast<char>(random());
  const Oid big(writer.change("big", noise));
  struct Case {
    Relay::End end;
    size_t bytes;
    Code code;
  };
  const Case cases[] = {
      {Relay::End::kCut, 10, Code::kUnavailable},
      {Relay::End::kCut, 200'000, Code::kUnavailable},
      {Relay::End::kSilence, 0, Code::kTimeout},
      {Relay::End::kSilence, 200'000, Code::kTimeout},
  };
  for (const Case& wanted : cases) {
    const Relay relay(server.port(), wanted.bytes, wanted.end);
    Remote asked;
    asked.url = "http://127.0.0.1:" + std::to_string(relay.port()) + "/origin.git";
    asked.timeout = wanted.end == Relay::End::kCut ? Millis(20s) : Millis(700);
    const auto got = fetch(mirror, asked, "main", Oid());
    ASSERT_FALSE(got);
    EXPECT_EQ(name(got.error().code), name(wanted.code)) << got.error().text();
    EXPECT_FALSE(mirror.resolve("main"));
  }
  Remote direct;
  direct.url = server.url("origin.git");
  EXPECT_EQ(*fetch(mirror, direct, "main", Oid()), big);
  EXPECT_EQ(mirror.read(mirror.find(big, "big")->oid, 2 << 20)->size(), noise.size());
}

TEST_F(Https, ATlsHandshakeThatHangsIsATimeout) {
  const HttpsGitServer server(dir / "server", dir / "root");
  const Relay relay(server.port(), 0, Relay::End::kSilence);
  Remote asked = remote(server);
  asked.url = "https://localhost:" + std::to_string(relay.port()) + "/origin.git";
  asked.timeout = 500ms;
  EXPECT_EQ(fetch(mirror, asked, "main", Oid()).error().code, Code::kTimeout);
}

TEST_F(Https, ASourceOutlivesItsServer) {
  HttpsGitServer server(dir / "server", dir / "root");
  agent::GitSourceConfig config;
  config.remote = remote(server);
  config.mirror_dir = dir / "state";
  agent::GitSource source(config);
  EXPECT_TRUE(source.poll()->has_value());
  EXPECT_FALSE(source.poll()->has_value());
  server.stop();
  EXPECT_EQ(source.poll().error().code, Code::kUnavailable);
  const std::string next = writer.change("README", "next");
  server.start();
  EXPECT_EQ(source.poll()->value().revision.str(), next);
}

TEST_F(Https, AnOperatorPushesWithACredentialHelper) {
  const HttpsGitServer server(dir / "server", dir / "root");
  controller::RepositoryOptions options;
  options.spec = server.url("origin.git");
  options.cache_dir = dir / "cache";
  options.timeout = 30s;
  const auto git_config = [&](const std::string& key, const std::string& value) {
    test::run({"git", "config", "--global", key, value});
  };
  EXPECT_EQ(controller::Repository::open(options).error().code, Code::kDenied);
  git_config("http.sslCAInfo", server.ca_file());
  EXPECT_EQ(controller::Repository::open(options).error().code, Code::kUnauthenticated);
  git_config("credential.helper", "!f() { echo username=mcp; echo password=right; }; f");
  auto repository = controller::Repository::open(options);
  ASSERT_TRUE(repository) << repository.error().text();
  controller::ChangeRequest request;
  request.service = crds::ServiceName("web");
  request.message = "Deploy web v2";
  request.edit = [](std::string_view path, std::string_view text) {
    return crds::set_version(path, text, crds::ServiceName("web"), "v2");
  };
  const auto commit = repository->change(request);
  ASSERT_TRUE(commit) << commit.error().text();
  EXPECT_EQ(origin.git({"rev-parse", "main"}), commit->revision);
}

TEST_F(Https, PushesARef) {
  const HttpsGitServer server(dir / "server", dir / "root");
  const auto commit = mirror.write_root("status.json", "{}", "Status", {"a", "a@b", {}, 0});
  ASSERT_TRUE(commit) << commit.error().text();
  ASSERT_TRUE(mirror.set_ref("refs/mcp/status/rift", *commit, "test"));
  const auto pushed = push(mirror, remote(server), "refs/mcp/status/rift");
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(origin.git({"rev-parse", "refs/mcp/status/rift"}), commit->str());
  test::write_file(dir / "password", "wrong\n");
  EXPECT_EQ(push(mirror, remote(server), "refs/mcp/status/rift").error().code,
            Code::kUnauthenticated);
}

}  // namespace
}  // namespace base::git
