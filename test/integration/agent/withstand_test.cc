// What the agent takes without losing its node: a registry that is damaged or too new, a reboot
// while git is away, calls that never end.
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "test/integration/agent/node.h"
#include "test/integration/agent/silent_server.h"
#include "test/support/small_disk.h"

namespace test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

struct Running {
  std::string id;
  int pid;
  int port;
  friend bool operator==(const Running&, const Running&) = default;
};

Running running(Node& node) {
  const Json web = node.service("web");
  return {node.container_id("web.main"), node.pid_of("web.main"),
          web["components"][0]["ports"][0]["hostPort"]};
}

std::vector<std::string> set_aside(const Node& node) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(node.folder() / "state"))
    if (const std::string name = entry.path().filename(); name.starts_with("mcp.db.corrupt-"))
      found.push_back(name);
  return found;
}

void damage(const Node& node) {
  std::fstream file(node.registry(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(8192, '\xff');
}

TEST(Withstand, ALostRegistryIsRebuiltAndNothingIsRestarted) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  // The second slot: its port is not the one that a first start would choose.
  node.write("services/web.toml", web_definition("web", "two"));
  node.commit("another text");
  node.wait("rolled out",
            [&] { return node.container_id("web.main").empty() && node.ready("web"); });
  const std::string id = node.container_id("web.main.2");
  const int pid = node.pid_of("web.main.2");
  const Json ports = node.service("web")["components"][0]["ports"];

  const struct {
    std::string what;
    std::function<void()> harm;
  } cases[] = {
      {"a page is damaged", [&] { damage(node); }},
      {"it is cut off", [&] { fs::resize_file(node.registry(), 6000); }},
      {"it is no database",
       [&] {
         fs::remove(node.registry() + "-wal");
         std::ofstream(node.registry()) << "this is no database, it is a poem";
       }},
      {"a row cannot be read",
       [&] {
         sqlite3* database = nullptr;
         ASSERT_EQ(sqlite3_open(node.registry().c_str(), &database), SQLITE_OK);
         sqlite3_exec(database, "UPDATE components SET value = '{'", nullptr, nullptr, nullptr);
         sqlite3_close(database);
       }},
  };
  size_t asides = 0;
  for (const auto& [what, harm] : cases) {
    SCOPED_TRACE(what);
    node.terminate_agent();
    harm();
    node.start_agent();
    node.wait("ready again after " + what, [&] { return node.ready("web"); });
    EXPECT_EQ(node.container_id("web.main.2"), id);
    EXPECT_EQ(node.pid_of("web.main.2"), pid);
    EXPECT_EQ(node.service("web")["components"][0]["ports"], ports);
    EXPECT_GT(set_aside(node).size(), asides);
    asides = set_aside(node).size();
    EXPECT_THAT(node.agent_log(), HasSubstr("the registry is set aside as"));
  }
  // And while it is in use: written anew, without a restart of the agent either.
  fs::remove(node.registry());
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("something to write down");
  node.wait("the job is ready", [&] { return node.ready("job") && fs::exists(node.registry()); });
  node.kill_agent();
  fs::rename(node.repository(), node.repository() + ".away");
  node.start_agent();
  node.wait("the new registry knows all of it",
            [&] { return node.ready("job") && node.ready("web"); });
  EXPECT_EQ(node.pid_of("web.main.2"), pid);
  EXPECT_EQ(node.service("web")["components"][0]["ports"], ports);
}

// As the runbook has it.
TEST(Withstand, ASnapshotThatIsPutBackHasTheHistoryAndNothingIsRestarted) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  const Running before = running(node);
  const auto web = [&] { return node.get("/v1/services/web").value_or(Json()); };
  node.wait("that is history", [&] {
    const Json now = web();
    return !now.is_null() && !now["history"].empty() && now["history"][0]["ready"] == true;
  });
  const Json kept = web();
  const std::string copy = node.folder() / "before.db";
  const auto snapshot = [&] {
    return base::run_command({{std::string(MCP_BINARY_DIR) + "/bin/mcp-agent", "snapshot",
                               "--config", node.config(), copy}},
                             "", std::chrono::seconds(30));
  };
  const auto made = snapshot();
  ASSERT_TRUE(made && made->ok()) << made->err;
  EXPECT_FALSE(snapshot()->ok()) << "it is there already";

  EXPECT_EQ(node.terminate_agent(), 0);
  for (const char* file : {"", "-wal", "-shm"}) fs::remove(node.registry() + file);
  fs::copy_file(copy, node.registry());
  fs::permissions(node.registry(), fs::perms::owner_read | fs::perms::owner_write);
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  EXPECT_EQ(running(node), before);
  EXPECT_TRUE(set_aside(node).empty());
  EXPECT_EQ(web()["history"], kept["history"]);
  EXPECT_FALSE(kept["events"].empty());
  for (const Json& event : kept["events"]) EXPECT_THAT(web()["events"], testing::Contains(event));
}

