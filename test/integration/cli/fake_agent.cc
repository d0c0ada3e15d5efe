#include "test/integration/cli/fake_agent.h"

#include <condition_variable>

namespace test {

using base::HttpReply;
using base::HttpRequest;

namespace {

void add_fields(Json& document) {
  for (Json& inner : document)
    if (inner.is_structured()) add_fields(inner);
  if (document.is_object()) document["tomorrow"] = {{"name", "x"}, {"list", {1, "two", nullptr}}};
}

base::HttpServerOptions options(const std::string& socket, const std::string& version) {
  base::HttpServerOptions options{.socket = socket};
  if (!version.empty()) options.headers = {{"mcp-agent-version", version}};
  return options;
}

}  // namespace

void report_to_git(const GitRepo& origin, const std::string& node, const std::string& document) {
  const GitRepo scratch = GitRepo::init(origin.path().parent_path() / ("report-of-" + node));
  scratch.write("status.json", document);
  scratch.commit("report");
  scratch.git({"push", "-q", origin.path(), "HEAD:refs/mcp/status/" + node});
}

FakeAgent::FakeAgent(const std::string& socket, std::string origin, const std::string& version)
    : origin_(std::move(origin)), server_(options(socket, version)) {
  const auto get = [&](const std::string& path, auto answer) { serve("GET", path, answer); };
  get("/v1/version",
      [this](auto&) { return HttpReply::json(Json{{"version", "v9"}, {"node", node}}.dump()); });
  get("/v1/status", [this](auto&) { return HttpReply::json(status().dump()); });
  get("/v1/routes", [this](auto&) { return HttpReply::json(routes.dump()); });
  get("/v1/doctor", [this](auto&) {
    const auto now = std::chrono::floor<base::Millis>(std::chrono::system_clock::now());
    return HttpReply::json(Json{
        {"node", node},
        {"version", "v9"},
        {"at", base::to_rfc3339(now + clock_ahead)},
        {"findings", findings}}.dump());
  });
  get("/v1/services/{s}",
      [this](auto& request) { return service_reply(request.captures.at("s")); });
  get("/v1/services/{s}/spec", [this](auto& request) {
    const std::string name = request.captures.at("s");
    if (!specs.contains(name)) return base::problem(base::not_found("no service " + name));
    return HttpReply::json(Json{
        {"name", name},
        {"path", "services/" + name + ".toml"},
        {"revision", revision},
        {"toml",
         specs.at(name)}}.dump());
  });
  get("/v1/services/{s}/components/{c}/logs", [this](auto&) { return HttpReply::text(log); });
  get("/v1/events", [this](auto& request) -> HttpReply {
    if (request.query_or("follow") != "true") return HttpReply::json(events.dump());
    HttpReply reply;
    reply.stream =
        [this, since = std::stoll(request.query_or("since", "0"))](base::HttpStream& out) mutable {
          std::mutex waiting;
          std::condition_variable_any changed;
          while (out.open()) {
            Json some;
            {
              const auto guard = lock();
              some = events;
            }
            for (const Json& event : some) {
              if (event["id"] <= since) continue;
              since = event["id"];
              Json shown = event;
              if (adds_fields) add_fields(shown);
              out.write("data: " + shown.dump() + "\n\n");
            }
            std::unique_lock wait(waiting);
            changed.wait_for(wait, out.stop_token(), std::chrono::milliseconds(50),
                             [] { return false; });
          }
        };
    return reply;
  });
  serve("POST", "/v1/sync", [this](const HttpRequest& request) {
    sync_request = Json::parse(request.body);
    revision = run({"git", "-C", origin_, "rev-parse", "main"});
    on_sync(*this);
    return HttpReply::json(Json{{"id", ++syncs_}}.dump(), 202);
  });
  serve("POST", "/v1/plan", [this](const HttpRequest& request) {
    plan_request = Json::parse(request.body);
    return HttpReply::json(plan.dump());
  });
  serve("POST", "/v1/services/{service}/adopt", [this](const HttpRequest& request) {
    const Json body = Json::parse(request.body);
    if (adoption.is_null())
      return base::problem(base::make_error(base::Code::kConflict, "it is managed already"));
    if (body.empty()) return HttpReply::json(adoption.dump());
    if (!takes_adoption)
      return base::problem(base::make_error(base::Code::kConflict, "the container has gone"));
    adopt_request = body;
    return HttpReply::json("{}", 202);
  });
  if (const auto started = server_.start(); !started) std::abort();
}

void FakeAgent::serve(const std::string& method, const std::string& path,
                      std::function<HttpReply(const HttpRequest&)> answer) {
  server_.route(method, path, [this, path, answer](const HttpRequest& request) {
    const auto guard = lock();
    if (lacks.contains(path)) return base::problem(base::not_found("there is no " + request.path));
    if (says) return HttpReply::json(*says);
    HttpReply reply = answer(request);
    Json document = Json::parse(reply.body, nullptr, false);
    if (!adds_fields || !document.is_structured()) return reply;
    add_fields(document);
    reply.body = document.dump();
    return reply;
  });
}

void FakeAgent::set_service(const std::string& name, const std::string& reason, bool ready,
                            const std::string& message) {
  remove_service(name);
  Json conditions = Json::array({{{"type", "Ready"},
                                  {"status", ready ? "True" : "False"},
                                  {"reason", reason},
                                  {"message", message},
                                  {"since", "2026-11-22T10:00:00Z"}}});
  if (!ready)
    conditions.push_back(
        {{"type", "Reconciling"}, {"status", "True"}, {"reason", reason}, {"message", message}});
  services.push_back(
      {{"name", name},
       {"node", node},
       {"path", "services/" + name + ".toml"},
       {"active", reason != "Stopped"},
       {"revision", revision},
       {"conditions", conditions},
       {"components", Json::array({{{"name", "api"},
                                    {"image", "localhost/demo:v2"},
                                    {"version", "v2"},
                                    {"state", ready ? "running" : "exited"},
                                    {"ready", ready},
                                    {"startedAt", "2026-11-22T10:00:00Z"},
                                    {"containerName", name + ".api"},
                                    {"containerId", "0123456789ab"},
                                    {"cause", "image: v1 -> v2 (commit 1a2b3c4)"},
                                    {"waitingFor", ready ? Json() : Json("the next attempt")},
                                    {"lastExit", ready ? Json() : Json("exited with 3")}}})}});
}

void FakeAgent::remove_service(const std::string& name) {
  Json kept = Json::array();
  for (const Json& one : services)
    if (one["name"] != name) kept.push_back(one);
  services = kept;
}

void FakeAgent::add_event(const std::string& service, const std::string& type,
                          const std::string& reason, const std::string& message) {
  events.push_back({{"id", events.size() + 1},
                    {"time", "2026-11-22T10:00:00Z"},
                    {"type", type},
                    {"service", service},
                    {"component", "api"},
                    {"reason", reason},
                    {"message", message},
                    {"cause", "image changed"},
                    {"revision", revision}});
}

Json FakeAgent::status() const {
  return {{"node", node},
          {"agentVersion", "v9"},
          {"revision", revision},
          {"source",
           {{"url", origin_},
            {"branch", "main"},
            {"lastFetch", "2026-11-22T10:00:00Z"},
            {"lastError", last_error.empty() ? Json() : Json(last_error)},
            {"syncsDone", syncs_}}},
          {"conditions",
           Json::array(
               {{{"type", "Ready"}, {"status", "True"}, {"reason", "ReconciliationSucceeded"}}})},
          {"services", services}};
}

HttpReply FakeAgent::service_reply(const std::string& name) const {
  for (const Json& one : services) {
    if (one["name"] != name) continue;
    Json document = one;
    document["history"] = history;
    document["events"] = events;
    return HttpReply::json(document.dump());
  }
  if (remembered.contains(name))
    return HttpReply::json(Json{
        {"name", name},
        {"node", node},
        {"active", false},
        {"conditions", Json::array()},
        {"components", Json::array()},
        {"history", history},
        {"events", events}}.dump());
  return base::problem(base::not_found("this node has no service '" + name + "'"));
}

}  // namespace test
