// The agent and where its commits come from: a git server that wants a password, and people who
// sign.
#include <gmock/gmock.h>

#include <filesystem>

#include "test/integration/agent/node.h"
#include "test/support/agent_program.h"
#include "test/support/git/git_repo.h"
#include "test/support/git/git_server.h"

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(AgentSource, AWrongPasswordIsToldAndTheRightOneNeedsNoRestart) {
  const TempDir dir;
  isolate_git(dir / "home");
  const GitRepo origin = GitRepo::init_bare(dir / "root/origin.git");
  const GitRepo writer = GitRepo::clone(origin.path(), dir / "writer");
  writer.change("services/job.toml", definition("job", kSleep));
  const HttpsGitServer server(dir / "server", dir / "root");
  write_file(dir / "password", "wrong\n");
  Node node("username = \"mcp\"\npassword_file = \"" + (dir / "password") + "\"\nca_file = \"" +
                server.ca_file().string() + "\"\n",
            "rift", server.url("origin.git"));
  node.start_agent();
  node.wait("the refusal is told, and what to look at", [&] {
    return node.node_tells("SourceUnavailable",
                           "the git server refuses the password of 'mcp' (401) (check username and "
                           "what is in " +
                               (dir / "password") + ")");
  });
  EXPECT_TRUE(node.service("job").is_null());
  write_file(dir / "password", "right\n");
  node.wait("it is let in",
            [&] { return node.ready("job") && node.node_reason() == "ReconciliationSucceeded"; });
}

class SignedSource : public testing::TestWithParam<std::string> {
 protected:
  SignedSource() {
    isolate_git(dir_ / "home");
    for (const std::string name : {"alice", "mallory"}) {
      if (!gpg()) {
        run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", dir_ / name});
        continue;
      }
      std::filesystem::create_directory(dir_ / name);
      std::filesystem::permissions(dir_ / name, std::filesystem::perms::owner_all);
      run({"gpg", "--homedir", dir_ / name, "--batch", "--quiet", "--pinentry-mode", "loopback",
           "--passphrase", "", "--quick-gen-key", name + "@example.net", "ed25519", "sign"});
      write_file(dir_ / (name + ".sh"),
                 "#!/bin/sh\nexec gpg --homedir '" + (dir_ / name) + "' \"$@\"\n");
      std::filesystem::permissions(dir_ / (name + ".sh"), std::filesystem::perms::owner_all);
    }
    if (gpg())
      run({"gpg", "--homedir", dir_ / "alice", "--batch", "--output", dir_ / "keys", "--export"});
    else
      write_file(dir_ / "keys", "alice@example.net " + read_file(dir_ / "alice.pub"));
  }
  ~SignedSource() override {
    for (const char* name : {"alice", "mallory"})
      if (gpg()) run({"gpgconf", "--homedir", dir_ / name, "--kill", "all"});
  }

  static bool gpg() { return GetParam() == "gpg"; }
  std::string verify() const {
    return std::string("verify = { mode = \"") + GetParam() + "\", " +
           (gpg() ? "keyring" : "allowed_signers") + " = \"" + (dir_ / "keys") + "\" }\n";
  }
  // How the key is called where a commit is refused that it has signed.
  std::string key_of(const std::string& name) const {
    if (!gpg()) {
      const std::string line = run({"ssh-keygen", "-l", "-f", dir_ / name});
      const size_t at = line.find("SHA256:");
      return line.substr(at, line.find(' ', at) - at);
    }
    const std::string listed =
        run({"gpg", "--homedir", dir_ / name, "--batch", "--with-colons", "--list-keys"});
    return listed.substr(listed.find("fpr:::::::::") + 36, 16);  // the end of its fingerprint
  }
  std::string commit(const GitRepo& writer, const std::string& text, const std::string& name) {
    writer.write("services/job.toml", text);
    writer.git({"add", "-A"});
    std::vector<std::string> words = {"-c", "gpg.format=ssh", "-c",
                                      "user.signingkey=" + (dir_ / name)};
    if (gpg())
      words = {"-c", "gpg.program=" + (dir_ / (name + ".sh")), "-c",
               "user.signingkey=" + key_of(name)};
    if (name.empty()) words.clear();
    words.insert(words.end(), {"commit", "-q", "-m", "change"});
    if (!name.empty()) words.emplace_back("-S");
    writer.git(words);
    writer.git({"push", "-q", "origin", "HEAD:main"});
    return writer.head();
  }

  const TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(, SignedSource, testing::Values("ssh", "gpg"),
                         [](const auto& one) { return one.param; });

TEST_P(SignedSource, WhoMayNotSignIsNamedAndTheLastGoodCommitStays) {
  const GitRepo origin = GitRepo::init_bare(dir_ / "origin.git");
  const GitRepo writer = GitRepo::clone(origin.path(), dir_ / "writer");
  const std::string good = commit(writer, definition("job", kSleep), "alice");
  Node node(verify(), "rift", origin.path());
  const auto status = [&] {
    return run_mcp(dir_.path(), {"status"},
                   {{"MCP_AGENT", "unix://" + (node.folder() / "agent.sock")}});
  };
  node.start_agent();
  node.wait("what alice has signed runs", [&] { return node.ready("job"); });
  const std::string container = node.container_id("job.main");

  const std::string changed = definition("job", kSleep, "env = [\"A=b\"]\n");
  for (const auto& [name, why] :
       {std::pair<std::string, std::string>("mallory", key_of("mallory")), {"", "is not signed"}}) {
    const std::string bad = commit(writer, changed + "# by " + name + "\n", name);
    node.wait("the commit is held and told", [&] {
      return node.node_tells("CommitNotVerified", "commit " + bad.substr(0, 7)) &&
             node.node_tells("CommitNotVerified", why);
    });
    EXPECT_THAT(status().out,
                AllOf(HasSubstr("CommitNotVerified"), HasSubstr(bad.substr(0, 7)), HasSubstr(why)));
    EXPECT_EQ((*node.status())["revision"], good);
    EXPECT_TRUE(node.ready("job"));
    EXPECT_EQ(node.container_id("job.main"), container);
  }
  const std::string last = commit(writer, changed + "# seen\n", "alice");
  node.wait("what alice signs on top is in force", [&] {
    return node.ready("job") && (*node.status())["revision"] == last &&
           node.container_id("job.main") != container;
  });
}

}  // namespace
}  // namespace test
