#include <nlohmann/json.hpp>
#include <thread>

#include "base/core/text.h"
#include "test/support/api_fixture.h"

namespace agent {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Api : public test::ApiTest {
 protected:
  Json document(const std::string& target) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 200) << target << ": " << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
    return Json::parse(response.body);
  }

  void expect_problem(const base::HttpResponse& response, int status, const std::string& detail,
                      const std::string& hint) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem["status"], status);
    EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr(detail));
    EXPECT_THAT(problem.value("hint", ""), HasSubstr(hint));
  }

  Json plan(const std::map<std::string, std::string>& files) {
    const auto response = call("POST", "/v1/plan", Json{{"files", files}}.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
};

TEST_F(Api, WhatIsUnknownIsNotFoundWithTheNearestName) {
  const std::tuple<const char*, const char*, const char*> table[] = {
      {"/v1/services/databse", "no service 'databse'", "did you mean 'database'?"},
      {"/v1/services/zzz", "no service 'zzz'", ""},
      {"/v1/services/wab/spec", "'wab'", "did you mean 'web'?"},
      {"/v1/services/broken/spec", "no definition of a service 'broken'", ""},
      {"/v1/services/wab/components/api/logs", "'wab'", "did you mean 'web'?"},
      {"/v1/services/web/components/workr/logs", "service web has no component 'workr'",
       "did you mean 'worker'?"},
      {"/v1/services/mail/components/mail/logs", "mail/mail has no container", "mcp why"},
      {"/v1/nothing", "", ""}};
  for (const auto& [target, detail, hint] : table) {
    SCOPED_TRACE(target);
    expect_problem(get(target), 404, detail, hint);
  }
}

TEST_F(Api, BadParametersAreRefused) {
  const std::pair<const char*, const char*> table[] = {
      {"/v1/events?since=soon", "parameter since: 'soon'"},
      {"/v1/events?since=-1", "parameter since: '-1'"},
      {"/v1/events?follow=perhaps", "parameter follow: 'perhaps'"},
      {"/v1/events?limit=x", "parameter limit"},
      {"/v1/services/web/components/api/logs?tail=all", "parameter tail: 'all'"},
      {"/v1/services/web/components/api/logs?since=yesterday", "parameter since: 'yesterday'"}};
  for (const auto& [target, detail] : table) {
    SCOPED_TRACE(target);
    expect_problem(get(target), 400, detail, "give");
  }
}

TEST_F(Api, AWrongMethodIsSaid) {
  EXPECT_EQ(call("DELETE", "/v1/status").status, 405);
}

TEST_F(Api, ReadyzFollowsTheView) {
  EXPECT_EQ(get("/readyz").status, 200);
  View view = test::sample_view();
  view.observed.registry_error = base::make_error(base::Code::kExhausted, "disk full");
  backend_.set(view);
  expect_problem(get("/readyz"), 503, "disk full", "");
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(Api, AServiceThatIsGoneStillHasItsPast) {
  commit({event("past", "Removed")}, {{reconciler::ServiceName("past"), {}, {}, true, "Ready"}});
  const Json past = document("/v1/services/past");
  EXPECT_EQ(past["events"][0]["reason"], "Removed");
  EXPECT_EQ(past["history"].size(), 1u);
  EXPECT_EQ(past["components"], Json::array());
}

// ---------------------------------------------------------------- sync

TEST_F(Api, SyncAnswersAtOnceWithItsNumber) {
  for (const auto& [body, id] :
       {std::pair("", 4), std::pair("{}", 5), std::pair("{\"allowPrune\": true}", 6)}) {
    const auto response = call("POST", "/v1/sync", body);
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(Json::parse(response.body)["id"], id);
  }
  EXPECT_THAT(backend_.prune_allowed(), ElementsAre(false, false, true));
}

TEST_F(Api, SyncRefusesWhatItDoesNotUnderstand) {
  expect_problem(call("POST", "/v1/sync", "{"), 400, "not a JSON object", "");
  expect_problem(call("POST", "/v1/sync", "{\"prune\": true}"), 400, "unknown member 'prune'",
                 "allowPrune");
  expect_problem(call("POST", "/v1/sync", "{\"allowPrune\": 1}"), 400, "allowPrune", "");
  EXPECT_TRUE(backend_.prune_allowed().empty());
}

// ---------------------------------------------------------------- events

std::string ids(const Json& events) {
  std::string out;
  for (const Json& one : events) out += std::to_string(one["id"].get<int64_t>()) + " ";
  return out;
}

TEST_F(Api, EventsAreAList) {
  commit({event("web", "Created"), event("db", "Created"), event("web", "Started")});
  EXPECT_EQ(ids(document("/v1/events")), "1 2 3 ");
  EXPECT_EQ(ids(document("/v1/events?since=1")), "2 3 ");
  EXPECT_EQ(ids(document("/v1/events?since=1&service=web")), "3 ");
  EXPECT_EQ(ids(document("/v1/events?limit=2")), "2 3 ");
  EXPECT_EQ(ids(document("/v1/events?limit=1&service=db")), "2 ");
  EXPECT_EQ(ids(document("/v1/events?since=3")), "");
  // Of a registry that was lost.
  EXPECT_EQ(ids(document("/v1/events?since=99")), "1 2 3 ");
}

// Follows on a thread of its own and stops after `wanted` data lines; the raw text.
class Follower {
 public:
  Follower(base::HttpClient& client, base::HttpCall call, size_t wanted)
      : thread_([this, &client, call = std::move(call), wanted]() mutable {
          call.deadline = base::Millis(0);
          const auto done = client.stream(call, [&](std::string_view piece) {
            text_ += piece;
            size_t lines = 0;
            for (size_t at = 0; (at = text_.find("data: ", at)) != text_.npos; ++at) ++lines;
            return lines < wanted || !text_.ends_with("\n\n");
          });
          EXPECT_TRUE(done) << done.error().text();
          EXPECT_EQ(done->headers.at("content-type"), "text/event-stream");
        }) {}
  std::string text() {
    thread_.join();
    return text_;
  }

 private:
  std::string text_;
  std::thread thread_;
};

TEST_F(Api, EventsAreFollowedFromAnId) {
  commit({event("web", "Created"), event("db", "Created"), event("web", "Started")});
  Follower follower(*client_, {.target = "/v1/events?since=1&follow=true"}, 3);
  // Before the stream has come so far or after it: the follower gets it.
  commit({event("web", "Stopped")});
  const auto parts = base::split(follower.text(), '\n');
  EXPECT_THAT(parts, ElementsAre("id: 2", StartsWith("data: {\"id\":2,"), "", "id: 3",
                                 StartsWith("data: {\"id\":3,"), "", "id: 4",
                                 HasSubstr("\"reason\":\"Stopped\""), "", ""));
}

TEST_F(Api, LastEventIdResumes) {
  commit({event("web", "Created"), event("web", "Started")});
  Follower follower(
      *client_, {.target = "/v1/events?follow=true&since=0", .headers = {{"last-event-id", "1"}}},
      1);
  EXPECT_THAT(follower.text(), StartsWith("id: 2\n"));
  const auto bad = client_->request({.target = "/v1/events", .headers = {{"last-event-id", "x"}}});
  ASSERT_TRUE(bad);
  expect_problem(*bad, 400, "Last-Event-ID", "");
}

TEST_F(Api, AFilteredFollowerGoesOnAfterForeignEvents) {
  Follower follower(*client_, {.target = "/v1/events?follow=true&since=0&service=web"}, 2);
  for (int i = 0; i < 300; ++i) commit({event("db", "Created")});
  commit({event("web", "Created")});
  commit({event("db", "Started"), event("web", "Started")});
  const std::string text = follower.text();
  EXPECT_THAT(text, StartsWith("id: 301\n"));
  EXPECT_THAT(text, HasSubstr("id: 303\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("db")));
}

TEST_F(Api, StoppingTheServerEndsFollowers) {
  std::jthread stopper;
  const auto done =
      client_->stream({.target = "/v1/events?follow=true&since=0", .deadline = base::Millis(0)},
                      [&](std::string_view) {
                        if (!stopper.joinable())
                          stopper = std::jthread([this] { server_->stop(); });
                        return true;
                      });
  (void)done;  // whole or cut short: it has ended
}

// ---------------------------------------------------------------- logs

TEST_F(Api, LogsAreStreamedAsText) {
  const auto response =
      get("/v1/services/web/components/api/logs?tail=10&since=2026-11-22T09:00:00Z");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(response.body, "listening on :8080\nGET /healthz 200\n");
  const auto [container, options] = backend_.logged();
  EXPECT_EQ(container, reconciler::ContainerId(std::string(64, 'a')));
  EXPECT_EQ(options.tail, 10);
  EXPECT_EQ(options.since, base::parse_rfc3339("2026-11-22T09:00:00Z").value());
  EXPECT_FALSE(options.follow);

  get("/v1/services/web/components/worker/logs?since=10m");
  EXPECT_EQ(backend_.logged().second.since, base::parse_rfc3339("2026-11-22T09:50:00Z").value());
  EXPECT_EQ(backend_.logged().second.tail, -1);
}

TEST_F(Api, AFollowedLogEndsWithItsReader) {
  std::string text;
  const auto done = client_->stream(
      {.target = "/v1/services/web/components/api/logs?follow=true", .deadline = base::Millis(0)},
      [&](std::string_view piece) {
        text += piece;
        return !text.ends_with("200\n");
      });
  ASSERT_TRUE(done);
  EXPECT_EQ(text, "listening on :8080\nGET /healthz 200\n");
  EXPECT_TRUE(backend_.logged().second.follow);
}

TEST_F(Api, ALogThatBreaksSaysSo) {
  backend_.log_result_ = base::unavailable("cannot read the log", "is podman there?");
  EXPECT_THAT(get("/v1/services/web/components/api/logs").body,
              testing::EndsWith("mcp-agent: cannot read the log (is podman there?)\n"));
}

// ---------------------------------------------------------------- plan

// The tree of sample_view(), as far as it is valid.
std::map<std::string, std::string> sample_tree() {
  return {{"fleet.toml", "domain = \"svc.example.net\"\n"},
          {"README.md", "not a definition"},
          {"services/web.toml", R"(name = "web"
node = "rift"
[[components]]
name = "api"
image = "registry.example.net/web-api:v2"
[components.health]
http = "/healthz"
[[components.routes]]
name = "rest"
port = 8443
mode = "l7"
[[components]]
name = "worker"
image = "registry.example.net/web-worker:v2"
depends_on = ["api"]
)"},
          {"services/database.toml", R"(name = "database"
node = "rift"
[[components]]
name = "database"
image = "docker.io/library/postgres:16.2"
ports = ["127.0.0.1:5432:5432"]
)"},
          {"services/mail.toml", R"(name = "mail"
node = "rift"
[[components]]
name = "mail"
image = "registry.example.net/mail:v3"
)"},
          {"services/shop.toml", R"(name = "shop"
node = "rift"
[[components]]
name = "shop"
image = "registry.example.net/shop"
)"},
          {"services/blog.toml", R"(name = "blog"
node = "rift"
active = false
[[components]]
name = "blog"
image = "registry.example.net/blog:v7"
)"}};
}

TEST_F(Api, ThePlanOfTheSameTreeIsEmpty) {
  const Json same = plan(sample_tree());
  EXPECT_EQ(same["valid"], true);
  EXPECT_EQ(same["problems"], Json::array());
  EXPECT_EQ(same["changes"], Json::array()) << same.dump(1);
  EXPECT_EQ(same["held"], Json::array());
}

TEST_F(Api, ThePlanSaysWhatWouldChange) {
  auto tree = sample_tree();
  auto& database = tree["services/database.toml"];
  database.replace(database.find("16.2"), 4, "17.0");
  tree.erase("services/mail.toml");
  const Json changes = plan(tree)["changes"];
  ASSERT_EQ(changes.size(), 2u) << changes.dump(1);
  EXPECT_EQ(changes[0], Json::parse(R"({"service": "database", "component": "database",
    "action": "replace", "downtime": true, "fields": [{"field": "image",
    "from": "docker.io/library/postgres:16.2", "to": "docker.io/library/postgres:17.0"}]})"));
  EXPECT_EQ(changes[1]["service"], "mail");
  EXPECT_EQ(changes[1]["action"], "remove");
}

TEST_F(Api, ThePlanOfABrokenTreeHasPlaces) {
  auto tree = sample_tree();
  tree["services/mail.toml"] += "imag = \"x\"\n";
  const Json broken = plan(tree);
  EXPECT_EQ(broken["valid"], false);
  ASSERT_EQ(broken["problems"].size(), 1u) << broken.dump(1);
  const Json& problem = broken["problems"][0];
  EXPECT_EQ(problem["file"], "services/mail.toml");
  EXPECT_EQ(problem["line"], 6);
  EXPECT_EQ(problem["column"], 1);
  EXPECT_THAT(problem["field"].get<std::string>(), HasSubstr("imag"));
  EXPECT_THAT(problem["text"].get<std::string>(), StartsWith("services/mail.toml:6:1: "));
  // Its last good definition stays in force.
  EXPECT_EQ(broken["changes"], Json::array());
}

TEST_F(Api, ThePlanSaysWhatThePruneGuardWouldHold) {
  const Json emptied = plan({});
  EXPECT_EQ(emptied["valid"], true);
  EXPECT_EQ(emptied["held"].size(), 5u);
  EXPECT_EQ(emptied["held"][0]["reason"], "PruneHeld");
  EXPECT_EQ(emptied["changes"].size(), 6u);
}

TEST_F(Api, ThePlanSaysWhatTheNodesPolicyForbids) {
  auto tree = sample_tree();
  tree["services/mail.toml"] += "volumes = [\"/etc:/data\"]\n";
  tree["services/fresh.toml"] =
      "name = \"fresh\"\nnode = \"rift\"\n[[components]]\nname = \"a\"\nimage = \"a:v1\"\n"
      "privileged = true\n";
  const Json forbidden = plan(tree);
  EXPECT_EQ(forbidden["valid"], true);
  EXPECT_EQ(forbidden["changes"], Json::array()) << forbidden["changes"].dump(1);
  ASSERT_EQ(forbidden["held"].size(), 2u) << forbidden["held"].dump(1);
  for (const auto& [index, service, rule] : {std::tuple(0, "mail", "policy.volume_roots"),
                                             std::tuple(1, "fresh", "policy.privileged")}) {
    EXPECT_EQ(forbidden["held"][index]["service"], service);
    EXPECT_EQ(forbidden["held"][index]["reason"], "PolicyViolation");
    EXPECT_THAT(forbidden["held"][index]["message"].get<std::string>(), HasSubstr(rule));
  }
}

TEST_F(Api, ALargeTreeCanBePlanned) {
  auto tree = sample_tree();
  for (int i = 0; i < 4; ++i)
    tree["services/large" + std::to_string(i) + ".toml"] =
        "name = \"large" + std::to_string(i) +
        "\"\nnode = \"rift\"\n[[components]]\nname = \"a\"\nimage = \"a:v1\"\n#" +
        std::string(900'000, 'x');
  EXPECT_EQ(plan(tree)["changes"].size(), 4u);
}

TEST_F(Api, APlanNeedsFiles) {
  for (const char* body : {"", "[]", "{}", "{\"files\": []}", "{\"files\": {\"fleet.toml\": 1}}"})
    expect_problem(call("POST", "/v1/plan", body), 400, "", "");
}

TEST_F(Api, AFreshNodePlansEverything) {
  View view;
  view.desired.node = reconciler::NodeName("rift");
  backend_.set(view);
  const Json changes = plan(sample_tree())["changes"];
  EXPECT_EQ(changes.size(), 5u);
  for (const Json& change : changes) EXPECT_EQ(change["action"], "create");
}

}  // namespace
}  // namespace agent
