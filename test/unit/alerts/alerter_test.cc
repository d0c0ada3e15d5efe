#include "agent/alerts/alerter.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "agent/alerts/kinds.h"
#include "agent/store/spare_alerts.h"
#include "test/support/temp_dir.h"
#include "test/unit/loop/parts.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Told : public Receiver {
 public:
  base::Result<> deliver(const Message& message) override {
    ++attempts;
    last_id = message.id;
    if (error) return *error;
    std::vector<std::string> said;
    for (const Alert& alert : message.alerts)
      said.push_back((alert.firing() ? "+" : "-") + alert.key());
    for (const Alert& alert : message.superseded)
      superseded.push_back(std::string(name(alert.severity)) + " " + alert.key());
    messages.push_back(said);
    return {};
  }
  std::optional<base::Error> error;
  int attempts = 0;
  std::string last_id;
  std::vector<std::vector<std::string>> messages;
  std::vector<std::string> superseded;
};

class Kept : public AlertStore {
 public:
  base::Result<std::vector<AlertRecord>> load_alerts() override { return records; }
  base::Result<> save_alerts(const std::vector<AlertRecord>& all) override {
    if (full) return base::make_error(base::Code::kExhausted, "disk full");
    ++writes;
    records = all;
    return {};
  }
  std::vector<AlertRecord> records;
  int writes = 0;
  bool full = false;
};

class Beating : public Pulse {
 public:
  base::Result<> beat() override {
    ++beats;
    if (error) return *error;
    return {};
  }
  std::optional<base::Error> error;
  int beats = 0;
};

class AlerterTest : public testing::Test {
 protected:
  AlerterTest() {
    source.last_fetch = test::at(0);
    start();
  }

  void start() {
    AlerterOptions options;
    options.sender = {reconciler::NodeName("rift"), "v1", "docs/alerts.md"};
    options.ledger.pending[alert::kReportFailing] = base::Millis(0);
    options.ledger.pending[alert::kSourceUnreachable] = base::Millis(0);
    options.ledger.keep = base::Millis(0);
    CourierOptions slow{{"ops", Severity::kInfo, std::chrono::hours(4)}, "webhook"};
    CourierOptions forgetful{{"am", Severity::kInfo, base::Millis(0)}, "alertmanager"};
    forgetful.group = forgetful.pause = std::chrono::seconds(1);
    forgetful.refresh = std::chrono::minutes(1);
    spare = std::make_unique<SpareAlerts>(store, folder / "alerts-told");
    alerter = std::make_unique<Alerter>(AlerterPorts{*spare, executor, nullptr, &pulse},
                                        std::move(options),
                                        std::vector<Alerter::Told>{{slow, ops}, {forgetful, am}});
    EXPECT_TRUE(alerter->load());
  }

  // Looks and steps, until nothing is under way.
  void run(double seconds) {
    alerter->look();
    step(seconds);
    while (executor.waiting() > 0) {
      executor.run();
      step(seconds);
    }
  }
  void step(double seconds) {
    const Situation situation{desired, observed, memory, source, report_error, true};
    for (reconciler::Event& event : alerter->step(situation, test::at(seconds)))
      events.push_back(event.reason);
  }

  reconciler::Desired desired;
  reconciler::Observed observed;
  reconciler::Memory memory;
  SourceState source;
  std::string report_error;
  Told ops, am;
  ::test::TempDir folder;
  Kept store;
  std::unique_ptr<SpareAlerts> spare;
  Beating pulse;
  test::Executor executor;
  std::unique_ptr<Alerter> alerter;
  std::vector<std::string> events;
};

TEST_F(AlerterTest, SeveralInAShortTimeAreOneMessage) {
  report_error = "cannot push";
  run(0);
  EXPECT_THAT(ops.messages, IsEmpty()) << "others may come along";
  observed.source_error = base::unavailable("no route");
  run(5);
  run(10);
  EXPECT_THAT(ops.messages, ElementsAre(ElementsAre("+SourceUnreachable", "+ReportFailing")));
  report_error.clear();
  run(12);
  EXPECT_THAT(ops.messages, SizeIs(1)) << "messages have a pause between them";
  run(69);
  EXPECT_THAT(ops.messages, SizeIs(1));
  run(70);
  EXPECT_THAT(ops.messages, ElementsAre(testing::_, ElementsAre("-ReportFailing")));
  EXPECT_THAT(events, ElementsAre("AlertFiring", "AlertFiring", "AlertResolved"));
}

