#include "agent/alerts/ledger.h"

#include <gmock/gmock.h>

#include "agent/alerts/kinds.h"

namespace agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const base::TimePoint kStart = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);

Alert alert(const std::string& name, const std::string& service = "",
            Severity severity = Severity::kWarning) {
  Alert out;
  out.name = name;
  out.service = reconciler::ServiceName(service);
  out.severity = severity;
  out.summary = name;
  return out;
}

const Audience kOps{"ops", Severity::kInfo, hours(4)};
const Audience kPager{"pager", Severity::kCritical, hours(4)};

class LedgerTest : public testing::Test {
 protected:
  // What holds from this second on; gives what began (+) or ended (-).
  std::vector<std::string> at(base::Millis since_start, std::vector<Alert> holding,
                              std::set<std::string_view> unknown = {}) {
    now = kStart + since_start;
    std::vector<std::string> out;
    for (const Alert& change : ledger.take({std::move(holding), std::move(unknown)}, now))
      out.push_back((change.firing() ? "+" : "-") + change.key());
    return out;
  }
  std::vector<std::string> news(const Audience& audience) {
    std::vector<std::string> out;
    for (const Alert& one : ledger.news(audience, now))
      out.push_back((one.firing() ? "+" : "-") + one.key());
    return out;
  }
  void told(const Audience& audience) { ledger.told(audience, ledger.news(audience, now), now); }

  base::TimePoint now = kStart;
  Ledger ledger{{}, {kOps, kPager}};
};

const char* const kNotReady = alert::kNotReady;  // pends 5 minutes, is kept 1 minute

TEST_F(LedgerTest, ABlipSaysNothing) {
  EXPECT_THAT(at(seconds(0), {alert(kNotReady, "web")}), IsEmpty());
  EXPECT_THAT(at(minutes(4), {alert(kNotReady, "web")}), IsEmpty());
  EXPECT_THAT(at(minutes(4) + seconds(1), {}), IsEmpty());
  EXPECT_THAT(at(minutes(5), {alert(kNotReady, "web")}), IsEmpty()) << "it counts from anew";
  EXPECT_THAT(news(kOps), IsEmpty());
  EXPECT_THAT(ledger.records(), IsEmpty()) << "what pends is not worth a write";
}

TEST_F(LedgerTest, WhatStaysBeginsOnceAndEndsOnce) {
  at(seconds(0), {alert(kNotReady, "web")});
  EXPECT_EQ(ledger.wake_at(), kStart + minutes(5));
  EXPECT_THAT(at(minutes(5), {alert(kNotReady, "web")}), ElementsAre("+NotReady web"));
  EXPECT_EQ(ledger.firing().at(0).since, kStart);
  EXPECT_THAT(news(kOps), ElementsAre("+NotReady web"));
  told(kOps);
  EXPECT_THAT(at(minutes(6), {alert(kNotReady, "web")}), IsEmpty());
  EXPECT_THAT(news(kOps), IsEmpty());
  EXPECT_THAT(at(minutes(7), {}), IsEmpty()) << "not yet: it may be back";
  EXPECT_EQ(ledger.wake_at(), kStart + minutes(8));
  EXPECT_THAT(at(minutes(8), {}), ElementsAre("-NotReady web"));
  EXPECT_THAT(news(kOps), ElementsAre("-NotReady web"));
  told(kOps);
  EXPECT_THAT(news(kOps), IsEmpty());
  EXPECT_THAT(ledger.records(), IsEmpty()) << "everybody knows";
  EXPECT_FALSE(ledger.wake_at());
}

TEST_F(LedgerTest, AnEndThatIsNoneSaysNothing) {
  at(seconds(0), {alert(kNotReady, "web")});
  at(minutes(5), {alert(kNotReady, "web")});
  told(kOps);
  at(minutes(6), {});
  EXPECT_THAT(at(minutes(6) + seconds(59), {alert(kNotReady, "web")}), IsEmpty());
  EXPECT_THAT(at(minutes(9), {alert(kNotReady, "web")}), IsEmpty());
  EXPECT_THAT(news(kOps), IsEmpty());
}

