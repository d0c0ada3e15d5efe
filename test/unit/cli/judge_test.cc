#include "controller/cli/judge.h"

#include <gmock/gmock.h>

namespace controller {
namespace {

using State = Verdict::State;

Condition condition(const std::string& type, const std::string& status, const std::string& reason) {
  return {type, status, reason, "m", {}};
}

const std::vector<Condition> kReady = {condition("Ready", "True", "ReconciliationSucceeded")};
const std::vector<Condition> kProbing = {condition("Ready", "False", "Probing"),
                                         condition("Reconciling", "True", "Probing")};
const std::vector<Condition> kPullFailed = {condition("Ready", "False", "ImagePullFailed"),
                                            condition("Reconciling", "True", "ImagePullFailed")};
const std::vector<Condition> kStalled = {condition("Ready", "False", "Exited"),
                                         condition("Stalled", "True", "Exited")};

NodeStatus node(const std::string& revision, int64_t syncs_done,
                std::vector<std::pair<std::string, std::vector<Condition>>> services) {
  NodeStatus status;
  status.node = "rift";
  status.revision = revision;
  status.source.syncs_done = syncs_done;
  for (auto& [name, conditions] : services) {
    ServiceStatus service;
    service.name = name;
    service.node = "rift";
    service.conditions = conditions;
    status.services.push_back(service);
  }
  return status;
}

Goal goal_for(const std::string& service) {
  Goal goal;
  goal.service = service;
  goal.revision = "new";
  goal.syncs["rift"] = 3;
  goal.contains = [](const std::string& newer, const std::string&) { return newer == "newer"; };
  return goal;
}

TEST(Judge, AServiceOnOneNode) {
  struct Case {
    std::string what;
    NodeStatus status;
    State state;
    std::string reason;
  };
  NodeStatus unfetched = node("new", 3, {{"web", kReady}});
  unfetched.source.last_error = "refused";
  NodeStatus held = node("new", 3, {{"web", kReady}});
  held.services[0].hold = Hold{"PruneHeld", "m"};
  NodeStatus guarded = node("old", 3, {{"web", kReady}});
  guarded.conditions = {condition("Stalled", "True", "PruneHeld")};
  NodeStatus suspended = node(
      "new", 3,
      {{"web",
        {condition("Ready", "False", "Suspended"), condition("Stalled", "True", "Suspended")}}});
  suspended.services[0].suspended.emplace();
  for (const Case& one : std::vector<Case>{
           {"suspended", suspended, State::kFailed, "Suspended"},
           {"ready", node("new", 3, {{"web", kReady}}), State::kDone, "ReconciliationSucceeded"},
           {"not fetched yet", node("old", 2, {{"web", kReady}}), State::kWaiting, "Syncing"},
           {"probing", node("new", 3, {{"web", kProbing}}), State::kWaiting, "Probing"},
           {"draining", node("new", 3, {{"web", {condition("Reconciling", "True", "Draining")}}}),
            State::kWaiting, "Draining"},
           {"on its way",
            node("new", 3, {{"web", {condition("Reconciling", "True", "HandingOver")}}}),
            State::kWaiting, "HandingOver"},
           {"pull fails", node("new", 3, {{"web", kPullFailed}}), State::kFailing,
            "ImagePullFailed"},
           {"stalled", node("new", 3, {{"web", kStalled}}), State::kFailed, "Exited"},
           {"held", held, State::kFailed, "PruneHeld"},
           {"superseded", node("newer", 3, {{"web", kReady}}), State::kDone,
            "ReconciliationSucceeded"},
           {"other history", node("other", 3, {{"web", kReady}}), State::kFailed, "OtherRevision"},
           {"the node holds the revision", guarded, State::kFailed, "PruneHeld"},
           {"cannot fetch", unfetched, State::kFailing, "SourceUnavailable"},
           {"placed elsewhere", node("new", 3, {{"db", kReady}}), State::kFailing, "NotPlaced"},
           {"no condition yet", node("new", 3, {{"web", {}}}), State::kWaiting, ""},
       }) {
    SCOPED_TRACE(one.what);
    const Verdict verdict = judge(goal_for("web"), {{"rift", one.status}});
    EXPECT_EQ(verdict.state, one.state);
    EXPECT_EQ(verdict.reason, one.reason);
    EXPECT_FALSE(verdict.rows.empty());
  }
}

TEST(Judge, ARemovalIsDoneWhenNoNodeHasTheService) {
  Goal goal = goal_for("web");
  goal.removed = true;
  EXPECT_EQ(judge(goal, {{"rift", node("new", 3, {{"db", kReady}})}}).state, State::kDone);
  EXPECT_EQ(judge(goal, {{"rift", node("new", 3, {{"web", kReady}})}}).state, State::kWaiting);
  EXPECT_EQ(judge(goal, {{"rift", node("old", 2, {})}}).state, State::kWaiting);
}

TEST(Judge, AnUnreachableAgentIsWaitedFor) {
  const Verdict verdict = judge(goal_for("web"), {{"rift", base::unavailable("refused")}});
  EXPECT_EQ(verdict.state, State::kWaiting);
  EXPECT_EQ(verdict.reason, "AgentUnreachable");
}

TEST(Judge, AllServicesTakeTheWorst) {
  Goal goal;
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {})}}).state, State::kDone);
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {{"a", kReady}, {"b", kReady}})}}).state,
            State::kDone);
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {{"a", kReady}, {"b", kProbing}})}}).state,
            State::kWaiting);
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {{"a", kPullFailed}, {"b", kReady}})}}).state,
            State::kFailing);
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {{"a", kPullFailed}, {"b", kProbing}})}}).state,
            State::kWaiting);
  EXPECT_EQ(judge(goal, {{"rift", node("r", 0, {{"a", kStalled}, {"b", kProbing}})}}).state,
            State::kFailed);
}

