// What the agent lets out: its log, events, metrics and findings, with a real podman under it.
#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "test/integration/agent/node.h"

namespace test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kOldValue[] = "hunter2-of-old";
constexpr char kNewValue[] = "hunter2-of-now";
constexpr char kSecret[] = "the-database-password";
constexpr char kRegistryPassword[] = "the-registry-password";
constexpr char kWorks[] = "trap 'exit 0' TERM; sleep 100000 & wait";

class Signals : public testing::Test {
 protected:
  std::string get(Node& node, const std::string& target, const std::string& accept = "") {
    base::HttpClient client(base::HttpAddress::unix_socket(node.folder() / "agent.sock"));
    base::HttpCall call{.target = target, .deadline = std::chrono::seconds(60)};
    if (!accept.empty()) call.headers["accept"] = accept;
    const auto answer = client.request(call);
    EXPECT_TRUE(answer) << target << ": " << answer.error().text();
    return answer ? answer->body : "";
  }
};

TEST_F(Signals, NoSecretGetsOut) {
  const TempDir passwords;
  std::ofstream(passwords / "registry") << kRegistryPassword << "\n";
  std::ofstream(passwords / "secret") << kSecret;
  Node node(
      "[[podman.registries]]\nhost = \"127.0.0.1:1\"\nusername = \"mcp\"\npassword_file = \"" +
      (passwords / "registry") + "\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n");
  node.podman({"secret", "create", "db-password", passwords / "secret"});
  const auto env = [](const char* value) {
    return "env = [\"API_TOKEN=" + std::string(value) +
           "\"]\nsecrets = [{ name = \"db-password\", target = \"env:DB_PASSWORD\" }]\n";
  };
  node.write("services/web.toml", definition("web", kWorks, env(kOldValue)));
  node.write("services/far.toml",
             "name = \"far\"\n[[components]]\nname = \"main\"\nimage = \"127.0.0.1:1/x:v1\"\n");
  node.commit("with secrets");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("web"); });
  node.wait("the registry was asked",
            [&] { return node.ready_reason("far") == "ImagePullFailed"; });
  node.write("services/web.toml", definition("web", kWorks, env(kNewValue)));
  node.commit("another token");
  node.wait("the change is told of",
            [&] { return node.agent_log().find("env.API_TOKEN changed") != std::string::npos; });
  node.podman({"kill", "web.main"});
  node.wait("ready again", [&] { return node.ready("web"); });

  std::map<std::string, std::string> said = {{"log", node.agent_log()}};
  for (const char* target :
       {"/v1/status", "/v1/events?since=0", "/v1/services/web", "/v1/services/far",
        "/v1/containers", "/v1/routes", "/v1/doctor", "/metrics"})
    said[target] = get(node, target);
  for (const auto& [what, text] : said) {
    EXPECT_FALSE(text.empty()) << what;
    for (const char* secret : {kOldValue, kNewValue, kSecret, kRegistryPassword})
      EXPECT_THAT(text, Not(HasSubstr(secret))) << what;
  }
  // One line a decision, each an object, and those of steps with their step.
  std::istringstream log(said["log"]);
  std::set<std::string> steps;
  for (std::string line; std::getline(log, line);) {
    const Json record = Json::parse(line, nullptr, false);
    ASSERT_TRUE(record.is_object()) << line;
    if (record.value("reason", "") == "Created") {
      EXPECT_EQ(record["service"], "web") << line;
      EXPECT_EQ(record["revision"].get<std::string>().size(), 7U) << line;
      steps.insert(record.value("step", ""));
    }
  }
  EXPECT_FALSE(steps.empty());
  EXPECT_FALSE(steps.contains("")) << "a step without its id";
}

TEST_F(Signals, TheUserOfAnHttpsAddressMayBeAToken) {
  Node node("", "rift", "https://ghp_this_is_a_token@127.0.0.1:1/desired.git");
  node.start_agent();
  node.wait("the fetch failed", [&] { return node.node_reason() == "SourceUnavailable"; });
  for (const std::string& text : {node.agent_log(), get(node, "/v1/status"),
                                  get(node, "/v1/events?since=0"), get(node, "/v1/doctor")}) {
    EXPECT_THAT(text, HasSubstr("https://127.0.0.1:1/desired.git"));
    EXPECT_THAT(text, Not(HasSubstr("ghp_this")));
  }
}

TEST_F(Signals, WorkIsMeasured) {
  Node node;
  node.write("services/job.toml", definition("job", kWorks));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  node.podman({"kill", "job.main"});
  node.wait("healed", [&] {
    return get(node, "/metrics").find("mcp_drift_healed_total{how=\"restarted\"} 1") !=
           std::string::npos;
  });
  const std::string text = get(node, "/metrics", "application/openmetrics-text");
  for (const char* line :
       {"mcp_service_condition{service=\"job\",type=\"Ready\",status=",
        "mcp_step_duration_seconds_count{kind=\"create\",result=\"success\"} 1\n",
        "mcp_podman_request_duration_seconds_count{call=\"create\"} 1\n",
        "mcp_rollout_duration_seconds_count{result=\"succeeded\"} ", "mcp_steps_waiting 0\n",
        "mcp_events_dropped_total 0\n", "mcp_registry_write_errors_total 0\n",
        "# TYPE mcp_events counter\n",
        "mcp_source_fetch_duration_seconds_count{result=\"success\"} "})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

// Through the API, and by the program beside the agent that runs.
TEST_F(Signals, TheRealMachineIsExamined) {
  Node node;
  node.write("services/job.toml", definition("job", kWorks));
  node.commit("job");
  node.start_agent();
  node.wait("ready", [&] { return node.ready("job"); });
  const auto checks = [](const Json& document) {
    std::map<std::string, std::string> worst;
    for (const Json& one : document["findings"]) {
      std::string& level = worst[one["check"]];
      if (level.empty() || one["level"] != "ok") level = one["level"];
      EXPECT_FALSE(one["message"].get<std::string>().empty()) << one;
      EXPECT_EQ(one["level"] != "ok", one["hint"].is_string()) << one;
    }
    return worst;
  };
  const auto over_api = checks(Json::parse(get(node, "/v1/doctor")));
  for (const char* fine : {"config", "source", "podman", "registry", "api", "forwarders", "socket"})
    EXPECT_EQ(over_api.at(fine), "ok") << fine;
  for (const char* looked_at : {"policy", "mcproxy", "identity", "linger", "subids", "cgroups",
                                "ports", "auth_file", "clock", "disk"})
    EXPECT_TRUE(over_api.contains(looked_at)) << looked_at;
  const auto alone = base::run_command({{MCP_BINARY_DIR "/bin/mcp-agent", "--config",
                                         node.folder() / "agent.toml", "check", "-o", "json"}},
                                       "", std::chrono::seconds(60));
  ASSERT_TRUE(alone) << alone.error().text();
  const auto by_program = checks(Json::parse(alone->out));
  EXPECT_EQ(by_program, over_api) << "one implementation";
  bool bad = false;
  for (const auto& [check, level] : by_program) bad |= level == "error";
  EXPECT_EQ(alone->exit_code, bad ? 1 : 0);
}

}  // namespace
}  // namespace test
