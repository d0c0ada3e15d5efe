#include <functional>

#include "base/version/version.h"
#include "mc-proxy/daemon/documents.h"

// https://prometheus.io/docs/instrumenting/exposition_formats/
namespace mc_proxy {
namespace {

std::string label(const std::string& value) {
  std::string out;
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

using Value = std::function<std::optional<int64_t>(const RouteView&)>;

std::string family(const ProxyView& view, const std::string& name, const char* type,
                   const char* help, const Value& value) {
  std::string out = "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  for (const ListenerView& listener : view.listeners)
    for (const RouteView& route : listener.routes)
      if (const auto number = value(route))
        out += name + "{listener=\"" + label(route.route.key.listener) + "\",hostname=\"" +
               label(route.route.key.hostname) + "\",owner=\"" + label(route.route.owner) + "\"} " +
               std::to_string(*number) + "\n";
  return out;
}

std::string single(const std::string& name, const char* type, const char* help, int64_t value) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + " " +
         std::to_string(value) + "\n";
}

}  // namespace

std::string metrics_document(const ProxyView& view) {
  return "# HELP mcproxy_build_info Version of the program.\n# TYPE mcproxy_build_info gauge\n"
         "mcproxy_build_info{version=\"" +
         label(std::string(base::version())) + "\"} 1\n" +
         single("mcproxy_haproxy_up", "gauge", "1 while HAProxy runs.", view.engine_running) +
         single("mcproxy_haproxy_reloads_total", "counter",
                "Starts and reloads of HAProxy by this process.", view.reloads) +
         family(view, "mcproxy_route_served", "gauge", "1 when the route is in force.",
                [](const RouteView& one) { return int64_t{one.served}; }) +
         family(view, "mcproxy_route_backend_up", "gauge",
                "1 when the backend takes connections; absent before it was asked.",
                [](const RouteView& one) -> std::optional<int64_t> {
                  if (one.health == Health::kUnknown) return std::nullopt;
                  return one.health == Health::kUp;
                }) +
         family(view, "mcproxy_route_open", "gauge",
                "Requests and tunnels (l7) or connections (l4) under way.",
                [](const RouteView& one) { return one.count.open + one.draining; }) +
         family(view, "mcproxy_route_requests_total", "counter",
                "Requests (l7) or connections (l4).",
                [](const RouteView& one) { return one.count.requests; }) +
         family(view, "mcproxy_route_responses_5xx_total", "counter", "Answers with 5xx (l7).",
                [](const RouteView& one) { return one.count.failed; }) +
         family(view, "mcproxy_route_waiting", "gauge",
                "Requests (l7) or connections (l4) that wait for a held route.",
                [](const RouteView& one) { return one.count.waiting; }) +
         family(view, "mcproxy_route_held_total", "counter",
                "Requests (l7) or connections (l4) that had to wait for a held route.",
                [](const RouteView& one) { return one.count.held; }) +
         family(view, "mcproxy_route_certificate_not_after_seconds", "gauge",
                "When the certificate in force expires, in seconds since 1970.",
                [](const RouteView& one) -> std::optional<int64_t> {
                  if (!one.certificate_until) return std::nullopt;
                  return std::chrono::duration_cast<std::chrono::seconds>(
                             one.certificate_until->time_since_epoch())
                      .count();
                });
}

}  // namespace mc_proxy