TEST(Summarise, OneWordForTheConditions) {
  EXPECT_EQ(summarise(kReady).text, "Ready");
  EXPECT_EQ(summarise(kProbing).text, "Reconciling");
  EXPECT_EQ(summarise(kPullFailed).text, "Failed");
  EXPECT_EQ(summarise(kStalled).text, "Stalled");
  EXPECT_EQ(summarise({}).text, "Unknown");
}

TEST(DescribeComponent, SaysStateExitAndWhatItWaitsFor) {
  ComponentStatus one;
  one.state = "exited";
  one.last_exit = "exited with 1";
  one.waiting_for = "the next attempt";
  EXPECT_EQ(describe_component(one), "exited (exited with 1), waits for the next attempt");
  one.waiting_for = "no answer yet";
  EXPECT_EQ(describe_component(one), "exited (exited with 1): no answer yet");
  one.ready = true;
  one.state = "running";
  EXPECT_EQ(describe_component(one), "ready: no answer yet");
  one.waiting_for = "";
  EXPECT_EQ(describe_component(one), "ready");
  one.state = "exited";
  EXPECT_EQ(describe_component(one), "completed");
}

// Nobody asked it to fetch: it will.
TEST(Judge, ANodeThatHasNotFetchedYetIsWaitedFor) {
  Goal goal = goal_for("web");
  goal.syncs.clear();
  for (const std::string service : {"web", ""}) {
    goal.service = service;
    const Verdict waiting = judge(goal, {{"rift", node("old", 0, {{"web", kReady}})}});
    EXPECT_EQ(waiting.state, State::kWaiting);
    EXPECT_EQ(waiting.reason, "OtherRevision");
    EXPECT_EQ(judge(goal, {{"rift", node("newer", 0, {{"web", kReady}})}}).state, State::kDone);
    NodeStatus held = node("old", 0, {{"web", kReady}});
    held.conditions = {condition("Stalled", "True", "CommitNotVerified")};
    EXPECT_EQ(judge(goal, {{"rift", held}}).state, State::kWaiting) << "for an older commit";
    for (const char* revision : {"new", "newer"}) {
      held.held_revision = revision;
      const Verdict failed = judge(goal, {{"rift", held}});
      EXPECT_EQ(failed.state, State::kFailed);
      EXPECT_EQ(failed.reason, "CommitNotVerified");
    }
    NodeStatus nothing = held;
    nothing.revision = "";
    goal.contains = [](const std::string& newer, const std::string&) { return newer.empty(); };
    nothing.held_revision = "new";
    EXPECT_EQ(judge(goal, {{"rift", nothing}}).state, State::kFailed);
    goal.contains = [](const std::string& newer, const std::string&) { return newer == "newer"; };
    NodeStatus newer_held = node("new", 0, {{"web", kReady}});
    newer_held.conditions = held.conditions;
    newer_held.held_revision = "newer";
    EXPECT_EQ(judge(goal, {{"rift", newer_held}}).state, State::kDone);
  }
}

}  // namespace
}  // namespace controller
