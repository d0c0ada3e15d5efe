#include "agent/api/handlers.h"

#include <nlohmann/json.hpp>

#include "agent/api/documents.h"
#include "base/core/text.h"
#include "crds/print.h"

namespace agent {

using base::HttpReply;
using reconciler::ServiceName;

namespace {

constexpr int kEventsOfService = 20;

HttpReply json(const Json& document, int status = 200) {
  return HttpReply::json(to_body(document), status);
}

}  // namespace

base::Error unknown(std::string_view whole, const std::string& name,
                    const std::vector<std::string>& known) {
  const auto meant = base::nearest(name, known);
  return base::not_found(std::string(whole) + " '" + name + "'",
                         meant ? "did you mean '" + *meant + "'?" : "");
}

Handlers::Reply Handlers::version(const Request&) {
  return json(
      {{"version", version_}, {"apiVersion", "v1"}, {"node", backend_.view().desired.node.str()}});
}

Handlers::Reply Handlers::healthz(const Request&) {
  return HttpReply::text("ok\n");
}

Handlers::Reply Handlers::readyz(const Request&) {
  if (const auto ready = readiness(backend_.view()); !ready) {
    // Whatever the reason: 503 is what load balancers and probes look for.
    base::Error error = ready.error();
    error.code = base::Code::kUnavailable;
    return error;
  }
  return HttpReply::text("ready\n");
}

Handlers::Reply Handlers::metrics(const Request& request) {
  const auto accept = request.headers.find("accept");
  const auto format =
      base::metrics::format_for(accept == request.headers.end() ? "" : accept->second);
  HttpReply reply =
      HttpReply::text(metrics_text(backend_.view(), version_, events_.totals(), *meters_, format));
  reply.headers["content-type"] = base::metrics::content_type(format);
  return reply;
}

Handlers::Reply Handlers::status(const Request&) {
  return json(status_document(backend_.view(), version_));
}

Handlers::Reply Handlers::services(const Request&) {
  return json(services_document(backend_.view()));
}

Handlers::Reply Handlers::service(const Request& request) {
  const ServiceName name(request.captures.at("service"));
  const View view = backend_.view();
  auto document = service_document(view, name);
  MCP_TRY(const auto history, events_.history(name));
  MCP_TRY(const auto events, events_.latest(kEventsOfService, name));
  // A service that is gone can still be asked about: what happened to it is what is left.
  if (!document && history.empty() && events.empty())
    return unknown("this node has no service", name.str(), service_names(view));
  if (!document)
    document = {{"name", name.str()},
                {"node", view.desired.node.str()},
                {"active", false},
                {"conditions", Json::array()},
                {"components", Json::array()}};
  (*document)["history"] = history_json(history);
  (*document)["events"] = events_json(events);
  return json(*document);
}

Handlers::Reply Handlers::spec(const Request& request) {
  const ServiceName name(request.captures.at("service"));
  const View view = backend_.view();
  const auto found = view.desired.services.find(name);
  if (found == view.desired.services.end()) {
    std::vector<std::string> known;
    for (const auto& [other, unused] : view.desired.services) known.push_back(other.str());
    return unknown("this node has no definition of a service", name.str(), known);
  }
  return json({{"name", name.str()},
               {"path", found->second.path},
               {"revision", found->second.revision.str()},
               {"toml", crds::to_toml(found->second.definition)}});
}

Handlers::Reply Handlers::containers(const Request&) {
  return json(containers_document(backend_.view()));
}

Handlers::Reply Handlers::routes(const Request&) {
  return json(routes_document(backend_.view()));
}

Handlers::Reply Handlers::sync(const Request& request) {
  MCP_TRY(const bool allow_prune, read_sync(request.body));
  return json({{"id", backend_.request_sync(allow_prune)}}, 202);
}

Handlers::Reply Handlers::doctor(const Request&) {
  // Those who wait would take the places of all others.
  const std::unique_lock alone(examining_, std::try_to_lock);
  if (!alone)
    return base::unavailable("this node is being examined for somebody else", "try again soon");
  Json findings = findings_json(examine_());
  const View view = backend_.view();
  return json({{"node", view.desired.node.str()},
               {"version", version_},
               {"at", base::to_rfc3339(view.at)},
               {"findings", std::move(findings)}});
}

}  // namespace agent
