// What an operator meets, through the real programs: removals that nobody may have meant, drift, a
// chain of certificates that is not whole.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class PruneGuard : public testing::Test {
 protected:
  base::Command mcp(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), MCP_BINARY_DIR "/bin/mcp");
    return {arguments,
            {{"MCP_AGENT", "unix://" + (node_.folder() / "agent.sock")},
             {"MCP_REPO", ""},
             {"MCP_CONFIG", ""},
             {"XDG_CONFIG_HOME", node_.folder() / "config"}}};
  }
  void run_mcp(const std::vector<std::string>& arguments) {
    const auto done = base::run_command(mcp(arguments), "", std::chrono::seconds(60));
    ASSERT_TRUE(done && done->ok()) << (done ? done->err : done.error().text());
  }
  void write(const std::string& name) {
    node_.write("infra/services/" + name + ".toml", definition(name, kSleep));
  }
  std::vector<std::string> alerts() {
    std::vector<std::string> keys;
    if (const auto document = node_.status())
      for (const Json& alert : (*document)["alerts"]) keys.push_back(alert["key"]);
    return keys;
  }
  bool held(const std::string& name) { return node_.ready_reason(name) == "PruneHeld"; }

  Node node_{
      "path = \"infra\"\n[alerts]\nresolve_after = \"0s\"\ndisable = [\"DiskNearlyFull\"]\n"
      "[alerts.for]\nRemovalsHeld = \"0s\"\nRevisionInvalid = \"0s\"\n"};
};

TEST_F(PruneGuard, AFolderThatVanishesIsHeldToldAndApproved) {
  write("a");
  write("b");
  node_.commit("two");
  node_.start_agent();
  node_.wait("ready", [&] { return node_.ready("a") && node_.ready("b"); });
  const int a = node_.pid_of("a.main"), b = node_.pid_of("b.main");

  node_.erase("infra/services/a.toml");
  node_.erase("infra/services/b.toml");
  node_.write("elsewhere/services/a.toml", definition("a", kSleep));
  node_.commit("the folder has another name now");
  node_.wait("held", [&] { return held("a") && held("b") && alerts().size() == 2; });
  EXPECT_THAT(alerts(), UnorderedElementsAre("RemovalsHeld", "RevisionInvalid"));
  EXPECT_TRUE(node_.tells("a", "PruneHeld", "mcp sync --allow-prune"));
  node_.kill_agent();
  node_.start_agent();
  node_.wait("still held", [&] { return held("a") && held("b"); });
  EXPECT_EQ(node_.pid_of("a.main"), a);
  EXPECT_EQ(node_.pid_of("b.main"), b);

  run_mcp({"sync", "--allow-prune"});
  node_.wait("gone", [&] {
    return node_.container_id("a.main").empty() && node_.container_id("b.main").empty();
  });
  node_.wait("told to be over", [&] {
    const auto left = alerts();
    return std::find(left.begin(), left.end(), "RemovalsHeld") == left.end();
  });
  EXPECT_THAT(alerts(), ElementsAre("RevisionInvalid")) << "the folder is missing still";
}

TEST_F(PruneGuard, MoreThanThreeAreHeldUntilTheCommitSaysHowMany) {
  for (const char* name : {"a", "b", "c", "d", "e"}) write(name);
  node_.commit("five");
  node_.start_agent();
  node_.wait("ready", [&] {
    return node_.ready("a") && node_.ready("b") && node_.ready("c") && node_.ready("d") &&
           node_.ready("e");
  });
  const int a = node_.pid_of("a.main");
  for (const char* name : {"a", "b", "c", "d"})
    node_.erase(std::string("infra/services/") + name + ".toml");
  node_.commit("without four, and three are meant\n\nMcp-Approve-Prune: 3");
  node_.wait("held", [&] { return held("a") && held("d") && !alerts().empty(); });
  EXPECT_THAT(alerts(), ElementsAre("RemovalsHeld"));
  EXPECT_TRUE(node_.ready("e"));
  EXPECT_EQ(node_.pid_of("a.main"), a);
  node_.commit("as it is meant\n\nMcp-Approve-Prune: 4");
  node_.wait("gone", [&] {
    return node_.podman({"ps", "-aq", "--filter", "name=^[abcd].main$"}).empty() &&
           alerts().empty();
  });
  EXPECT_TRUE(node_.ready("e"));
}

