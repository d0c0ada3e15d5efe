#include "agent/receivers/receivers.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/alerts/kinds.h"
#include "base/core/hmac.h"
#include "base/core/text.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

base::TimePoint at(std::string_view text) {
  return *base::parse_rfc3339(text);
}

Alert sample(bool firing) {
  Alert alert;
  alert.name = alert::kNotReady;
  alert.service = reconciler::ServiceName("web");
  alert.severity = Severity::kCritical;
  alert.reason = "Unhealthy";
  alert.summary = "web on rift does not serve (Unhealthy)";
  alert.description = "Unhealthy: HTTP 500 (mcp why web)";
  alert.since = at("2026-11-22T10:00:00Z");
  if (!firing) alert.until = at("2026-11-22T11:00:00Z");
  return alert;
}

Message message(std::vector<Alert> alerts) {
  Message out;
  out.id = "msg_1";
  out.node = reconciler::NodeName("rift");
  out.agent_version = "v0.2.0";
  out.manual = "docs/alerts.md";
  out.at = at("2026-11-22T10:05:00Z");
  out.firing = 1;
  out.alerts = std::move(alerts);
  return out;
}

TEST(Receivers, SignAsStandardWebhooksDo) {
  // The example of the specification's own libraries.
  EXPECT_EQ(
      *webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                         "1614265330", "{\"test\": 2432232314}"),
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_TRUE(webhook_signature("any text", "a", "1", ""));
  EXPECT_THAT(webhook_signature("whsec_!", "a", "1", "").error().text(), HasSubstr("no base64"));
}

TEST(Receivers, Base64IsStrict) {
  for (const std::string& text : {std::string(), std::string("f"), std::string("fo"),
                                  std::string("foo"), std::string("\0\xff", 2)})
    EXPECT_EQ(base::from_base64(base::to_base64(text)), text);
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Z===", "====", "Zm9v\n", "Zm=v", "-_-_"})
    EXPECT_FALSE(base::from_base64(bad)) << bad;
}

TEST(Receivers, TheWebhookDocumentIsVersioned) {
  EXPECT_EQ(Json::parse(webhook_document(message({sample(true)}))), Json::parse(R"json({
    "type": "mcp.alerts",
    "timestamp": "2026-11-22T10:05:00Z",
    "data": {
      "version": 1,
      "node": "rift",
      "agentVersion": "v0.2.0",
      "status": "firing",
      "firing": 1,
      "summary": "CRITICAL web on rift does not serve (Unhealthy)",
      "alerts": [{
        "key": "NotReady web",
        "alert": "NotReady",
        "status": "firing",
        "severity": "critical",
        "node": "rift",
        "service": "web",
        "component": null,
        "subject": null,
        "reason": "Unhealthy",
        "summary": "web on rift does not serve (Unhealthy)",
        "description": "Unhealthy: HTTP 500 (mcp why web)",
        "runbook": "docs/alerts.md#notready",
        "startsAt": "2026-11-22T10:00:00Z",
        "endsAt": null
      }]
}
})json"));
  const Json ended = Json::parse(webhook_document(message({sample(false)})));
  EXPECT_EQ(ended["data"]["status"], "resolved");
  EXPECT_EQ(ended["data"]["alerts"][0]["endsAt"], "2026-11-22T11:00:00Z");
}

TEST(Receivers, AnAlertmanagerKnowsAnAlertByItsLabels) {
  const Json alert = Json::parse(alertmanager_document(message({sample(true)})))[0];
  EXPECT_EQ(alert["labels"], Json::parse(R"({"alertname":"NotReady","severity":"critical",
                              "node":"rift","service":"web","job":"mcp-agent"})"));
  EXPECT_EQ(alert["startsAt"], "2026-11-22T10:00:00Z");
  EXPECT_EQ(alert["endsAt"], "2026-11-22T10:09:00Z") << "unless it is sent again before";
  EXPECT_EQ(alert["annotations"]["runbook_url"], "docs/alerts.md#notready");
  EXPECT_EQ(Json::parse(alertmanager_document(message({sample(false)})))[0]["endsAt"],
            "2026-11-22T11:00:00Z");
}

