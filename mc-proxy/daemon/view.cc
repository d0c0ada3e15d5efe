#include "mc-proxy/daemon/proxy.h"

namespace mc_proxy {

void Proxy::count(RouteView& view, const Entry& entry) const {
  const RouteKey& key = entry.route.key;
  if (const auto total = totals_.find(key); total != totals_.end()) view.count = total->second;
  const auto seen = seen_.find(key.listener);
  if (seen == seen_.end()) return;
  const std::string present = "/" + entry.address + "/" + std::to_string(entry.port) + "/";
  for (auto at = seen->second.lower_bound(key.hostname + "/");
       at != seen->second.end() && at->first.starts_with(key.hostname + "/"); ++at) {
    (at->first.find(present) != std::string::npos ? view.count.open : view.draining) +=
        at->second.open;
    view.count.waiting += at->second.waiting;
  }
}

RouteView Proxy::view_of(const Entry& entry) const {
  RouteView view{entry.route, entry.health, served(entry), problem_of(entry), {}, {}, 0};
  const auto blocked = blocked_.find(entry.route.key.listener);
  if (blocked != blocked_.end()) view.problem = blocked->second;
  if (entry.certificate) {
    view.certificate_until = entry.certificate->not_after;
    const auto left = entry.certificate->not_after -
                      std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
    if (left < kWarnBefore && view.problem.empty())
      view.problem = left.count() > 0 ? "the certificate expires in " + base::short_age(left)
                                      : "the certificate has expired";
  }
  if (entry.route.hold.count() > 0 && !engine_.can_hold() && view.problem.empty())
    view.problem =
        "held, and HAProxy was built without Lua: requests are refused, they cannot wait";
  count(view, entry);
  return view;
}

ProxyView Proxy::view() {
  sample();
  const std::scoped_lock lock(mutex_);
  ProxyView view;
  view.engine_running = engine_.alive();
  view.engine_problem = engine_problem_;
  view.reloads = engine_.reloads();
  view.can_hold = engine_.can_hold();
  view.uptime =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
  for (const Listener& listener : config_.listeners) {
    const auto blocked = blocked_.find(listener.address);
    view.listeners.push_back({listener,
                              view.engine_running && blocked == blocked_.end(),
                              blocked == blocked_.end() ? "" : blocked->second,
                              {}});
  }
  for (const auto& [key, entry] : entries_) {
    ListenerView* home = nullptr;
    for (ListenerView& one : view.listeners)
      if (one.listener.address == key.listener) home = &one;
    if (!home) {
      view.listeners.push_back(
          {{key.listener, false}, false, "the configuration has no such listener", {}});
      home = &view.listeners.back();
    }
    RouteView route = view_of(entry);
    route.served = route.served && home->open;
    if (route.problem.empty() && !home->problem.empty()) route.problem = home->problem;
    home->routes.push_back(std::move(route));
  }
  return view;
}

}  // namespace mc_proxy
