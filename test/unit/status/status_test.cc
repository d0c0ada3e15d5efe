#include "agent/status/status.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "agent/status/json.h"
#include "reconciler/conditions.h"
#include "test/support/sample_view.h"

namespace agent {
namespace {

using reconciler::ComponentKey;
using reconciler::ComponentName;
using reconciler::ContainerId;
using reconciler::ContainerState;
using reconciler::ServiceName;
using testing::ElementsAre;
using testing::HasSubstr;

const ContainerId kApi(std::string(64, 'a'));

ComponentKey key(const char* service, const char* component) {
  return {ServiceName(service), ComponentName(component)};
}

Json service(const View& view, const char* name) {
  const auto found = service_document(view, ServiceName(name));
  EXPECT_TRUE(found) << name;
  return found.value_or(Json());
}

Json component(const View& view, const char* of, const char* name) {
  const Json document = service(view, of);
  for (const Json& one : document["components"])
    if (one["name"] == name) return one;
  ADD_FAILURE() << "no component " << name;
  return {};
}

// "Ready=True Succeeded"
std::vector<std::string> conditions(const Json& document) {
  std::vector<std::string> out;
  for (const Json& one : document["conditions"])
    out.push_back(one["type"].get<std::string>() + "=" + one["status"].get<std::string>() + " " +
                  one["reason"].get<std::string>());
  return out;
}

TEST(Status, VersionIsTheTag) {
  const std::pair<const char*, const char*> table[] = {
      {"registry:5000/team/web:v1.2", "v1.2"},
      {"web:v1@sha256:abc", "v1"},
      {"registry:5000/web@sha256:abc", "sha256:abc"},
      {"registry:5000/web", "latest"},
      {"web", "latest"},
      {"", ""}};
  for (const auto& [image, version] : table) EXPECT_EQ(version_of(image), version) << image;
}

TEST(Status, EveryKnownServiceIsListed) {
  EXPECT_THAT(service_names(test::sample_view()),
              ElementsAre("blog", "broken", "database", "mail", "old", "shop", "web"));
  EXPECT_FALSE(service_document(test::sample_view(), ServiceName("none")));
}

TEST(Status, AReadyComponent) {
  const Json api = component(test::sample_view(), "web", "api");
  EXPECT_EQ(api["state"], "running");
  EXPECT_EQ(api["ready"], true);
  EXPECT_EQ(api["version"], "v2");
  EXPECT_EQ(api["containerName"], "web.api");
  EXPECT_EQ(api["containerId"], kApi.str());
  EXPECT_EQ(api["waitingFor"], nullptr);
  EXPECT_EQ(api["lastExit"], nullptr);
  EXPECT_EQ(api["healthMessage"], nullptr);
  EXPECT_EQ(api["drift"], Json::array());
  EXPECT_EQ(api["ports"][0]["name"], "rest");
  EXPECT_EQ(api["ports"][0]["hostPort"], 23456);
  const Json& route = api["routes"][0];
  EXPECT_EQ(route["listener"], ":8443");
  EXPECT_EQ(route["hostname"], "web.svc.example.net");
  EXPECT_EQ(route["mode"], "l7");
  EXPECT_EQ(route["hostPort"], 23456);
  EXPECT_EQ(route["registered"], true);
  EXPECT_EQ(route["served"], true);
  EXPECT_EQ(route["backend"], "127.0.0.1:23456");
  EXPECT_EQ(route["health"], "up");
  EXPECT_EQ(route["problem"], "the certificate expires in 9d");
  EXPECT_EQ(route["certificateNotAfter"], "2026-12-01T12:00:00Z");
  EXPECT_EQ(route["openConnections"], 3);
}

// ---------------------------------------------------------------- routes

const reconciler::RouteKey kWebRoute{8443, "web.svc.example.net"};

Json web_route(const View& view) {
  return component(view, "web", "api")["routes"][0];
}

TEST(Routes, OneThatLeadsElsewhereIsNotRegistered) {
  View view = test::sample_view();
  view.observed.proxy->routes.at(kWebRoute).spec.backend = "127.0.0.1:1";
  EXPECT_EQ(web_route(view)["registered"], false);
  EXPECT_EQ(web_route(view)["backend"], "127.0.0.1:1");

  view.observed.proxy->routes.erase(kWebRoute);
  EXPECT_EQ(web_route(view)["registered"], false);
  EXPECT_EQ(web_route(view)["listener"], ":8443");
  EXPECT_EQ(web_route(view)["backend"], nullptr);
}

TEST(Routes, OneOfAnotherOwnerIsATakenName) {
  View view = test::sample_view();
  view.observed.proxy->routes.at(kWebRoute).owner = "mcp/svc";
  const Json route = web_route(view);
  EXPECT_EQ(route["registered"], false);
  EXPECT_EQ(route["problem"], "it belongs to 'mcp/svc' in mc-proxy");
  EXPECT_EQ(route["backend"], nullptr);
}

TEST(Routes, TheNodeSaysWhetherTheyAreManaged) {
  View view = test::sample_view();
  const auto says = [&] {
    const Json document = status_document(view, "v0");
    return document["routes"].get<std::string>() + ": " + document["routesError"].dump();
  };
  EXPECT_EQ(says(), "managed: null");
  view.observed.proxy->error = base::unavailable("cannot reach mc-proxy", "is it running?");
  EXPECT_EQ(says(), "unavailable: \"cannot reach mc-proxy (is it running?)\"");
  EXPECT_EQ(web_route(view)["registered"], true) << "as it was last";
  view.observed.proxy = reconciler::ObservedProxy();
  EXPECT_EQ(says(), "unavailable: \"mc-proxy has not been asked yet\"");
  view.observed.proxy.reset();
  EXPECT_EQ(says(), "not managed: null");
  EXPECT_EQ(web_route(view)["registered"], false);
  EXPECT_EQ(routes_document(view),
            Json::parse(R"({"managed": false, "error": null, "routes": []})"));
}

TEST(Routes, AllAreListedWithWhoseTheyAre) {
  View view = test::sample_view();
  reconciler::Desired::Edge edge;
  edge.key = key("far", "edge:far.example.net:443");
  edge.spec.key = {443, "far.example.net"};
  view.desired.edges.push_back(edge);
  reconciler::ObservedRoute forwarded;
  forwarded.spec = edge.spec;
  forwarded.owner = reconciler::owner_of_routes(view.desired.node);
  view.observed.proxy->routes[edge.spec.key] = forwarded;
  std::vector<std::string> whose;
  const Json document = routes_document(view);
  for (const Json& one : document["routes"])
    whose.push_back(one["hostname"].get<std::string>() + " " + one["owner"].get<std::string>() +
                    " " + one["service"].dump() + " " + one["component"].dump());
  EXPECT_THAT(whose,
              ElementsAre("far.example.net mcp/rift \"far\" null", "git.example.net ops null null",
                          "web.svc.example.net mcp/rift \"web\" \"api\""));
}

TEST(Routes, TheReceiptOfARollout) {
  View view = test::sample_view();
  EXPECT_EQ(component(view, "web", "worker")["rollout"], nullptr);
  const Json whole = component(view, "web", "api")["rollout"];
  EXPECT_EQ(whole["from"], "v1");
  EXPECT_EQ(whole["to"], "v2");
  EXPECT_EQ(whole["phases"], Json::parse(R"({"startedMs": 300, "readyMs": 1100, "switchedMs": 1105,
                                             "drainedMs": 1300, "finishedMs": 3400})"));
  EXPECT_EQ(whole["requests"], 1234);
  EXPECT_EQ(whole["error"], nullptr);

  auto& rollout = *view.memory.components.at(key("web", "api")).rollout;
  rollout.finished = rollout.drained = {};
  rollout.replaces = false;
  const Json begun = component(view, "web", "api")["rollout"];
  EXPECT_EQ(begun["from"], nullptr);
  EXPECT_EQ(begun["phases"]["drainedMs"], nullptr);
  EXPECT_EQ(begun["requests"], nullptr) << "not counted yet";
}

TEST(Routes, AreMeasured) {
  View view = test::sample_view();
  const auto measured = [&] {
    return metrics_text(view, "v0", {}, {}, base::metrics::Format::kText);
  };
  EXPECT_THAT(measured(), HasSubstr("mcp_proxy_up 1\n"));
  EXPECT_THAT(measured(), HasSubstr("mcp_routes{state=\"registered\"} 1\n"));
  EXPECT_THAT(measured(),
              HasSubstr("mcp_route_certificate_not_after_timestamp_seconds{port=\"8443\",hostname="
                        "\"web.svc.example.net\"} 1796126400\n"));
  view.observed.proxy->routes.at(kWebRoute).owner = "ops";
  view.observed.proxy->error = base::unavailable("away");
  EXPECT_THAT(measured(), HasSubstr("mcp_proxy_up 0\n"));
  EXPECT_THAT(measured(), HasSubstr("mcp_routes{state=\"taken\"} 1\n"));
  view.observed.proxy.reset();
  EXPECT_THAT(measured(), testing::Not(HasSubstr("mcp_routes")));
}

TEST(Status, AnUnhealthyComponentSaysWhatItsCheckSaid) {
  View view = test::sample_view();
  view.observed.readiness[kApi] = {
      .ready = false, .failures_in_row = 1, .message = "HTTP 500 from /healthz"};
  const Json api = component(view, "web", "api");
  EXPECT_EQ(api["ready"], false);
  EXPECT_EQ(api["healthMessage"], "HTTP 500 from /healthz");
  EXPECT_THAT(api["waitingFor"].get<std::string>(), HasSubstr("HTTP 500 from /healthz"));
}

TEST(Status, AnEndedComponentSaysHowAndWhenItIsTriedAgain) {
  const Json worker = component(test::sample_view(), "web", "worker");
  EXPECT_EQ(worker["state"], "exited");
  EXPECT_EQ(worker["ready"], false);
  EXPECT_EQ(worker["restarts"], 2);
  EXPECT_EQ(worker["lastExit"], "exited with 137");
  EXPECT_EQ(worker["lastExitAt"], "2026-11-22T09:59:59Z");
  EXPECT_THAT(worker["waitingFor"].get<std::string>(),
              testing::MatchesRegex("exited with 137; next attempt at 2026-11-22T10:00:..*Z"));
  EXPECT_EQ(worker["drift"], Json::parse(R"([{"field": "state", "expected": "running",
                                              "actual": "exited"}])"));
}

TEST(Status, NobodyWaitsForAnImageThatIsNotWantedAnyMore) {
  View view = test::sample_view();
  const auto waits = [&] { return component(view, "mail", "mail")["waitingFor"].dump(); };
  EXPECT_THAT(waits(), HasSubstr("the pull of registry.example.net/mail:v3"));
  view.running.front().image = "registry.example.net/mail:v2";
  EXPECT_THAT(waits(), testing::Not(HasSubstr("the pull of")));
}

// Done is as good as ready.
TEST(Status, ACompletedComponentIsReady) {
  View view = test::sample_view();
  auto& worker = view.observed.containers.at(ContainerId(std::string(64, 'b')));
  worker.exit_code = 0;
  auto& wanted =
      view.desired.services.at(ServiceName("web")).components.at(ComponentName("worker"));
  wanted.spec.restart = crds::Restart{crds::Restart::Policy::kOnFailure, {}};
  EXPECT_EQ(component(view, "web", "worker")["reason"], "Completed");
  EXPECT_EQ(component(view, "web", "worker")["ready"], true);
  EXPECT_EQ(component(view, "web", "worker")["state"], "exited");
  worker.exit_code = 1;
  EXPECT_EQ(component(view, "web", "worker")["ready"], false);
}

TEST(Status, DriftIsExpectedAgainstActual) {
  const Json database = component(test::sample_view(), "database", "database");
  EXPECT_EQ(database["image"], "docker.io/library/postgres:15.6");
  EXPECT_EQ(database["drift"],
            Json::parse(R"([{"field": "image", "expected": "docker.io/library/postgres:16.2",
                             "actual": "docker.io/library/postgres:15.6"}])"));

