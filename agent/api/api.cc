#include "agent/api/api.h"

#include <memory>

#include "agent/api/handlers.h"

namespace agent {
namespace {

struct Call {
  const char* method;
  const char* pattern;
  Handlers::Reply (Handlers::*handler)(const base::HttpRequest&);
};

constexpr Call kCalls[] = {
    {"GET", "/healthz", &Handlers::healthz},
    {"GET", "/readyz", &Handlers::readyz},
    {"GET", "/metrics", &Handlers::metrics},
    {"GET", "/v1/version", &Handlers::version},
    {"GET", "/v1/status", &Handlers::status},
    {"GET", "/v1/services", &Handlers::services},
    {"GET", "/v1/services/{service}", &Handlers::service},
    {"GET", "/v1/services/{service}/spec", &Handlers::spec},
    {"GET", "/v1/services/{service}/components/{component}/logs", &Handlers::logs},
    {"GET", "/v1/containers", &Handlers::containers},
    {"GET", "/v1/routes", &Handlers::routes},
    {"GET", "/v1/events", &Handlers::events},
    {"POST", "/v1/sync", &Handlers::sync},
    {"POST", "/v1/plan", &Handlers::plan},
};

}  // namespace

void add_api(base::HttpServer& server, Backend& backend, EventLog& events, std::string version) {
  const auto handlers = std::make_shared<Handlers>(backend, events, std::move(version));
  for (const Call& call : kCalls)
    server.route(call.method, call.pattern,
                 [handlers, handler = call.handler](const base::HttpRequest& request) {
                   auto reply = ((*handlers).*handler)(request);
                   return reply ? std::move(*reply) : base::problem(reply.error());
                 });
}

}  // namespace agent