TEST_F(LedgerTest, TheTimeOfAConditionCounts) {
  Alert known = alert(kNotReady, "web");
  known.since = kStart - minutes(10);
  EXPECT_THAT(at(seconds(0), {known}), ElementsAre("+NotReady web"));
  EXPECT_EQ(ledger.firing().at(0).since, known.since);
}

TEST_F(LedgerTest, WhatIsNotKnownStaysAsItIs) {
  at(seconds(0), {alert(kNotReady, "web")});
  at(minutes(5), {alert(kNotReady, "web")});
  EXPECT_THAT(at(hours(1), {}, {kNotReady}), IsEmpty());
  EXPECT_EQ(ledger.firing().size(), 1u);
  EXPECT_THAT(at(hours(1) + seconds(1), {}), IsEmpty());
  EXPECT_THAT(at(hours(1) + seconds(61), {}), ElementsAre("-NotReady web"));
}

TEST_F(LedgerTest, AReceiverThatIsDownHearsTheLatestOfEachAlone) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web"), alert(alert::kRolloutFailed, "api")});
  at(minutes(1), {alert(alert::kRolloutFailed, "api")});
  at(minutes(2), {alert(alert::kRolloutFailed, "api")});
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed api", "-RolloutFailed web"))
      << "begun and ended while nobody listened: one piece of news with both times";
  EXPECT_EQ(ledger.news(kOps, now).at(1).since, kStart);
  EXPECT_EQ(ledger.news(kOps, now).at(1).until, kStart + minutes(1));
  at(minutes(3), {alert(alert::kRolloutFailed, "web"), alert(alert::kRolloutFailed, "api")});
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed api", "+RolloutFailed web"));
  EXPECT_EQ(ledger.firing().size(), 2u);
}

TEST_F(LedgerTest, AnotherTimeIsNews) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web")});
  told(kOps);
  at(minutes(1), {});
  at(minutes(2), {});
  at(minutes(10), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed web")) << "of whose first end it never heard";
}

TEST_F(LedgerTest, WhoeverWantsTheWorstHearsOfItWhenItGetsWorse) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(news(kPager), IsEmpty());
  told(kOps);
  at(minutes(1), {alert(alert::kRolloutFailed, "web", Severity::kCritical)});
  EXPECT_THAT(news(kPager), ElementsAre("+RolloutFailed web"));
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed web")) << "worse is news";
  told(kOps);
  told(kPager);
  at(minutes(2), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(news(kOps), IsEmpty()) << "better is none";
  at(minutes(3), {});
  at(minutes(4), {});
  EXPECT_THAT(news(kPager), ElementsAre("-RolloutFailed web")) << "who heard of it hears its end";
}