  View view = test::sample_view();
  auto& api = view.observed.containers.at(kApi);
  api.state = ContainerState::kPaused;
  api.owner->spec_hash = "another";
  api.ports.clear();
  std::vector<std::string> fields;
  const Json drifted = component(view, "web", "api");
  for (const Json& one : drifted["drift"]) fields.push_back(one["field"]);
  EXPECT_THAT(fields, ElementsAre("state", "ports", "labels.net.metacircular.mcp.spec-hash"));
}

TEST(Status, AStepUnderWayIsWhatIsWaitedFor) {
  const Json mail = component(test::sample_view(), "mail", "mail");
  EXPECT_EQ(mail["state"], "missing");
  EXPECT_EQ(mail["containerId"], nullptr);
  EXPECT_EQ(mail["image"], "registry.example.net/mail:v3");
  EXPECT_EQ(mail["waitingFor"],
            "the pull of registry.example.net/mail:v3 (new (commit 4f2b8c1, services/mail.toml))");
}

TEST(Status, ADependencyIsNamed) {
  View view = test::sample_view();
  view.observed.containers.erase(ContainerId(std::string(64, 'b')));
  view.observed.readiness.clear();
  const Json worker = component(view, "web", "worker");
  EXPECT_EQ(worker["waitingFor"], "waiting for component api");
}

