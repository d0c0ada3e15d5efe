// What both programs say of themselves: judged by promtool, and held against docs/metrics.md.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "agent/status/status.h"
#include "base/process/process.h"
#include "mc-proxy/daemon/documents.h"
#include "test/support/sample_view.h"

namespace {

using base::metrics::Format;

// With a sample in every family.
std::string of_agent(Format format) {
  agent::Meters meters;
  meters.outcomes.with({"ready"}).add();
  meters.steps.with({"create", "success"}).observe(std::chrono::milliseconds(7));
  meters.rollouts.with({"succeeded"}).observe(std::chrono::seconds(3));
  meters.fetches.with({"error"}).observe(std::chrono::milliseconds(20));
  meters.podman.with({"list"}).observe(std::chrono::milliseconds(4));
  meters.podman_errors.with({"create", "NotFound"}).add();
  return agent::metrics_text(test::sample_view(), "v0.1.0", {{{"Started", false}, 4}}, meters,
                             format);
}

std::string of_proxy(Format format) {
  mc_proxy::RouteView route;
  route.route.key = {":443", "web.svc.example.net"};
  route.route.owner = "mcp/rift";
  route.health = mc_proxy::Health::kUp;
  route.certificate_until = base::TimePoint(std::chrono::hours(24 * 365 * 60));
  mc_proxy::ListenerView listener;
  listener.listener.address = ":443";
  listener.routes = {route};
  return mc_proxy::metrics_document({.listeners = {listener}}, format);
}

std::set<std::string> families(const std::string& text) {
  std::set<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  return names;
}

TEST(Names, AreAsPrometheusWantsThem) {
  for (auto* text : {&of_agent, &of_proxy}) {
    const auto done = base::run_command({{"promtool", "check", "metrics"}}, (*text)(Format::kText),
                                        std::chrono::seconds(30));
    ASSERT_TRUE(done) << done.error().text() << " (test/packages.sh installs it)";
    EXPECT_EQ(done->exit_code, 0) << done->out << done->err;
    EXPECT_EQ(done->out + done->err, "");
  }
}

TEST(Names, NoneStandsTwice) {
  for (auto* text : {&of_agent, &of_proxy})
    for (const Format format : {Format::kText, Format::kOpenMetrics}) {
      std::multiset<std::string> series;
      std::istringstream lines((*text)(format));
      for (std::string line; std::getline(lines, line);)
        if (!line.starts_with("# HELP")) series.insert(line.substr(0, line.rfind(' ')));
      for (const std::string& one : series) EXPECT_EQ(series.count(one), 1U) << one;
    }
}

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(MCP_SOURCE_DIR "/" + path).rdbuf();
  return out.str();
}

// Every name in the text that looks like one of a metric, without what a histogram's series end in.
std::set<std::string> named_in(const std::string& text, const std::set<std::string>& known) {
  std::set<std::string> names;
  const std::regex pattern(R"(\b(mcp|mcproxy|process)_[a-z0-9_]+)");
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    std::string name = it->str();
    for (const std::string suffix : {"_bucket", "_count", "_sum"})
      if (name.ends_with(suffix) && known.contains(name.substr(0, name.size() - suffix.size())))
        name.resize(name.size() - suffix.size());
    names.insert(name);
  }
  return names;
}

TEST(Deploy, RulesAndDashboardNameMetricsThatAre) {
  std::set<std::string> known = families(of_agent(Format::kText));
  known.merge(families(of_proxy(Format::kText)));
  for (const char* path : {"deploy/prometheus/mcp.rules.yml", "deploy/grafana/mcp.json"}) {
    const auto named = named_in(content(path), known);
    EXPECT_GT(named.size(), 15U) << path;
    for (const std::string& name : named) EXPECT_TRUE(known.contains(name)) << path << ": " << name;
  }
}

TEST(Deploy, TheRulesFireAndDoNotFire) {
  const std::string tests = content("test/unit/metrics/rules_test.yml");
  std::istringstream rules(content("deploy/prometheus/mcp.rules.yml"));
  for (std::string line; std::getline(rules, line);) {
    const size_t at = line.find("- alert: ");
    if (at == line.npos) continue;
    EXPECT_THAT(tests, testing::AllOf(testing::HasSubstr(line.substr(at + 9) + ", fires"),
                                      testing::HasSubstr(line.substr(at + 9) + ", does not")));
  }
  for (const std::vector<std::string>& argv :
       {std::vector<std::string>{"promtool", "check", "rules",
                                 MCP_SOURCE_DIR "/deploy/prometheus/mcp.rules.yml"},
        std::vector<std::string>{"promtool", "test", "rules",
                                 MCP_SOURCE_DIR "/test/unit/metrics/rules_test.yml"}}) {
    const auto done = base::run_command({argv}, "", std::chrono::seconds(60));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->exit_code, 0) << done->out << done->err;
  }
}

// What Grafana 9 to 11 need to import it: panels with ids of their own, on one grid, that all ask
// the data source which the variable names.
TEST(Deploy, TheDashboardIsWhole) {
  const auto dashboard = nlohmann::json::parse(content("deploy/grafana/mcp.json"));
  EXPECT_TRUE(dashboard["id"].is_null()) << "the importing Grafana gives it";
  EXPECT_LE(dashboard["schemaVersion"], 36) << "what Grafana 9.0 has";
  std::vector<std::string> variables;
  for (const auto& one : dashboard["templating"]["list"]) variables.push_back(one["name"]);
  EXPECT_EQ(variables, (std::vector<std::string>{"datasource", "node", "service"}));
  std::set<int> ids;
  for (const auto& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["title"];
    EXPECT_LE(panel["gridPos"]["x"].get<int>() + panel["gridPos"]["w"].get<int>(), 24);
    if (panel["type"] == "row") continue;
    EXPECT_FALSE(panel["targets"].empty()) << panel["title"];
    for (const auto& target : panel["targets"]) {
      EXPECT_EQ(target["datasource"]["uid"], "${datasource}") << panel["title"];
      EXPECT_NE(target["expr"], "");
    }
  }
}

TEST(Docs, HaveEveryMetric) {
  std::ifstream file(MCP_SOURCE_DIR "/docs/metrics.md");
  std::set<std::string> documented;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| `")) documented.insert(line.substr(3, line.find_first_of("`{", 3) - 3));
  std::set<std::string> said = families(of_agent(Format::kText));
  said.merge(families(of_proxy(Format::kText)));
  EXPECT_EQ(documented, said);
}

}  // namespace