TEST_F(LedgerTest, WhoPerhapsHeardOfItHearsItsEnd) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web", Severity::kCritical)});
  ledger.tells(kPager, ledger.news(kPager, now));
  EXPECT_THAT(news(kPager), ElementsAre("+RolloutFailed web")) << "it is tried again";
  at(minutes(1), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(news(kPager), IsEmpty()) << "of what is less bad it wants to hear nothing";
  ledger.restore(ledger.records());
  at(hours(5), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(news(kPager), IsEmpty()) << "nor to be reminded of it";
  at(hours(6), {});
  at(hours(7), {});
  EXPECT_THAT(news(kPager), ElementsAre("-RolloutFailed web"));
  told(kPager);
  EXPECT_THAT(news(kPager), IsEmpty());
}

TEST_F(LedgerTest, WhatWasToldWithAnotherSeverityIsKnown) {
  const auto superseded = [&] { return ledger.superseded(kOps, ledger.firing(kOps), now); };
  at(seconds(0), {alert(alert::kRolloutFailed, "web")});
  EXPECT_THAT(superseded(), IsEmpty()) << "it was told nothing yet";
  told(kOps);
  EXPECT_THAT(superseded(), IsEmpty());
  at(minutes(1), {alert(alert::kRolloutFailed, "web", Severity::kCritical)});
  Alert former = alert(alert::kRolloutFailed, "web");
  former.since = kStart;
  former.until = kStart + minutes(1);
  EXPECT_THAT(superseded(), ElementsAre(former));
  told(kOps);
  EXPECT_THAT(superseded(), IsEmpty());
  at(minutes(2), {alert(alert::kRolloutFailed, "web")});
  ASSERT_EQ(superseded().size(), 1u) << "better is another severity too";
  EXPECT_EQ(superseded().at(0).severity, Severity::kCritical);
  at(minutes(3), {});
  at(minutes(4), {});
  const auto end = ledger.superseded(kOps, ledger.news(kOps, now), now);
  ASSERT_EQ(end.size(), 1u) << "it may end before anybody hears";
  EXPECT_EQ(end.at(0).until, kStart + minutes(3));
}

TEST_F(LedgerTest, ARemindersTimeComesForAllThatFire) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web")});
  told(kOps);
  const auto both = {alert(alert::kRolloutFailed, "web"), alert(alert::kRolloutFailed, "api")};
  at(hours(3), both);
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed api"));
  told(kOps);
  at(hours(4) - seconds(1), both);
  EXPECT_THAT(news(kOps), IsEmpty());
  EXPECT_EQ(ledger.wake_at(), kStart + hours(4));
  at(hours(4), both);
  EXPECT_THAT(news(kOps), ElementsAre("+RolloutFailed web", "+RolloutFailed api"));
  EXPECT_EQ(ledger.told_last(kOps, ledger.news(kOps, now)), kStart + hours(3))
      << "tells this reminder from the next";
}

// A message may hold fewer than there are: nothing may be left out for ever.
TEST_F(LedgerTest, NewsComesFirstAndThenWhatWasToldLongestAgo) {
  const Alert a = alert(kNotReady, "a"), b = alert(kNotReady, "b"), c = alert(kNotReady, "c");
  at(seconds(0), {a, b});
  at(minutes(5), {a, b});
  told(kOps);
  // Of the reminder only the first part arrives.
  at(minutes(5) + hours(4), {a, b});
  ledger.told(kOps, {ledger.news(kOps, now).front()}, now);
  at(minutes(6) + hours(4), {a, b, c});
  at(minutes(11) + hours(4), {a, b, c});
  EXPECT_THAT(news(kOps), ElementsAre("+NotReady c", "+NotReady b", "+NotReady a"));
}

TEST_F(LedgerTest, TheWorstNewsComesFirst) {
  const Alert mild = alert(kNotReady, "a"), bad = alert(kNotReady, "b", Severity::kCritical);
  at(seconds(0), {mild, bad});
  at(minutes(5), {mild, bad});
  EXPECT_THAT(news(kOps), ElementsAre("+NotReady b", "+NotReady a"));
}

TEST_F(LedgerTest, OneCauseIsOneAlert) {
  EXPECT_THAT(at(seconds(0), {alert(alert::kFlapping, "web"), alert(kNotReady, "api")}),
              ElementsAre("+Flapping web"));
  // It is between two restarts now, and still flaps as far as anybody was told.
  at(seconds(1), {alert(kNotReady, "web"), alert(kNotReady, "api")});
  EXPECT_THAT(at(minutes(6), {alert(kNotReady, "web"), alert(kNotReady, "api")}),
              ElementsAre("+NotReady api"));
  EXPECT_THAT(at(minutes(11), {alert(kNotReady, "web"), alert(kNotReady, "api")}),
              ElementsAre("-Flapping web"));
  EXPECT_THAT(at(minutes(12), {alert(kNotReady, "web"), alert(kNotReady, "api")}),
              ElementsAre("+NotReady web"));
}

