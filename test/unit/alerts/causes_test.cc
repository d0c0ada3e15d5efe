#include "agent/alerts/causes.h"

#include <gmock/gmock.h>

#include "agent/alerts/kinds.h"
#include "reconciler/conditions.h"

namespace agent {
namespace {

using namespace reconciler;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const TimePoint kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);

// A node on which everything is fine: "web", one component, ready.
class CausesTest : public testing::Test {
 protected:
  CausesTest() {
    desired.node = NodeName("rift");
    desired.revision = Revision(std::string(40, 'a'));
    source.last_fetch = kNow;
    add("web");
  }

  void add(const std::string& name) {
    ServiceDesired& service = desired.services[ServiceName(name)];
    service.definition.name = ServiceName(name);
    ComponentDesired& component = service.components[ComponentName("main")];
    component.spec.image = "registry.example.net/" + name + ":v1";
    component.spec_hash = "hash";
    ObservedContainer& container = observed.containers[ContainerId(name)];
    container.id = ContainerId(name);
    container.name = name + ".main";
    container.state = ContainerState::kRunning;
    container.image = component.spec.image;
    container.owner = Owner{.key = key(name), .node = desired.node, .spec_hash = "hash"};
    set(name, Status::kTrue, reason::kSucceeded);
  }

  static ComponentKey key(const std::string& name) {
    return {ServiceName(name), ComponentName("main")};
  }

  void set(const std::string& name, Status ready, const std::string& why, bool stalled = false) {
    auto& conditions = memory.services[ServiceName(name)].conditions;
    conditions = {{"Ready", ready, why, "message of " + why, kNow - std::chrono::minutes(1)}};
    if (ready != Status::kTrue)
      conditions.push_back({stalled ? "Stalled" : "Reconciling", Status::kTrue, why, "", kNow});
  }

  void stop(const std::string& name) {
    observed.containers[ContainerId(name)].state = ContainerState::kExited;
  }

  void deny(const std::string& name) {
    memory.components[key(name)].failure = Failure{
        StepKind::kPullImage, base::make_error(base::Code::kUnauthenticated, "unauthorized")};
    set(name, Status::kFalse, reason::kImagePullFailed);
  }

  Causes causes() {
    Situation situation{desired, observed, memory, source, report_error, planned};
    situation.facts = &facts;
    situation.receivers = receivers;
    return causes_of(situation, options, kNow);
  }
  // "warning NotReady web"
  std::vector<std::string> holding() {
    std::vector<std::string> out;
    for (const Alert& alert : causes().holding)
      out.push_back(std::string(name(alert.severity)) + " " + alert.key());
    return out;
  }

