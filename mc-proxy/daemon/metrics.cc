#include <functional>

#include "base/metrics/exposition.h"
#include "base/version/version.h"
#include "mc-proxy/daemon/documents.h"

namespace mc_proxy {
namespace {

using base::metrics::Exposition;
using Value = std::function<std::optional<int64_t>(const RouteView&)>;

// Of the family that was begun last.
void each(Exposition& out, const ProxyView& view, const Value& value) {
  for (const ListenerView& listener : view.listeners)
    for (const RouteView& route : listener.routes)
      if (const auto number = value(route))
        out.sample({{"listener", route.route.key.listener},
                    {"hostname", route.route.key.hostname},
                    {"owner", route.route.owner}},
                   *number);
}

void add_routes(Exposition& out, const ProxyView& view) {
  out.gauge("mcproxy_route_served", "1 when the route is in force.");
  each(out, view, [](const RouteView& one) { return int64_t{one.served}; });
  out.gauge("mcproxy_route_backend_up",
            "1 when the backend takes connections; absent before it was asked.");
  each(out, view, [](const RouteView& one) -> std::optional<int64_t> {
    if (one.health == Health::kUnknown) return std::nullopt;
    return one.health == Health::kUp;
  });
  out.gauge("mcproxy_route_open", "Requests and tunnels (l7) or connections (l4) under way.");
  each(out, view, [](const RouteView& one) { return one.count.open + one.draining; });
  out.counter("mcproxy_route_requests_total", "Requests (l7) or connections (l4).");
  each(out, view, [](const RouteView& one) { return one.count.requests; });
  out.counter("mcproxy_route_responses_5xx_total", "Answers with 5xx (l7).");
  each(out, view, [](const RouteView& one) { return one.count.failed; });
  out.gauge("mcproxy_route_waiting",
            "Requests (l7) or connections (l4) that wait for a held route.");
  each(out, view, [](const RouteView& one) { return one.count.waiting; });
  out.counter("mcproxy_route_held_total",
              "Requests (l7) or connections (l4) that had to wait for a held route.");
  each(out, view, [](const RouteView& one) { return one.count.held; });
  out.gauge("mcproxy_route_certificate_not_after_timestamp_seconds",
            "When the certificate in force expires.");
  each(out, view, [](const RouteView& one) -> std::optional<int64_t> {
    if (!one.certificate_until) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(
               one.certificate_until->time_since_epoch())
        .count();
  });
}

}  // namespace

std::string metrics_document(const ProxyView& view, base::metrics::Format format) {
  Exposition out(format);
  out.gauge("mcproxy_build_info", "The program that answers.");
  out.sample({{"version", std::string(base::version())}}, int64_t{1});
  out.gauge("mcproxy_haproxy_up", "1 while HAProxy runs.", int64_t{view.engine_running});
  out.counter("mcproxy_haproxy_reloads_total", "Starts and reloads of HAProxy by this process.");
  out.sample({}, int64_t{view.reloads});
  out.gauge("mcproxy_listener_up", "1 while connections are taken at the address.");
  for (const ListenerView& listener : view.listeners)
    out.sample({{"listener", listener.listener.address}}, int64_t{listener.open});
  add_routes(out, view);
  base::metrics::add_process(out);
  return std::move(out).text();
}

}  // namespace mc_proxy