TEST_F(AlerterTest, AReceiverThatForgetsIsToldAgain) {
  report_error = "cannot push";
  run(0);
  run(1);
  EXPECT_THAT(am.messages, SizeIs(1));
  const int writes = store.writes;
  run(30);
  EXPECT_THAT(am.messages, SizeIs(1));
  run(61);
  run(121);
  EXPECT_THAT(am.messages, SizeIs(3));
  EXPECT_EQ(store.writes - writes, 2)
      << "that the other receiver may hear, and has heard: the same again is no write";
  report_error.clear();
  run(130);
  run(131);
  EXPECT_THAT(am.messages.back(), ElementsAre("-ReportFailing"));
  run(600);
  EXPECT_THAT(am.messages, SizeIs(4));
}

TEST_F(AlerterTest, AReceiverThatForgetsHearsThatTheFormerSeverityIsOver) {
  desired.node = reconciler::NodeName("rift");
  const reconciler::RouteKey site{443, "site.test"};
  reconciler::ObservedProxy& proxy = observed.proxy.emplace();
  proxy.asked_at = test::at(0);
  proxy.routes[site].owner = "mcp/rift";
  proxy.routes[site].certificate_until = test::at(0) + std::chrono::days(10);
  run(0);
  run(60);
  run(61);
  ASSERT_THAT(am.messages, testing::Not(IsEmpty()));
  EXPECT_THAT(am.superseded, IsEmpty());
  proxy.routes[site].certificate_until = test::at(0) + std::chrono::days(2);
  run(70);
  run(71);
  EXPECT_THAT(am.superseded, ElementsAre("warning CertificateExpiring site.test:443"));
  run(200);
  EXPECT_THAT(am.superseded, SizeIs(1)) << "once it is told";
}

// An Alertmanager resolves by itself what it does not hear of again.
TEST_F(AlerterTest, AReceiverThatForgetsIsAskedAgainBeforeItDoes) {
  report_error = "cannot push";
  run(0);
  run(1);
  am.error = base::unavailable("no route to host");
  int attempts = am.attempts;
  double last = 1;
  for (double now = 2; now < 1800; now += 1) {
    run(now);
    if (am.attempts == attempts) continue;
    EXPECT_LE(now - last, 61);
    attempts = am.attempts;
    last = now;
  }
}

TEST_F(AlerterTest, AFailureIsTriedAgainFurtherAndFurtherApartAndSaidOnce) {
  ops.error = base::unavailable("answered 503");
  report_error = "cannot push";
  run(0);
  run(10);
  EXPECT_EQ(ops.attempts, 1);
  const std::string id = ops.last_id;
  double now = 10;
  double last = 10;
  std::vector<double> pauses;
  for (; now < 3600; now += 1) {
    const int before = ops.attempts;
    run(now);
    if (ops.attempts == before) continue;
    pauses.push_back(now - last);
    last = now;
    EXPECT_EQ(ops.last_id, id) << "it is the same message";
  }
  EXPECT_GE(pauses.size(), 8u);
  EXPECT_LT(pauses.front(), 10);
  EXPECT_GT(pauses.back(), 290);
  EXPECT_LT(pauses.back(), 370);
  EXPECT_THAT(am.messages, testing::Not(IsEmpty())) << "nobody waits for it";
  EXPECT_EQ(std::count(events.begin(), events.end(), "AlertNotDelivered"), 1);
  const ReceiverState state = alerter->state().receivers.at(0);
  EXPECT_EQ(state.failing_since, test::at(10));
  EXPECT_GE(state.waiting, 1u);
  ops.error.reset();
  for (; ops.messages.empty() && now < 5000; now += 1) run(now);
  EXPECT_THAT(ops.messages.at(0), testing::Contains("+ReportFailing"));
  EXPECT_EQ(alerter->state().receivers.at(0).failing_since, base::TimePoint{});
}