TEST(Withstand, ALostRegistryAndABadDefinitionLeaveTheContainerAlone) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("web and job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web") && node.ready("job"); });
  const Running before = running(node);
  node.write("services/web.toml", "name = \"web\"\n[[components]\n");
  node.commit("break it");
  node.wait("held", [&] { return node.ready_reason("web") == "InvalidDefinition"; });
  node.kill_agent();
  damage(node);
  node.start_agent();
  node.wait("the job is ready", [&] { return node.ready("job"); });
  EXPECT_EQ(node.container_id("web.main"), before.id);
  EXPECT_EQ(node.pid_of("web.main"), before.pid);
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("mend it");
  node.wait("ready", [&] { return node.ready("web"); });
  EXPECT_EQ(running(node), before);
}

TEST(Withstand, ARegistryOfANewerProgramIsRefusedAndContainersRunOn) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  const int pid = node.pid_of("web.main");
  node.terminate_agent();
  const auto set_version = [&](const std::string& version) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(node.registry().c_str(), &database), SQLITE_OK);
    sqlite3_exec(database, ("PRAGMA user_version=" + version).c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(database);
  };
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(node.registry().c_str(), &database), SQLITE_OK);
  std::string version;
  sqlite3_exec(
      database, "PRAGMA user_version",
      [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) = values[0];
        return 0;
      },
      &version, nullptr);
  sqlite3_close(database);
  set_version("1000");
  node.start_agent();
  EXPECT_NE(node.agent_exit(), 0);
  EXPECT_THAT(node.agent_log(), HasSubstr("has schema 1000"));
  EXPECT_THAT(node.agent_log(), HasSubstr("run the version that wrote it or a newer one"));
  EXPECT_TRUE(set_aside(node).empty()) << "it is not damaged";
  EXPECT_EQ(node.pid_of("web.main"), pid);
  set_version(version);
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  EXPECT_EQ(node.pid_of("web.main"), pid);
}

// As after a power cut: nothing runs, git cannot be reached, and its newest revision is bad.
TEST(Withstand, AfterARebootTheRegistryAloneStartsWhatRan) {
  Node node;
  node.write("services/web.toml", web_definition("web", "one"));
  node.write("services/job.toml", definition("job", kSleep));
  node.commit("web and job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web") && node.ready("job"); });
  const Running before = running(node);
  node.write("services/web.toml", "name = \"web\"\n[[components]\n");
  node.commit("break it");
  node.wait("held", [&] { return node.ready_reason("web") == "InvalidDefinition"; });
  node.kill_agent();
  fs::rename(node.repository(), node.repository() + ".away");
  for (const char* name : {"web.main", "job.main"}) ::kill(node.pid_of(name), SIGKILL);
  node.engine().kill_service();
  ASSERT_TRUE(node.engine().start_service());
  node.start_agent();
  node.wait("both run again", [&] {
    return node.ready("job") && node.pid_of("web.main") != 0 && node.ready("web") == false &&
           node.ready_reason("web") == "InvalidDefinition";
  });
  EXPECT_EQ(node.container_id("web.main"), before.id);
  const int port = node.service("web")["components"][0]["ports"][0]["hostPort"];
  EXPECT_EQ(port, before.port);
  base::HttpClient page(base::HttpAddress::tcp("127.0.0.1", static_cast<uint16_t>(port)));
  node.wait("it answers", [&] {
    const auto answer = page.request({});
    return answer && answer->body == "one\n";
  });
}

// From a registry that never says anything.
TEST(Withstand, PullsThatHangHoldUpTheirOwnServicesOnly) {
  const SilentServer registry;
  Node node;
  const auto with_image = [](std::string text, const std::string& image) {
    return text.replace(text.find(PodmanFixture::kDemoImage),
                        std::string(PodmanFixture::kDemoImage).size(), image);
  };
  for (int i = 0; i < 5; ++i) {
    const std::string name = "stuck" + std::to_string(i);
    node.write("services/" + name + ".toml",
               with_image(definition(name, kSleep), registry.host() + "/" + name + ":v1"));
  }
  node.commit("images of a registry that is silent");
  node.start_agent();
  node.wait("they are being pulled", [&] { return node.ready_reason("stuck0") == "Progressing"; });
  node.write("services/good.toml", definition("good", kSleep));
  node.commit("one that needs no pull");
  node.wait("it is ready", [&] { return node.ready("good"); });
  const int pid = node.pid_of("good.main");
  ::kill(pid, SIGKILL);
  node.wait("and healed", [&] {
    const int now = node.pid_of("good.main");
    return now != 0 && now != pid;
  });
}

// Whether it was killed or stopped: what it needs to open its registry is there already.
TEST(Withstand, AnAgentStartsOnAFullDisk) {
  Node node;
  const SmallDisk disk(node.folder() / "state");
  node.write("services/web.toml", definition("web", kSleep));
  node.commit("web");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  for (const bool killed : {true, false}) {
    if (killed)
      node.kill_agent();
    else
      EXPECT_EQ(node.terminate_agent(), 0);
    disk.fill();
    node.start_agent();
    node.wait("it knows its node", [&] { return node.ready("web"); });
    node.podman({"kill", "web.main"});
    node.wait("the full disk is said", [&] { return node.node_reason() == "RegistryUnavailable"; });
    disk.empty();
    node.wait("healed", [&] { return node.ready("web") && node.pid_of("web.main") > 0; });
  }
}

}  // namespace
}  // namespace test
