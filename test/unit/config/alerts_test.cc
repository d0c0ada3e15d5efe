#include <gmock/gmock.h>

#include "agent/config/config.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

LoadedConfig parse(const std::string& text) {
  return parse_config(text, "a.toml", {.host_name = "rift", .root = true});
}

std::string problem_of(const std::string& text) {
  const LoadedConfig loaded = parse(text);
  std::string out;
  for (const auto& problem : loaded.problems) out += problem.text() + "\n";
  return out;
}

TEST(AlertsConfig, EveryKeyIsTaken) {
  const LoadedConfig loaded = parse(R"(
[alerts]
group_wait = "5s"
interval = "0s"
repeat = "12h"
resolve_after = "30s"
certificate_days = 21
disk_free_percent = 20
stuck_after = "5m"
manual = "https://wiki.example.net/alerts"
disable = ["ReportFailing"]
[alerts.for]
NotReady = "10m"
[alerts.heartbeat]
url_file = "/etc/mcp/heartbeat-url"
ca_file = "/etc/mcp/ca.pem"
interval = "30s"
[[alerts.receivers]]
type = "webhook"
url = "https://hooks.example.net/x"
secret_file = "/etc/mcp/hook-key"
min_severity = "critical"
[[alerts.receivers]]
type = "email"
name = "people"
to = ["ops@example.net"]
from = "rift@example.net"
sendmail = "/usr/bin/msmtp"
repeat = "24h"
)");
  EXPECT_THAT(loaded.problems, IsEmpty());
  const AlertsOptions& alerts = loaded.config.alerts;
  EXPECT_EQ(alerts.group, std::chrono::seconds(5));
  EXPECT_EQ(alerts.pause, base::Millis(0));
  EXPECT_EQ(alerts.repeat, std::chrono::hours(12));
  EXPECT_EQ(alerts.keep, std::chrono::seconds(30));
  EXPECT_EQ(alerts.causes.certificate_warning, std::chrono::days(21));
  EXPECT_EQ(alerts.causes.disk_percent_warning, 20);
  EXPECT_EQ(alerts.stuck_after, std::chrono::minutes(5));
  EXPECT_EQ(alerts.manual, "https://wiki.example.net/alerts");
  EXPECT_TRUE(alerts.disabled.contains("ReportFailing"));
  EXPECT_EQ(alerts.pending.at("NotReady"), std::chrono::minutes(10));
  EXPECT_EQ(alerts.heartbeat.url_file, "/etc/mcp/heartbeat-url");
  EXPECT_EQ(alerts.heartbeat.ca_file, "/etc/mcp/ca.pem");
  EXPECT_EQ(alerts.heartbeat.interval, std::chrono::seconds(30));
  ASSERT_EQ(alerts.receivers.size(), 2u);
  EXPECT_EQ(alerts.receivers[0].name, "webhook");
  EXPECT_EQ(alerts.receivers[0].min_severity, Severity::kCritical);
  EXPECT_EQ(alerts.receivers[0].secret_file, "/etc/mcp/hook-key");
  EXPECT_EQ(alerts.receivers[1].name, "people");
  EXPECT_EQ(alerts.receivers[1].to.at(0), "ops@example.net");
  EXPECT_EQ(alerts.receivers[1].from, "rift@example.net");
  EXPECT_EQ(alerts.receivers[1].sendmail, "/usr/bin/msmtp");
  EXPECT_EQ(alerts.receivers[1].repeat, std::chrono::hours(24));
}

TEST(AlertsConfig, WhatIsWrongHasItsLineAndWhatToWrite) {
  const std::string hook = "[[alerts.receivers]]\ntype = \"webhook\"\n";
  const struct {
    std::string text;
    std::string problem;
  } kCases[] = {
      {"[alerts]\nwebhook = \"x\"\n", "a.toml:2:1: alerts.webhook: unknown key"},
      {"[alerts]\nrepeat = \"often\"\n", "a.toml:2:10: alerts.repeat: "},
      {"[alerts]\nstuck_after = \"30s\"\n", "at least 90s"},
      {"[alerts]\ndisable = [\"NotRedy\"]\n", "did you mean 'NotReady'?"},
      {"[alerts.for]\nNope = \"1m\"\n", "line 2: 'Nope' is no alert"},
      {"[alerts.for]\nNotReady = 5\n", "line 2: found the number 5, wanted a duration"},
      {"[alerts.heartbeat]\nurl = \"ftp://x\"\n", "does not begin with https:// or http://"},
      {"[alerts.heartbeat]\ninterval = \"1s\"\n", "at least 10s"},
      {"[alerts.heartbeat]\nurll = \"x\"\n", "did you mean 'url'?"},
      {"[[alerts.receivers]]\nurl = \"https://x\"\n", "a receiver needs a type"},
      {"[[alerts.receivers]]\ntype = \"pager\"\n", "line 2: 'pager' is no type of receiver"},
      {hook, "needs one of url and url_file"},
      {hook + "url = \"https://x\"\nurl_file = \"/x\"\n", "needs one of url and url_file"},
      {hook + "url = \"x\"\n", "'x' is not usable"},
      {hook + "url = \"https://x\"\nsecret = \"abc\"\n", "line 4: unknown key 'secret'"},
      {hook + "url = \"https://x\"\nmin_severity = \"bad\"\n", "line 4: 'bad' is no severity"},
      {hook + "url = 5\n", "line 3: url is the number 5, wanted a string"},
      {"[[alerts.receivers]]\ntype = \"email\"\n", "email needs somebody to go to"},
      {"[[alerts.receivers]]\ntype = \"email\"\nto = [\"ops\"]\n", "to is a list of addresses"},
      {"[[alerts.receivers]]\ntype = \"email\"\nto = [\"a@b\\nBcc: c@d\"]\n",
       "to is a list of addresses"},
      {hook + "url = \"https://x\"\n" + hook + "url = \"https://y\"\n",
       "two receivers of [alerts] are named 'webhook'"},
  };
  for (const auto& one : kCases)
    EXPECT_THAT(problem_of(one.text), HasSubstr(one.problem)) << one.text;
}

}  // namespace
}  // namespace agent