TEST(Status, AHoldIsShownBesideTheGoodDefinition) {
  const Json shop = service(test::sample_view(), "shop");
  EXPECT_EQ(shop["hold"]["reason"], "InvalidDefinition");
  EXPECT_THAT(shop["hold"]["message"].get<std::string>(), HasSubstr("services/shop.toml:2:11"));
  EXPECT_EQ(shop["components"][0]["ready"], true);
  EXPECT_THAT(conditions(shop),
              ElementsAre("Ready=False InvalidDefinition", "Stalled=True InvalidDefinition"));
}

TEST(Status, AServiceWithoutAnyValidDefinitionIsStalled) {
  View view = test::sample_view();
  for (const bool before_the_first_pass : {false, true}) {
    if (before_the_first_pass) view.memory.services.clear();
    const Json broken = service(view, "broken");
    EXPECT_EQ(broken["components"], Json::array());
    EXPECT_THAT(conditions(broken),
                ElementsAre("Ready=False InvalidDefinition", "Stalled=True InvalidDefinition"));
    EXPECT_THAT(broken["conditions"][1]["message"].get<std::string>(),
                HasSubstr("services/broken.toml:4:1"));
  }
}

TEST(Status, WhatIsOnItsWayOutIsListedUntilItIsGone) {
  View view = test::sample_view();
  const Json old = service(view, "old");
  EXPECT_EQ(old["active"], false);
  EXPECT_EQ(old["path"], nullptr);
  EXPECT_THAT(conditions(old), ElementsAre("Ready=False Progressing",
                                           "Reconciling=True "
                                           "Progressing"));
  EXPECT_EQ(old["components"][0]["waitingFor"], "being removed");
  view.observed.containers.erase(ContainerId(std::string(64, 'e')));
  EXPECT_FALSE(service_document(view, ServiceName("old")));
}