TEST(Receivers, AnAlertmanagerHearsThatTheFormerSeverityIsOver) {
  Message worse = message({sample(true)});
  worse.superseded = {sample(false)};
  worse.superseded[0].severity = Severity::kWarning;
  const Json both = Json::parse(alertmanager_document(worse));
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0]["labels"]["severity"], "critical");
  EXPECT_EQ(both[0]["endsAt"], "2026-11-22T10:09:00Z");
  EXPECT_EQ(both[1]["labels"]["severity"], "warning");
  EXPECT_EQ(both[1]["endsAt"], "2026-11-22T11:00:00Z");
}

TEST(Receivers, NtfyIsToldHowBadItIs) {
  const Json bad = Json::parse(ntfy_document(message({sample(true)}), "topic"));
  EXPECT_EQ(bad["topic"], "topic");
  EXPECT_EQ(bad["priority"], 5);
  EXPECT_EQ(bad["title"], "CRITICAL web on rift does not serve (Unhealthy)");
  Message over = message({sample(false)});
  over.firing = 0;
  const Json good = Json::parse(ntfy_document(over, "topic"));
  EXPECT_EQ(good["priority"], 2);
  EXPECT_EQ(good["tags"][0], "white_check_mark");
  Alert wordy = sample(true);
  for (int i = 0; i < 2000; ++i) wordy.description += "\xC3\xA4";
  const std::string cut = Json::parse(ntfy_document(message({wordy}), "t"))["message"];
  EXPECT_LT(cut.size(), 4096u);
  EXPECT_TRUE(base::is_utf8(cut));
}

TEST(Receivers, AMailIsOneWhateverTheAlertSays) {
  ReceiverOptions options;
  options.to = {"ops@example.net"};
  Alert odd = sample(true);
  odd.summary = "gr\xC3\xBC\xC3\x9F\r\nBcc: victim@example.net";
  const std::string mail = email_document(message({odd, sample(false)}), options);
  const std::string head = mail.substr(0, mail.find("\r\n\r\n"));
  EXPECT_THAT(head, HasSubstr("To: ops@example.net\r\n"));
  EXPECT_THAT(head, HasSubstr("Subject: =?UTF-8?B?"));
  EXPECT_THAT(head, Not(HasSubstr("Bcc")));
  for (const std::string& line : base::split(mail, '\n')) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Receivers, TheWorstIsInTheHeadline) {
  Alert mild = sample(true);
  mild.severity = Severity::kWarning;
  mild.summary = "mild";
  EXPECT_EQ(headline(message({sample(false), mild, sample(true)})),
            "CRITICAL web on rift does not serve (Unhealthy) (and 2 more)");
  EXPECT_EQ(headline(message({sample(false)})), "RESOLVED web on rift does not serve (Unhealthy)");
}

TEST(Receivers, TheSameMessageHasTheSameId) {
  const reconciler::NodeName rift("rift");
  const std::string id = message_id(rift, {sample(true)}, {});
  EXPECT_EQ(message_id(rift, {sample(true)}, {}), id);
  EXPECT_NE(message_id(rift, {sample(false)}, {}), id);
  EXPECT_NE(message_id(rift, {sample(true)}, at("2026-11-22T10:00:00Z")), id) << "a reminder";
  EXPECT_NE(message_id(reconciler::NodeName("svc"), {sample(true)}, {}), id);
}

TEST(Receivers, WhatCannotWorkIsSaidBeforeItIsNeeded) {
  const test::TempDir folder;
  std::ofstream(folder / "token") << "secret\n";
  std::ofstream(folder / "empty").close();
  ReceiverOptions ntfy;
  ntfy.type = ReceiverOptions::Type::kNtfy;
  ntfy.url = "https://ntfy.example.net/";
  EXPECT_THAT(make_receiver(ntfy)->check().error().text(), HasSubstr("names no topic"));
  ntfy.url = "http://ntfy.example.net/topic";
  EXPECT_TRUE(make_receiver(ntfy)->check());
  ntfy.secret_file = folder / "token";
  EXPECT_THAT(make_receiver(ntfy)->check().error().text(), HasSubstr("in the clear"));
  ntfy.url = "http://127.0.0.1:8080/topic";
  EXPECT_TRUE(make_receiver(ntfy)->check()) << "within this host";
  ntfy.secret_file = folder / "empty";
  EXPECT_FALSE(make_receiver(ntfy)->check());
  ReceiverOptions hook;
  hook.url_file = folder / "none";
  EXPECT_THAT(make_receiver(hook)->check().error().text(), HasSubstr("cannot read the URL"));
}

}  // namespace
}  // namespace agent
