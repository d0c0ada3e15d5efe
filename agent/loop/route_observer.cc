#include "agent/loop/route_observer.h"

#include <memory>
#include <utility>

#include "reconciler/back_off.h"

namespace agent {

using reconciler::ObservedProxy;
using reconciler::ObservedRoute;
using reconciler::RouteKey;
using reconciler::RouteSpec;

namespace {

constexpr base::Millis kFollowEvery = std::chrono::milliseconds(500);
constexpr reconciler::Schedule kListRetry{std::chrono::milliseconds(250), std::chrono::seconds(15)};

}  // namespace

RouteObserver::RouteObserver(reconciler::ProxyRouter* router, reconciler::Executor& executor,
                             std::string owner, base::Millis list_interval)
    : router_(router),
      executor_(executor),
      owner_(std::move(owner)),
      list_interval_(list_interval) {}

bool RouteObserver::step(base::TimePoint now, reconciler::Observed& observed) {
  if (router_ == nullptr) return false;
  if (!observed.proxy) observed.proxy.emplace();
  const bool changed = result_ && take(now, *observed.proxy);
  const base::Millis longest = failures_in_row_ > 0 ? kListRetry.cap : list_interval_;
  const bool due = !next_list_ || reconciler::due(*next_list_, now, longest);
  const bool follows =
      following_ && failures_in_row_ == 0 && (now >= asked_at_ + kFollowEvery || now < asked_at_);
  if (listing_ || !(hinted_ || due || follows)) return changed;
  hinted_ = false;
  listing_ = true;
  asked_at_ = now;
  touched_.clear();
  const auto result = std::make_shared<std::optional<Listing>>();
  executor_.submit([this, result] { *result = router_->list(); },
                   [this, result] { result_ = std::move(*result); });
  return changed;
}

bool RouteObserver::take(base::TimePoint now, ObservedProxy& proxy) {
  const Listing listing = std::move(*result_);
  result_.reset();
  listing_ = false;
  const bool first = !std::exchange(asked_once_, true);
  const std::optional<base::Error> error = proxy.error;
  if (!listing) {
    failed(listing.error(), now, proxy);
    return first || error != proxy.error;
  }
  failures_in_row_ = 0;
  next_list_ = now + list_interval_;
  proxy.error.reset();
  proxy.asked_at = asked_at_;
  const auto before = std::exchange(proxy.routes, {});
  // A route that a step of ours has set or removed in the meantime is as the step left it.
  for (const ObservedRoute& route : *listing)
    if (!touched_.contains(route.spec.key)) proxy.routes.emplace(route.spec.key, route);
  for (const RouteKey& key : touched_)
    if (const auto kept = before.find(key); kept != before.end()) proxy.routes.insert(*kept);
  if (!touched_.empty()) hinted_ = true;
  // Connections end while somebody waits for it: then the time alone is news.
  return first || following_ || error != proxy.error || before != proxy.routes;
}

void RouteObserver::failed(const base::Error& error, base::TimePoint now, ObservedProxy& proxy) {
  proxy.error = error;
  next_list_ = now + reconciler::delay(kListRetry, ++failures_in_row_, owner_);
}

void RouteObserver::note(const reconciler::Step& step, const Applied& applied, base::TimePoint now,
                         reconciler::Observed& observed) {
  if (!observed.proxy) return;
  for (const RouteSpec& spec : step.routes) touched_.insert(spec.key);
  touched_.insert(step.unroutes.begin(), step.unroutes.end());
  if (!applied.result) {
    const base::Code code = applied.result.error().code;
    // Nothing remembers the failure of a step that is no component's: it waits for the next list.
    if (code == base::Code::kUnavailable || code == base::Code::kTimeout ||
        step.key.service.empty())
      return failed(applied.result.error(), now, *observed.proxy);
    hinted_ = true;
    return;
  }
  // What was counted until now is the former backend's.
  hinted_ = true;
  for (const RouteKey& key : step.unroutes) observed.proxy->routes.erase(key);
  for (const RouteSpec& spec : step.routes) {
    ObservedRoute& route = observed.proxy->routes[spec.key];
    if (route.spec.backend != spec.backend) route.draining += std::exchange(route.open, 0);
    route.spec = spec;
    route.owner = owner_;
    route.served = true;
    route.problem.clear();
    if (route.listener.empty()) route.listener = ":" + std::to_string(spec.key.port);
    if (route.health.empty()) route.health = "unknown";
  }
}

std::optional<base::TimePoint> RouteObserver::wake_at() const {
  if (router_ == nullptr || listing_) return std::nullopt;
  if (following_ && failures_in_row_ == 0) return asked_at_ + kFollowEvery;
  return next_list_;
}

}  // namespace agent