TEST(Status, AStoppedServiceIsAsItShouldBe) {
  const Json blog = service(test::sample_view(), "blog");
  EXPECT_EQ(blog["active"], false);
  EXPECT_THAT(conditions(blog), ElementsAre("Ready=True Stopped"));
  EXPECT_EQ(blog["components"][0]["drift"], Json::array());
  EXPECT_EQ(blog["components"][0]["waitingFor"], nullptr);
}

TEST(Status, WithoutPodmanNothingIsClaimed) {
  View view = test::sample_view();
  view.observed.runtime_error = base::unavailable("cannot reach podman", "start podman.socket");
  const Json api = component(view, "web", "api");
  EXPECT_EQ(api["state"], "running");
  EXPECT_EQ(api["ready"], false);
  EXPECT_EQ(api["waitingFor"], "cannot reach podman (start podman.socket)");
  EXPECT_EQ(readiness(view).error().text(), "not ready: cannot reach podman (start podman.socket)");
}

// While a new container is tried, the old one is the one that people use.
TEST(Status, TheServingContainerStandsForItsComponent) {
  View view = test::sample_view();
  const ContainerId next(std::string(64, '9'));
  auto container = view.observed.containers.at(kApi);
  container.id = next;
  container.name = "web.api.2";
  container.owner->slot = reconciler::Slot::kSecond;
  container.started_at = view.at;
  view.observed.containers[next] = container;
  view.observed.containers.at(kApi).owner->spec_hash = "older";
  view.observed.readiness.clear();
  EXPECT_EQ(container_of(view, key("web", "api")), kApi);
  EXPECT_EQ(component(view, "web", "api")["ready"], true);
  view.observed.readiness[next] = {.ready = true};
  EXPECT_EQ(container_of(view, key("web", "api")), next);
  EXPECT_EQ(container_of(view, key("mail", "mail")), std::nullopt);
}

