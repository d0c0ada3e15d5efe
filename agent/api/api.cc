#include "agent/api/api.h"

#include <functional>
#include <memory>
#include <string_view>

#include "agent/api/access.h"
#include "agent/api/handlers.h"

namespace agent {
namespace {

// POST /v1/plan has a whole tree of definitions.
constexpr size_t kMaxRequestBytes = 32 << 20;

// Every call of the API, and what it takes to be let in.
struct Call {
  const char* method;
  const char* pattern;
  Role role;
  Handlers::Reply (Handlers::*handler)(const base::HttpRequest&) = nullptr;
  // Instead, for a body of any size.
  Handlers::Reply (Handlers::*upload)(const base::HttpRequest&, const base::HttpBody&) = nullptr;
};

constexpr Call kCalls[] = {
    {"GET", "/healthz", Role::kNone, &Handlers::healthz},
    {"GET", "/readyz", Role::kNone, &Handlers::readyz},
    {"GET", "/metrics", Role::kViewer, &Handlers::metrics},
    {"GET", "/v1/version", Role::kViewer, &Handlers::version},
    {"GET", "/v1/status", Role::kViewer, &Handlers::status},
    {"GET", "/v1/services", Role::kViewer, &Handlers::services},
    {"GET", "/v1/services/{service}", Role::kViewer, &Handlers::service},
    {"GET", "/v1/services/{service}/spec", Role::kViewer, &Handlers::spec},
    {"GET", "/v1/services/{service}/components/{component}/logs", Role::kViewer, &Handlers::logs},
    {"GET", "/v1/containers", Role::kViewer, &Handlers::containers},
    {"GET", "/v1/routes", Role::kViewer, &Handlers::routes},
    {"GET", "/v1/doctor", Role::kViewer, &Handlers::doctor},
    {"GET", "/v1/events", Role::kViewer, &Handlers::events},
    {"POST", "/v1/sync", Role::kOperator, &Handlers::sync},
    {"POST", "/v1/plan", Role::kViewer, &Handlers::plan},
    {"POST", "/v1/services/{service}/adopt", Role::kOperator, &Handlers::adopt},
    {"GET", "/v1/files/{service}/{path...}", Role::kOperator, &Handlers::get_file},
    {"PUT", "/v1/files/{service}/{path...}", Role::kOperator, nullptr, &Handlers::put_file},
};

}  // namespace

Role needed_role(const std::string& method, const std::string& route) {
  const std::string& served = method == "HEAD" ? "GET" : method;
  for (const Call& call : kCalls)
    if (served == call.method && route == call.pattern) return call.role;
  return Role::kOperator;
}

std::vector<std::string> api_calls() {
  std::vector<std::string> names;
  for (const Call& call : kCalls) names.push_back(std::string(call.method) + " " + call.pattern);
  return names;
}

base::HttpServerOptions api_options(base::HttpServerOptions transport, const std::string& version,
                                    Access& access) {
  transport.max_body = kMaxRequestBytes;
  // Clients of another version are to know why they miss something.
  transport.headers = {{"mcp-agent-version", version}};
  transport.admit = [&access](base::HttpRequest& request) { return access.admit(request); };
  return transport;
}

namespace {

void add_calls(base::HttpServer& server, const ApiContext& context,
               const std::function<bool(const Call&)>& wanted) {
  const auto handlers = std::make_shared<Handlers>(context);
  const auto answer = [](Handlers::Reply reply) {
    return reply ? std::move(*reply) : base::problem(reply.error());
  };
  for (const Call& call : kCalls) {
    if (!wanted(call)) continue;
    if (call.upload != nullptr)
      server.upload(
          call.method, call.pattern,
          [handlers, answer, upload = call.upload](const auto& request, const auto& body) {
            return answer(((*handlers).*upload)(request, body));
          });
    else
      server.route(call.method, call.pattern,
                   [handlers, answer, handler = call.handler](const auto& request) {
                     return answer(((*handlers).*handler)(request));
                   });
  }
}

}  // namespace

void add_api(base::HttpServer& server, const ApiContext& context) {
  add_calls(server, context, [](const Call&) { return true; });
}

void add_metrics(base::HttpServer& server, const ApiContext& context) {
  add_calls(server, context, [](const Call& call) {
    return call.role == Role::kNone || std::string_view(call.pattern) == "/metrics";
  });
}

}  // namespace agent
