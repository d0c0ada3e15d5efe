#include "mc-proxy/daemon/api.h"

#include "mc-proxy/daemon/documents.h"

namespace mc_proxy {
namespace {

using base::HttpReply;
using base::HttpRequest;

constexpr base::Millis kHeartbeat{10000};

HttpReply no_content() {
  HttpReply reply;
  reply.status = 204;
  return reply;
}

RouteKey key_of(const HttpRequest& request) {
  return {request.captures.at("listener"), request.captures.at("hostname")};
}

HttpReply put(Proxy& proxy, const HttpRequest& request) {
  const auto body = read_put(request.body, key_of(request));
  if (!body) return base::problem(body.error());
  const auto done = proxy.apply(body->owner, {body->route}, {});
  return done ? no_content() : base::problem(done.error());
}

HttpReply remove(Proxy& proxy, const HttpRequest& request) {
  const std::string owner = request.query_or("owner");
  if (owner.empty()) return base::problem(base::invalid("owner is missing", "add ?owner=NAME"));
  const auto done = proxy.apply(owner, {}, {key_of(request)});
  return done ? no_content() : base::problem(done.error());
}

HttpReply apply(Proxy& proxy, const HttpRequest& request) {
  const auto body = read_apply(request.body);
  if (!body) return base::problem(body.error());
  const auto done = proxy.apply(body->owner, body->upserts, body->removes);
  return done ? no_content() : base::problem(done.error());
}

// Lines of JSON (https://github.com/ndjson/ndjson-spec); an empty one says that nothing has
// changed.
HttpReply watch(Proxy& proxy) {
  HttpReply reply;
  reply.headers["content-type"] = "application/x-ndjson";
  reply.stream = [&proxy](base::HttpStream& out) {
    const std::stop_token stop = out.stop_token();
    for (uint64_t seen = 0; !stop.stop_requested();) {
      const uint64_t now = proxy.changes().next(seen, kHeartbeat, stop);
      if (!out.write(now == seen ? "\n" : generation_document(now))) return;
      seen = now;
    }
  };
  return reply;
}

}  // namespace

void add_metrics(base::HttpServer& server, Proxy& proxy) {
  server.route("GET", "/metrics", [&proxy](const HttpRequest& request) {
    const auto accept = request.headers.find("accept");
    const auto format =
        base::metrics::format_for(accept == request.headers.end() ? "" : accept->second);
    HttpReply reply = HttpReply::text(metrics_document(proxy.view(), format));
    reply.headers["content-type"] = base::metrics::content_type(format);
    return reply;
  });
}

void add_routes(base::HttpServer& server, Proxy& proxy) {
  server.route("GET", "/v1/status", [&proxy](const HttpRequest&) {
    return HttpReply::json(status_document(proxy.view()));
  });
  server.route("GET", "/v1/routes", [&proxy](const HttpRequest&) {
    return HttpReply::json(routes_document(proxy.view()));
  });
  server.route("GET", "/v1/watch", [&proxy](const HttpRequest&) { return watch(proxy); });
  add_metrics(server, proxy);
  server.route("PUT", "/v1/routes/{listener}/{hostname}",
               [&proxy](const HttpRequest& request) { return put(proxy, request); });
  server.route("DELETE", "/v1/routes/{listener}/{hostname}",
               [&proxy](const HttpRequest& request) { return remove(proxy, request); });
  server.route("POST", "/v1/routes:apply",
               [&proxy](const HttpRequest& request) { return apply(proxy, request); });
}

}  // namespace mc_proxy