TEST(Status, ContainersAreOursAlone) {
  std::vector<std::string> names;
  const Json document = containers_document(test::sample_view());
  for (const Json& one : document) names.push_back(one["name"]);
  EXPECT_THAT(names,
              ElementsAre("database.database", "old.old", "shop.shop", "web.api", "web.worker"));
  EXPECT_EQ(document[1]["version"], "sha256:0f1e2d");
  EXPECT_EQ(document[3]["exitCode"], nullptr);
  EXPECT_EQ(document[4]["exitCode"], 137);
  EXPECT_EQ(document[4]["restarts"], 2);
}

TEST(Status, ReadyNeedsARevisionAndTheRegistry) {
  View view = test::sample_view();
  EXPECT_TRUE(readiness(view));
  view.observed.registry_error = base::make_error(base::Code::kExhausted, "disk full");
  EXPECT_EQ(readiness(view).error().message, "not ready: disk full");
  View empty;
  empty.source.last_error = base::unavailable("cannot fetch");
  EXPECT_EQ(readiness(empty).error().text(),
            "not ready: no revision has been fetched yet (cannot fetch)");
}

TEST(Status, AnEmptyViewIsADocument) {
  const Json document = status_document(View(), "v0");
  EXPECT_EQ(document["revision"], nullptr);
  EXPECT_EQ(document["services"], Json::array());
  EXPECT_EQ(document["source"]["lastFetch"], nullptr);
}

TEST(Metrics, NamesAreEscapedAndCounted) {
  const std::string text = metrics_text(test::sample_view(), "v\"1\"\n\\",
                                        {{{"Started", false}, 4}, {{"StepFailed", true}, 1}}, {},
                                        base::metrics::Format::kText);
  for (const char* line :
       {"mcp_build_info{version=\"v\\\"1\\\"\\n\\\\\",node=\"rift\"} 1\n",
        "mcp_service_ready{service=\"blog\"} 1\n", "mcp_service_ready{service=\"broken\"} 0\n",
        "mcp_services{type=\"Ready\",status=\"True\"} 1\n", "mcp_containers{state=\"running\"} 4\n",
        "mcp_containers{state=\"exited\"} 1\n",
        "mcp_component_restarts{service=\"web\",component=\"worker\"} 2\n", "mcp_source_up 1\n",
        "mcp_source_last_success_timestamp_seconds 1795341585\n", "mcp_runtime_up 1\n",
        "mcp_steps_running 1\n", "mcp_events_total{type=\"Normal\",reason=\"Started\"} 4\n",
        "mcp_events_total{type=\"Warning\",reason=\"StepFailed\"} 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

}  // namespace
}  // namespace agent
