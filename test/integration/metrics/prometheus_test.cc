// The real Prometheus scrapes the real programs, in the ways of docs/metrics.md.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/http/client.h"
#include "base/process/process.h"
#include "test/support/git/git_server.h"
#include "test/support/mcias/mcias_server.h"
#include "test/support/temp_dir.h"

namespace test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string local(uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

void must_run(const std::vector<std::string>& argv) {
  const auto done = base::run_command({argv}, "", std::chrono::seconds(60));
  if (!done || !done->ok())
    throw std::runtime_error(argv.front() + ": " + (done ? done->err : done.error().text()));
}

class Scraped : public testing::Test {
 protected:
  void SetUp() override {
    must_run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-nodes", "-days", "2", "-subj", "/CN=agent", "-addext",
              "subjectAltName=IP:127.0.0.1", "-keyout", dir_ / "tls.key", "-out",
              dir_ / "tls.pem"});
    must_run({"git", "init", "-q", "-b", "main", dir_ / "desired"});
    // There is no podman, and an empty repository: that is something to measure as well.
    std::ofstream(dir_ / "agent.toml")
        << "[node]\nname = \"rift\"\n[source]\nurl = \"" << (dir_ / "desired")
        << "\"\n[podman]\nsocket = \"" << (dir_ / "none.sock") << "\"\n[registry]\npath = \""
        << (dir_ / "state/mcp.db") << "\"\n[metrics]\nlisten = \"" << local(plain_)
        << "\"\n[api]\nsocket = \"" << (dir_ / "agent.sock") << "\"\nlisten = \"" << local(tls_)
        << "\"\ntls_cert = \"" << (dir_ / "tls.pem") << "\"\ntls_key = \"" << (dir_ / "tls.key")
        << "\"\n[mcias]\nserver_url = \"" << mcias_.url() << "\"\nca_cert = \"" << mcias_.ca_file()
        << "\"\n";
    std::ofstream(dir_ / "proxy.toml")
        << "[[listeners]]\naddress = \"" << local(listener_) << "\"\n[api]\nsocket = \""
        << (dir_ / "proxy.sock") << "\"\n[metrics]\nlisten = \"" << local(proxy_)
        << "\"\n[database]\npath = \"" << (dir_ / "proxy/proxy.db")
        << "\"\n[certificates]\ndir = \"" << dir_.path()
        << "\"\n[haproxy]\nbinary = \"/nonexistent/haproxy\"\n";
    start("mcp-agent", {MCP_BINARY_DIR "/bin/mcp-agent", "--config", dir_ / "agent.toml"});
    start("mc-proxy", {MCP_BINARY_DIR "/bin/mc-proxy", "--config", dir_ / "proxy.toml"});
    std::ofstream(dir_ / "token") << mcias_.token_of("robot") << "\n";
    std::ofstream(dir_ / "bad-token") << mcias_.token_of("robot") << "x\n";
    const auto job = [](const std::string& name, uint16_t port, const std::string& more = "") {
      return "  - job_name: " + name + "\n    static_configs: [{targets: ['" + local(port) +
             "'], labels: {node: rift}}]\n" + more;
    };
    const auto remote = [&](const std::string& token) {
      return "    scheme: https\n    authorization: {credentials_file: " + (dir_ / token) +
             "}\n    tls_config: {ca_file: " + (dir_ / "tls.pem") + "}\n";
    };
    std::ofstream(dir_ / "prometheus.yml")
        << "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: "
           "['" MCP_SOURCE_DIR "/deploy/prometheus/mcp.rules.yml']\nscrape_configs:\n"
        << job("mcp-agent", plain_) << job("mc-proxy", proxy_)
        << job("with-token", tls_, remote("token")) << job("bad-token", tls_, remote("bad-token"));
    start("prometheus",
          {"prometheus", "--config.file=" + (dir_ / "prometheus.yml"),
           "--storage.tsdb.path=" + (dir_ / "tsdb"), "--web.listen-address=" + local(prometheus_)});
  }

  void start(const std::string& name, const std::vector<std::string>& argv) {
    auto child = base::Child::spawn({argv}, {.output_file = dir_ / (name + ".log")});
    ASSERT_TRUE(child) << child.error().text() << " (test/packages.sh installs it)";
    children_.push_back(std::move(*child));
  }

  // Until the answer of the API satisfies `good`; null when it never does.
  json wait(const std::string& target, const std::function<bool(const json&)>& good) {
    base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", prometheus_));
    json last;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
      const auto answer = client.request({.target = target, .deadline = base::Millis(5000)});
      if (answer && answer->ok()) last = json::parse(answer->body, nullptr, false);
      if (last.is_object() && good(last)) return last;
      for (base::Child& child : children_)
        if (child.wait(base::Millis(20))) ADD_FAILURE() << "a program has ended";
    }
    ADD_FAILURE() << target << ": " << last.dump(1) << read_all(dir_ / "prometheus.log");
    return nullptr;
  }
  static std::string query_of(const std::string& expression) {
    return "/api/v1/query" + base::url_query({{"query", expression}});
  }
  // The value of the one series that the expression gives.
  void expect_value(const std::string& expression, const std::string& value) {
    wait(query_of(expression), [&](const json& answer) {
      const json& result = answer["data"]["result"];
      return result.size() == 1 && result[0]["value"][1] == value;
    });
  }

  const TempDir dir_;
  MciasServer mcias_{{{"robot", {{"system", true}}}}};
  const uint16_t plain_ = free_port(), tls_ = free_port(), proxy_ = free_port(),
                 listener_ = free_port(), prometheus_ = free_port();
  std::vector<base::Child> children_;
};