TEST_F(LedgerTest, ItGoesOnWhereItWasStored) {
  at(seconds(0), {alert(alert::kRolloutFailed, "web"), alert(alert::kRolloutFailed, "api")});
  told(kOps);
  at(minutes(1), {alert(alert::kRolloutFailed, "api")});
  at(minutes(2), {alert(alert::kRolloutFailed, "api")});
  const auto stored = ledger.records();
  ASSERT_EQ(stored.size(), 2u);
  ledger = Ledger({}, {kOps});
  ledger.restore(stored);
  EXPECT_THAT(news(kOps), ElementsAre("-RolloutFailed web"));
  EXPECT_THAT(at(minutes(3), {alert(alert::kRolloutFailed, "api")}), IsEmpty());
  EXPECT_THAT(news(kOps), ElementsAre("-RolloutFailed web"));
  ledger = Ledger({}, {{"somebody new", Severity::kInfo, hours(4)}});
  ledger.restore(stored);
  EXPECT_TRUE(ledger.records().at(0).said.empty()) << "whom nobody knows any more is forgotten";
}

TEST_F(LedgerTest, WhatIsConfiguredCounts) {
  ledger = Ledger({{{kNotReady, minutes(1)}}, {alert::kFlapping}}, {kOps});
  at(seconds(0), {alert(kNotReady, "web"), alert(alert::kFlapping, "api")});
  EXPECT_THAT(at(minutes(1), {alert(kNotReady, "web"), alert(alert::kFlapping, "api")}),
              ElementsAre("+NotReady web"));
  ledger.begun_elsewhere(alert(alert::kFlapping, "api"), {}, now);
  EXPECT_EQ(ledger.firing().size(), 1u);
}

TEST_F(LedgerTest, NobodyIsToldThatHeCannotBeTold) {
  Alert deaf = alert(alert::kReceiverFailing);
  deaf.subject = "ops";
  deaf.since = kStart - hours(1);
  EXPECT_THAT(at(seconds(0), {deaf}), ElementsAre("+ReceiverFailing ops"));
  EXPECT_THAT(news(kOps), IsEmpty());
  deaf.subject = "pager";
  at(seconds(1), {deaf});
  EXPECT_THAT(news(kOps), ElementsAre("+ReceiverFailing pager"));
}

TEST_F(LedgerTest, WhatWasToldPastItEndsHere) {
  ledger.begun_elsewhere(alert(alert::kAgentStuck), {"ops"}, now);
  EXPECT_THAT(news(kOps), IsEmpty());
  EXPECT_THAT(news(kPager), IsEmpty());
  EXPECT_THAT(at(seconds(1), {}), ElementsAre("-AgentStuck"));
  EXPECT_THAT(news(kOps), ElementsAre("-AgentStuck"));
}

TEST_F(LedgerTest, AClockThatStepsBackHoldsNothingBack) {
  at(hours(100), {alert(kNotReady, "web")});
  EXPECT_THAT(at(seconds(0), {alert(kNotReady, "web")}), ElementsAre("+NotReady web"));
  told(kOps);
  at(hours(200), {});
  EXPECT_THAT(at(hours(1), {}), ElementsAre("-NotReady web"));
}

TEST_F(LedgerTest, AClockThatStepsBackALittleDoesNotKeepAnAlertTwice) {
  at(seconds(0), {alert(kNotReady, "web")});
  EXPECT_THAT(at(minutes(5), {alert(kNotReady, "web")}), ElementsAre("+NotReady web"));
  EXPECT_THAT(at(seconds(390), {}), IsEmpty());
  EXPECT_THAT(at(seconds(300), {}), IsEmpty());
  EXPECT_THAT(at(seconds(360), {}), ElementsAre("-NotReady web"));
}

}  // namespace
}  // namespace agent