TEST_F(AlerterTest, WhatBeganElsewhereIsAnEventToo) {
  Alert stuck;
  stuck.name = alert::kAgentStuck;
  stuck.since = test::at(0);
  alerter->begun_elsewhere(stuck, {"ops"}, test::at(1));
  run(2);
  run(120);
  EXPECT_THAT(events, ElementsAre("AlertFiring", "AlertResolved"));
  EXPECT_THAT(ops.messages, ElementsAre(ElementsAre("-AgentStuck")));
}

TEST_F(AlerterTest, ARestartTellsWhatWasNotTold) {
  report_error = "cannot push";
  run(0);
  run(1);
  ASSERT_THAT(store.records, SizeIs(1)) << "before it is told, it is written down";
  EXPECT_THAT(ops.messages, IsEmpty());
  start();
  run(2);
  run(12);
  EXPECT_THAT(ops.messages, ElementsAre(ElementsAre("+ReportFailing")));
  start();
  run(20);
  run(100);
  EXPECT_THAT(ops.messages, SizeIs(1)) << "and not twice";
}

TEST_F(AlerterTest, BeforeAMessageIsSentItIsWrittenDownThatItMayBeHeard) {
  report_error = "cannot push";
  run(0);
  alerter->look();
  step(10);
  EXPECT_EQ(executor.waiting(), 2U) << "to ops and to am";
  ASSERT_THAT(store.records, SizeIs(1));
  EXPECT_TRUE(store.records[0].said.contains("ops"));
  EXPECT_THAT(ops.messages, IsEmpty());
}

TEST_F(AlerterTest, ARegistryThatCannotBeWrittenHoldsNothingBack) {
  store.full = true;
  report_error = "cannot push";
  run(0);
  run(10);
  EXPECT_THAT(ops.messages, SizeIs(1));
  store.full = false;
  run(31);
  EXPECT_THAT(store.records, SizeIs(1));
}

TEST_F(AlerterTest, WhatARegistryDidNotTakeOutlivesARestart) {
  store.full = true;
  report_error = "cannot push";
  run(0);
  run(10);
  ASSERT_THAT(ops.messages, SizeIs(1));
  start();
  report_error.clear();
  run(20);
  run(80);
  EXPECT_THAT(ops.messages,
              ElementsAre(ElementsAre("+ReportFailing"), ElementsAre("-ReportFailing")));
  start();
  report_error = "cannot push";
  run(90);
  run(100);
  ASSERT_THAT(ops.messages, SizeIs(3));
  store.full = false;
  report_error.clear();
  run(200);
  run(210);
  ASSERT_THAT(ops.messages, SizeIs(4));
  EXPECT_THAT(store.records, IsEmpty());
  start();
  run(300);
  EXPECT_THAT(ops.messages, SizeIs(4)) << "what the registry has is newer";
}

TEST_F(AlerterTest, TheHeartbeatGoesOnAndItsFailureIsVisible) {
  run(0);
  EXPECT_EQ(pulse.beats, 1);
  run(30);
  EXPECT_EQ(pulse.beats, 1);
  pulse.error = base::unavailable("answered 500");
  run(60);
  run(120);
  EXPECT_EQ(pulse.beats, 3);
  EXPECT_THAT(events, ElementsAre("AlertNotDelivered"));
  EXPECT_EQ(alerter->state().receivers.back().failing_since, test::at(60));
}

TEST_F(AlerterTest, WithoutAnythingNewAStepDoesNothing) {
  run(0);
  run(2);
  ASSERT_TRUE(alerter->wake_at());
  EXPECT_EQ(*alerter->wake_at(), test::at(60)) << "the heartbeat";
  const int writes = store.writes;
  for (int i = 0; i < 100; ++i) step(3 + i * 0.01);
  EXPECT_EQ(executor.waiting(), 0u);
  EXPECT_EQ(store.writes, writes);
}

}  // namespace
}  // namespace agent