TEST_F(PruneGuard, WhoFollowsTheEventsSeesDrift) {
  write("a");
  node_.commit("one");
  node_.start_agent();
  node_.wait("ready", [&] { return node_.ready("a"); });
  const std::string file = node_.folder() / "events";
  auto follower = base::Child::spawn(mcp({"events", "-f"}), {.output_file = file});
  ASSERT_TRUE(follower) << follower.error().text();
  const auto shown = [&] {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  };
  node_.wait("it follows", [&] { return shown().find("Started a.main") != std::string::npos; });
  node_.podman({"pause", "a.main"});
  node_.wait("drift and its end", [&] {
    return shown().find("expected running, is paused") != std::string::npos &&
           shown().find("Healed") != std::string::npos;
  });
  follower->terminate(std::chrono::seconds(10));
}

// The findings of `mcp-agent check` about the certificate of its API.
class CertificateChain : public testing::Test {
 protected:
  void SetUp() override {
    issue("root", {});
    issue("middle", {"-CA", folder_ / "root.pem", "-CAkey", folder_ / "root.key"});
    issue("leaf",
          {"-CA", folder_ / "middle.pem", "-CAkey", folder_ / "middle.key", "-addext",
           "subjectAltName=DNS:rift.example.net", "-addext", "basicConstraints=critical,CA:FALSE"});
    std::ofstream(folder_ / "agent.toml")
        << "[node]\nname = \"rift\"\n[source]\nurl = \"" << folder_.path()
        << "/none.git\"\n[podman]\nsocket = \"" << (folder_ / "none.sock")
        << "\"\n[registry]\npath = \"" << (folder_ / "mcp.db") << "\"\n[api]\nsocket = \""
        << (folder_ / "agent.sock") << "\"\nlisten = \"127.0.0.1:0\"\ntls_cert = \""
        << (folder_ / "chain.pem") << "\"\ntls_key = \"" << (folder_ / "leaf.key") << "\"\n";
  }

  void issue(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> argv{"openssl",
                                  "req",
                                  "-x509",
                                  "-newkey",
                                  "ec",
                                  "-pkeyopt",
                                  "ec_paramgen_curve:P-256",
                                  "-nodes",
                                  "-days",
                                  "60",
                                  "-subj",
                                  "/CN=" + name,
                                  "-keyout",
                                  folder_ / (name + ".key"),
                                  "-out",
                                  folder_ / (name + ".pem")};
    argv.insert(argv.end(), more.begin(), more.end());
    const auto made = base::run_command({argv}, "", std::chrono::seconds(30));
    ASSERT_TRUE(made && made->ok()) << (made ? made->err : made.error().text());
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / (name + ".pem")).rdbuf();
    return text.str();
  }
  // Of the finding that names the file.
  Json finding_of(const std::string& chain) {
    std::ofstream(folder_ / "chain.pem") << chain;
    const auto done = base::run_command(
        {{MCP_BINARY_DIR "/bin/mcp-agent", "--config", folder_ / "agent.toml", "check", "-o",
          "json"},
         {{"SSL_CERT_FILE", folder_ / "root.pem"}, {"SSL_CERT_DIR", folder_ / "none"}}},
        "", std::chrono::seconds(60));
    const Json document = done ? Json::parse(done->out, nullptr, false) : Json();
    if (document.is_object())
      for (const Json& one : document["findings"])
        if (one["message"].get<std::string>().find("chain.pem") != std::string::npos &&
            one["check"] != "config")
          return one;
    ADD_FAILURE() << (done ? done->out + done->err : done.error().text());
    return nullptr;
  }

  TempDir folder_;
};

TEST_F(CertificateChain, ThatLacksItsMiddleIsFound) {
  const Json broken = finding_of(read("leaf"));
  EXPECT_EQ(broken["level"], "warning");
  EXPECT_THAT(broken["hint"].get<std::string>(), HasSubstr("intermediate"));
  EXPECT_EQ(finding_of(read("leaf") + read("middle"))["level"], "ok");
}

}  // namespace
}  // namespace test