  Desired desired;
  Observed observed;
  Memory memory;
  SourceState source;
  std::string report_error;
  bool planned = true;
  NodeFacts facts;
  std::vector<ReceiverState> receivers;
  CauseOptions options;
};

TEST_F(CausesTest, OfANodeThatIsFineThereIsNone) {
  const Causes none = causes();
  EXPECT_THAT(none.holding, IsEmpty());
  EXPECT_THAT(none.unknown, IsEmpty());
}

TEST_F(CausesTest, OfWhatTheNodeNeeds) {
  observed.source_error = base::unavailable("no route to host");
  observed.commit_held = HeldCommit{Revision(std::string(40, 'b')), base::invalid("not signed")};
  observed.registry_error = base::make_error(base::Code::kExhausted, "disk full");
  observed.proxy.emplace().error = base::unavailable("refused");
  desired.problems = {"fleet.toml:1:1: no"};
  report_error = "cannot push";
  EXPECT_THAT(holding(), ElementsAre("warning SourceUnreachable", "warning CommitNotVerified",
                                     "warning RevisionInvalid", "critical ProxyUnreachable",
                                     "critical StateNotWritable", "info ReportFailing"));
  EXPECT_THAT(causes().unknown, ElementsAre("CertificateExpiring"));
}

TEST_F(CausesTest, WhatWasNotAskedYetIsNotKnown) {
  source.last_fetch.reset();
  planned = false;
  observed.proxy.emplace();
  set("web", Status::kFalse, reason::kUnhealthy);
  EXPECT_THAT(holding(), IsEmpty());
  for (const char* kind :
       {alert::kSourceUnreachable, alert::kCommitNotVerified, alert::kRuntimeUnreachable,
        alert::kNotReady, alert::kFlapping, alert::kCertificateExpiring})
    EXPECT_THAT(causes().unknown, Contains(std::string_view(kind)));
}

TEST_F(CausesTest, WithoutPodmanNothingIsConcludedOfServices) {
  observed.runtime_error = base::unavailable("refused");
  set("web", Status::kUnknown, reason::kRuntimeUnavailable);
  EXPECT_THAT(holding(), ElementsAre("critical RuntimeUnreachable"));
  EXPECT_THAT(causes().unknown, Contains(std::string_view(alert::kNotReady)));
}

TEST_F(CausesTest, OfAServiceByItsCondition) {
  const struct {
    const char* reason;
    bool stalled;
    bool serves;
    const char* alert;
  } kCases[] = {
      {reason::kUnhealthy, false, true, "warning NotReady web"},
      {reason::kUnhealthy, false, false, "critical NotReady web"},
      {reason::kProgressing, false, true, "warning NotReady web"},
      {reason::kImagePullFailed, false, true, "warning NotReady web"},
      {reason::kFlapping, false, false, "critical Flapping web"},
      {reason::kRolloutFailed, false, true, "warning RolloutFailed web"},
      {reason::kRolloutFailed, true, true, "warning RolloutFailed web"},
      {reason::kInvalidDefinition, true, true, "warning ServiceStalled web"},
      {reason::kPolicyViolation, true, false, "critical ServiceStalled web"},
      {reason::kExited, true, false, "critical ServiceStalled web"},
      {reason::kWaitingForData, true, false, "critical ServiceStalled web"},
      {reason::kProxyUnavailable, false, true, ""},
  };
  for (const auto& one : kCases) {
    set("web", Status::kFalse, one.reason, one.stalled);
    observed.containers[ContainerId("web")].state =
        one.serves ? ContainerState::kRunning : ContainerState::kExited;
    const auto found = holding();
    EXPECT_EQ(found.empty() ? "" : found.at(0), one.alert) << one.reason;
    EXPECT_LE(found.size(), 1u) << one.reason;
  }
}

TEST_F(CausesTest, ItSaysWhatToDoAndSinceWhen) {
  set("web", Status::kFalse, reason::kUnhealthy);
  const Alert alert = causes().holding.at(0);
  EXPECT_EQ(alert.summary, "web on rift is not as desired (Unhealthy)");
  EXPECT_EQ(alert.description, "Unhealthy: message of Unhealthy (mcp why web)");
  EXPECT_EQ(alert.reason, "Unhealthy");
  EXPECT_EQ(alert.since, kNow - std::chrono::minutes(1));
}

TEST_F(CausesTest, AContainerThatIsKnownToBeUnreadyDoesNotServe) {
  set("web", Status::kFalse, reason::kUnhealthy);
  observed.readiness[ContainerId("web")] = {.ready = false, .failures_in_row = 3};
  EXPECT_THAT(holding(), ElementsAre("critical NotReady web"));
}

TEST_F(CausesTest, AFailedRolloutStaysOneWhileItIsTriedAgain) {
  set("web", Status::kFalse, reason::kProgressing);
  memory.components[key("web")].rollout_back_off.attempts = 1;
  memory.components[key("web")].rollout_error = "HTTP 500";
  EXPECT_THAT(holding(), ElementsAre("warning RolloutFailed web"));
  EXPECT_THAT(causes().holding.at(0).description, HasSubstr("HTTP 500"));
  set("web", Status::kTrue, reason::kSucceeded);
  EXPECT_THAT(holding(), IsEmpty());
}

TEST_F(CausesTest, OneWordThatIsMissingIsOneAlert) {
  for (const char* name : {"a", "b", "unknown"}) {
    if (name != std::string("unknown")) add(name);
    set(name, Status::kFalse, reason::kPruneHeld, true);
    memory.services[ServiceName(name)].conditions.back().message = "approve it";
  }
  EXPECT_THAT(holding(), ElementsAre("warning RemovalsHeld"));
  EXPECT_EQ(causes().holding.at(0).description, "a, b, unknown: approve it");
}

TEST_F(CausesTest, OneRegistryThatRefusesIsOneAlert) {
  add("api");
  deny("web");
  deny("api");
  EXPECT_THAT(holding(), ElementsAre("warning ImageRegistryDenied registry.example.net"));
  EXPECT_THAT(causes().holding.at(0).description, HasSubstr("it concerns api, web"));
  stop("api");
  EXPECT_THAT(holding(), ElementsAre("critical ImageRegistryDenied registry.example.net"));
}

TEST_F(CausesTest, WhoWaitsForAnotherIsNoCauseOfItsOwn) {
  add("database");
  desired.services[ServiceName("web")].definition.depends_on = {ServiceName("database")};
  set("web", Status::kFalse, reason::kDependencyNotReady);
  set("database", Status::kFalse, reason::kUnhealthy);
  EXPECT_THAT(holding(), ElementsAre("warning NotReady database"));
  set("database", Status::kTrue, reason::kStopped);
  EXPECT_THAT(holding(), ElementsAre("warning NotReady web")) << "nobody else says it";
}

TEST_F(CausesTest, OfACertificateThatEnds) {
  ObservedProxy& proxy = observed.proxy.emplace();
  proxy.asked_at = kNow;
  const auto route = [&](const std::string& host, const std::string& owner, Millis left) {
    ObservedRoute& one = proxy.routes[{443, host}];
    one.owner = owner;
    one.certificate_until = kNow + left;
  };
  route("fine.test", "mcp/rift", std::chrono::days(15));
  route("soon.test", "mcp/rift", std::chrono::days(13));
  route("now.test", "mcp/rift", std::chrono::hours(5));
  route("over.test", "mcp/rift", -std::chrono::hours(5));
  route("other.test", "somebody", std::chrono::hours(5));
  EXPECT_THAT(holding(), ElementsAre("critical CertificateExpiring now.test:443",
                                     "critical CertificateExpiring over.test:443",
                                     "warning CertificateExpiring soon.test:443"));
  EXPECT_THAT(causes().holding.at(1).summary, HasSubstr("has expired"));
}

TEST_F(CausesTest, OfTheCertificateOfItsOwnApi) {
  facts.certificate = {"/etc/mcp/api.pem", kNow + std::chrono::days(15)};
  EXPECT_THAT(holding(), IsEmpty());
  facts.certificate->until = kNow + std::chrono::days(2);
  EXPECT_THAT(holding(), ElementsAre("critical CertificateExpiring the agent's API"));
  EXPECT_THAT(causes().holding.at(0).description, HasSubstr("put a new one at /etc/mcp/api.pem"));
}

TEST_F(CausesTest, OfADiskThatIsNearlyFull) {
  const uint64_t whole = uint64_t{100} << 30;
  facts.disks = {{"/srv", "the services' data", whole / 2, whole},
                 {"/var", "the registry", whole / 100 * 9, whole},
                 {"/images", "podman's", whole / 100 * 2, whole}};
  EXPECT_THAT(holding(),
              ElementsAre("warning DiskNearlyFull /var", "critical DiskNearlyFull /images"));
  EXPECT_THAT(causes().holding.at(0).summary, HasSubstr("9 % left"));
}

TEST_F(CausesTest, OfAFullDiskTheRemoteIsNoCause) {
  observed.source_error = base::make_error(base::Code::kExhausted, "no space left on device");
  EXPECT_THAT(holding(), ElementsAre("warning SourceUnreachable"));
  EXPECT_THAT(causes().holding.at(0).summary, HasSubstr("no space on the disk"));
  EXPECT_THAT(causes().holding.at(0).summary, Not(HasSubstr("remote")));
  observed.registry_error = observed.source_error;
  EXPECT_THAT(holding(), ElementsAre("critical StateNotWritable"));
  observed.registry_error.reset();
  facts.disks = {{"/var", "the registry", 0, uint64_t{1} << 30}};
  EXPECT_THAT(holding(), ElementsAre("critical DiskNearlyFull /var"));
  observed.source_error = base::unavailable("no route to host");
  EXPECT_THAT(holding(), ElementsAre("warning SourceUnreachable", "critical DiskNearlyFull /var"));
}

TEST_F(CausesTest, OfDriftThatIsLeft) {
  observed.containers[ContainerId("web")].image = "registry.example.net/web:v0";
  EXPECT_THAT(holding(), ElementsAre("warning DriftNotHealed web main"));
  EXPECT_THAT(causes().holding.at(0).description,
              HasSubstr("image is registry.example.net/web:v0"));
  set("web", Status::kFalse, reason::kProgressing);
  EXPECT_THAT(holding(), ElementsAre("warning NotReady web")) << "it is being healed";
  set("web", Status::kTrue, reason::kStopped);
  desired.services[ServiceName("web")].definition.active = false;
  EXPECT_THAT(holding(), IsEmpty());
}

TEST_F(CausesTest, OfDriftThatIsOnlyToBeTold) {
  set("web", Status::kFalse, reason::kDrifted, true);
  EXPECT_THAT(holding(), ElementsAre("warning DriftNotHealed web"));
}

TEST_F(CausesTest, WhatIsSuspendedIsNobodysAlert) {
  set("web", Status::kFalse, reason::kUnhealthy);
  memory.services[ServiceName("web")].suspended.emplace();
  EXPECT_THAT(holding(), IsEmpty());
}

TEST_F(CausesTest, OfAReceiverThatFails) {
  receivers = {{.name = "ops"}, {.name = "pager"}};
  receivers[1].failing_since = kNow;
  receivers[1].error = base::unavailable("answered 503");
  EXPECT_THAT(holding(), ElementsAre("warning ReceiverFailing pager"));
}

}  // namespace
}  // namespace agent
