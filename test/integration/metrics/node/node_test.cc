// What a node says of itself that has services, routes and an alert: judged by promtool, by the
// parser of Prometheus' Python client, and by the real Prometheus that scrapes both programs.
#include "test/integration/agent/node.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

constexpr char kText[] = "text/plain";
constexpr char kOpenMetrics[] = "application/openmetrics-text; version=1.0.0";

std::string local(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

// What OpenMetrics text has samples of, and the counters of what has not happened yet.
std::set<std::string> samples(const std::string& text) {
  std::set<std::string> names;
  const std::regex counter("# TYPE ([a-z0-9_]+) counter");
  std::istringstream lines(text);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#")) names.insert(line.substr(0, line.find_first_of("{ ")));
    if (std::regex_match(line, match, counter)) names.insert(match.str(1) + "_total");
  }
  return names;
}

class NodeMetrics : public testing::Test {
 protected:
  NodeMetrics() {
    node_.write("services/web.toml",
                definition("web",
                           "trap 'exit 0' TERM; mkdir -p /www; echo one > /www/index.html; "
                           "httpd -f -p $PORT -h /www & wait",
                           "rollout = { watch = \"500ms\" }\n[components.health]\nhttp = \"/\"\n"
                           "interval = \"500ms\"\n[[components.routes]]\nmode = \"l7\"\n"
                           "hostname = \"web.test\"\nport = " +
                               std::to_string(proxy_.port()) + "\n"));
    node_.write("services/bad.toml", "name = \"bad\"\nimag = 1\n");
    node_.commit("one that serves, and one that is none");
    node_.start_agent();
    node_.wait("a node with a route and an alert", [&] {
      return node_.ready("web") && proxy_.curl("web.test", {}).out == "one\n" &&
             metrics(agent_, kText).find("mcp_alerts{alert=\"ServiceStalled\"") !=
                 std::string::npos;
    });
  }

  static std::string metrics(int port, const std::string& accept) {
    base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", static_cast<uint16_t>(port)));
    const auto answer = client.request({.target = "/metrics", .headers = {{"Accept", accept}}});
    return answer && answer->ok() ? answer->body : "";
  }

  const int agent_ = free_port(), metrics_of_proxy_ = free_port(), prometheus_ = free_port();
  Proxy proxy_{{.more = "[metrics]\nlisten = \"" + local(metrics_of_proxy_) + "\"\n"}};
  Node node_{"[mcproxy]\nsocket = \"" + (proxy_.dir() / "api.sock") + "\"\n[metrics]\nlisten = \"" +
             local(agent_) +
             "\"\n[alerts]\ndisable = [\"DiskNearlyFull\"]\n[alerts.for]\nServiceStalled = "
             "\"0s\"\n"};
};

TEST_F(NodeMetrics, ArePlainToEveryReaderOfTheirs) {
  for (const int port : {agent_, metrics_of_proxy_}) {
    const Output promtool = run({"promtool", "check", "metrics"}, metrics(port, kText));
    EXPECT_EQ(promtool.code, 0) << promtool.out << promtool.err;
    EXPECT_EQ(promtool.out + promtool.err, "");
  }
  if (run({"/usr/bin/python3", "-c", "import prometheus_client"}).code != 0)
    GTEST_SKIP() << "no python3-prometheus-client here";
  for (const int port : {agent_, metrics_of_proxy_})
    for (const auto& [accept, parser] :
         {std::pair<std::string, std::string>(kOpenMetrics, "openmetrics.parser"),
          std::pair<std::string, std::string>(kText, "parser")}) {
      const Output parsed =
          run({"/usr/bin/python3", "-c",
               "import sys\nfrom prometheus_client." + parser +
                   " import text_string_to_metric_families as parse\n"
                   "print(sum(len(family.samples) for family in parse(sys.stdin.read())))"},
              metrics(port, accept));
      EXPECT_EQ(parsed.code, 0) << parser << ": " << parsed.err;
      EXPECT_GT(std::atoi(parsed.out.c_str()), 10) << parser;
    }
}

TEST_F(NodeMetrics, AreScrapedAndAnswerTheDashboard) {
  const TempDir folder;
  const auto job = [](const std::string& name, int port) {
    return "  - job_name: " + name + "\n    static_configs: [{targets: ['" + local(port) +
           "'], labels: {node: rift}}]\n";
  };
  std::ofstream(folder / "prometheus.yml")
      << "global: {scrape_interval: 1s}\nscrape_configs:\n"
      << job("mcp-agent", agent_) << job("mc-proxy", metrics_of_proxy_);
  auto prometheus = base::Child::spawn(
      {{"prometheus", "--config.file=" + (folder / "prometheus.yml"),
        "--storage.tsdb.path=" + (folder / "tsdb"), "--web.listen-address=" + local(prometheus_)}},
      {.output_file = folder / "log"});
  ASSERT_TRUE(prometheus) << prometheus.error().text() << " (test/packages.sh installs it)";
  base::HttpClient client(base::HttpAddress::tcp("127.0.0.1", static_cast<uint16_t>(prometheus_)));
  const auto ask = [&](const std::string& expression) {
    const auto answer =
        client.request({.target = "/api/v1/query" + base::url_query({{"query", expression}})});
    const Json document = answer ? Json::parse(answer->body, nullptr, false) : Json();
    return document.is_object() ? document.value(Json::json_pointer("/data/result"), Json::array())
                                : Json::array();
  };
  for (const char* expression :
       {"up{job='mcp-agent'} == 1", "up{job='mc-proxy'} == 1",
        "mcp_service_ready{service='web'} == 1", "mcp_alerts{alert='ServiceStalled'} == 1",
        "mcp_routes{state='registered'} == 1", "mcp_runtime_up == 1", "mcp_source_up == 1",
        "mcproxy_route_served{hostname='web.test'} == 1",
        "sum(mcproxy_route_requests_total{hostname='web.test'}) > 0",
        "mcp_step_duration_seconds_count{kind='start',result='success'} > 0"})
    node_.wait(expression, [&] { return !ask(expression).empty(); });

  // Each series that the dashboard asks for is one that a program has, or will have.
  std::set<std::string> said = samples(metrics(agent_, kOpenMetrics));
  said.merge(samples(metrics(metrics_of_proxy_, kOpenMetrics)));
  std::ostringstream text;
  text << std::ifstream(MCP_SOURCE_DIR "/deploy/grafana/mcp.json").rdbuf();
  const std::regex name(R"(\b(mcp|mcproxy|process)_[a-z0-9_]+)");
  std::set<std::string> missing;
  const Json dashboard = Json::parse(text.str());
  for (const Json& panel : dashboard["panels"])
    for (const Json& target : panel.value("targets", Json::array())) {
      const std::string expression = target["expr"];
      for (std::sregex_iterator it(expression.begin(), expression.end(), name), end; it != end;
           ++it)
        if (!said.contains(it->str())) missing.insert(it->str());
    }
  EXPECT_THAT(missing, testing::IsEmpty());
  prometheus->terminate(std::chrono::seconds(10));
}

}  // namespace
}  // namespace test