TEST_F(Scraped, EachWayIsUpAndAWrongTokenIsNot) {
  const json targets = wait("/api/v1/targets?state=active", [](const json& answer) {
    const json& all = answer["data"]["activeTargets"];
    return all.size() == 4 && std::all_of(all.begin(), all.end(), [](const json& one) {
             return one["health"] == (one["labels"]["job"] == "bad-token" ? "down" : "up");
           });
  });
  for (const json& one : targets["data"]["activeTargets"]) {
    EXPECT_THAT(one["lastError"].get<std::string>(),
                HasSubstr(one["labels"]["job"] == "bad-token" ? "401" : ""));
  }
  expect_value("mcp_build_info{job='mcp-agent'}", "1");
  expect_value("mcp_source_up{job='with-token'}", "0");
  expect_value("mcp_runtime_up{job='mcp-agent'}", "0");
  expect_value("mcproxy_haproxy_up", "0");
  // Typed as it was said: a counter is one in OpenMetrics, a histogram has its buckets.
  const json metadata = wait("/api/v1/metadata", [](const json& answer) {
    return answer["data"].contains("mcp_reconcile_duration_seconds");
  });
  EXPECT_EQ(metadata["data"]["mcp_reconcile_duration_seconds"][0]["type"], "histogram");
  EXPECT_EQ(metadata["data"]["mcp_source_up"][0]["type"], "gauge");
  wait(query_of("sum(mcp_podman_request_errors_total{code='Unavailable',job='mcp-agent'}) > 0"),
       [](const json& answer) { return !answer["data"]["result"].empty(); });
  wait(query_of(
           "histogram_quantile(0.9, mcp_reconcile_duration_seconds_bucket{job='mcp-agent'}) > 0"),
       [](const json& answer) { return !answer["data"]["result"].empty(); });
}

TEST_F(Scraped, TheRulesAreTakenAndTheDashboardsQueriesAreGood) {
  wait("/api/v1/rules", [](const json& answer) {
    const json& groups = answer["data"]["groups"];
    return groups.size() == 4 && std::all_of(groups.begin(), groups.end(), [](const json& group) {
             return std::all_of(group["rules"].begin(), group["rules"].end(),
                                [](const json& rule) { return rule["health"] == "ok"; });
           });
  });
  const json dashboard = json::parse(read_all(MCP_SOURCE_DIR "/deploy/grafana/mcp.json"));
  base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", prometheus_));
  for (const json& panel : dashboard["panels"])
    for (const json& target : panel.value("targets", json::array())) {
      std::string expression = target["expr"];
      for (const auto& [variable, value] :
           {std::pair(R"(\$node)", "rift"), std::pair(R"(\$service)", ".*")})
        expression = std::regex_replace(expression, std::regex(variable), value);
      const auto answer = client.request({.target = query_of(expression)});
      ASSERT_TRUE(answer) << answer.error().text();
      EXPECT_EQ(answer->status, 200) << panel["title"] << ": " << answer->body;
    }
}

TEST_F(Scraped, ThePlainListenerAnswersNothingElse) {
  wait("/api/v1/targets?state=active", [](const json& answer) {
    const json& all = answer["data"]["activeTargets"];
    return std::any_of(all.begin(), all.end(), [](const json& one) {
      return one["labels"]["job"] == "mcp-agent" && one["health"] == "up";
    });
  });
  base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", plain_));
  for (const auto& [target, status] : std::map<std::string, int>{{"/metrics", 200},
                                                                 {"/healthz", 200},
                                                                 {"/readyz", 503},
                                                                 {"/v1/status", 404},
                                                                 {"/v1/events", 404},
                                                                 {"/v1/doctor", 404},
                                                                 {"/v1/services", 404}}) {
    const auto answer = client.request({.target = target});
    ASSERT_TRUE(answer) << target << ": " << answer.error().text();
    EXPECT_EQ(answer->status, status) << target;
  }
  EXPECT_EQ(client.request({.method = "POST", .target = "/v1/sync"})->status, 404);
}

}  // namespace
}  // namespace test
