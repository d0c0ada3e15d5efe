#include <algorithm>

#include "reconciler/back_off.h"
#include "reconciler/conditions.h"
#include "reconciler/machine.h"
#include "reconciler/readiness.h"
#include "reconciler/steps.h"

namespace reconciler {
namespace {

// Failed requests of a new container that are no bad luck: so many, or all that there were.
constexpr int64_t kFailuresThatCount = 5;
constexpr int64_t kAllThatCount = 2;
// The part of the time that connections may be held in which the old ones may end.
constexpr int kHoldForDrain = 6;
// How long a new container waits for what mc-proxy has counted.
constexpr Millis kPatienceWithProxy = std::chrono::seconds(2);

double failure_rate(const Traffic& traffic) {
  return traffic.requests == 0
             ? 0
             : static_cast<double>(traffic.failed) / static_cast<double>(traffic.requests);
}

// More than bad luck, and clearly more than before.
bool fails_more(const Traffic& seen, double before) {
  if (seen.failed < kFailuresThatCount)
    return seen.failed >= kAllThatCount && seen.failed == seen.requests && before < 0.5;
  const double rate = failure_rate(seen);
  return rate > std::min(before * 2, (before + 1) / 2) && rate > before + 0.05;
}

}  // namespace

bool Machine::routes_lead_to(const ObservedContainer& container, Millis hold,
                             const std::string& cause) {
  if (!in_.routes.managed()) return true;
  std::vector<RouteSpec> wanted =
      missing(in_.routes, routes_to(in_.routes, in_.key.service, container, hold));
  if (wanted.empty()) return true;
  if (in_.routes.proxy->error) {
    settle(Phase::kFailing, reason::kProxyUnavailable, in_.routes.proxy->error->text());
    return false;
  }
  // The receipt is of what follows: what was counted before has to be known.
  const Rollout* rollout = rollout_under_way();
  if (rollout != nullptr && rollout->replaces && !rollout->counted) {
    settle(Phase::kProgressing, reason::kProgressing, "asking mc-proxy what it has counted so far");
    return false;
  }
  // All at once; but one that is refused must not keep the others.
  const auto attempts = static_cast<size_t>(d_.next.step_back_off.attempts);
  if (attempts > 0) wanted = {wanted[attempts % wanted.size()]};
  const std::string object = container.name + (hold.count() > 0 ? " (held)" : "");
  emit(route_step(in_.key, in_.service.revision, object, std::move(wanted), {}, cause),
       hold.count() > 0 ? "holding new connections" : "routing to " + container.name);
  return false;
}

bool Machine::restore_routes() {
  if (fallback_ == nullptr || !runs(*fallback_) || !in_.routes.managed() || in_.routes.proxy->error)
    return false;
  if (d_.next.failure && d_.next.failure->step == StepKind::kRoute &&
      !due(d_.next.step_back_off.next_at, in_.now, kStepRetry))
    return false;
  std::vector<RouteSpec> lost;
  for (RouteSpec& spec : routes_to(in_.routes, in_.key.service, *fallback_, Millis(0)))
    if (!leads_to_us(spec.key)) lost.push_back(std::move(spec));
  if (lost.empty() || !answers(*fallback_)) return false;
  settle(Phase::kProgressing, reason::kProgressing, "routing to " + fallback_->name);
  const bool known = in_.routes.proxy->routes.contains(lost.front().key);
  d_.step = route_step(in_.key, in_.service.revision, fallback_->name, std::move(lost), {},
                       known ? "it led to what does not run" : "mc-proxy has lost it");
  return true;
}

bool Machine::leads_to_us(const RouteKey& key) const {
  return std::any_of(
      in_.containers.begin(), in_.containers.end(), [&](const ObservedContainer* container) {
        const auto leading = leading_to(in_.routes, *container);
        return runs(*container) &&
               std::any_of(leading.begin(), leading.end(),
                           [&](const ObservedRoute* route) { return route->spec.key == key; });
      });
}

bool Machine::answers(const ObservedContainer& container) {
  crds::Component plain;
  plain.network = in_.desired.spec.network;
  plain.routes = in_.desired.spec.routes;
  const Verdict verdict = judge(plain, container, in_.observed, false, in_.now);
  if (verdict.probe) d_.probes.push_back(*verdict.probe);
  return verdict.state == Verdict::kReady;
}

bool Machine::fallback_serves() {
  if (!in_.routes.managed()) return true;
  if (!runs(*fallback_)) {
    // Both can run at once: the old one starts before the new one goes.
    const bool needed = in_.desired.rolls && candidate_ != nullptr && runs(*candidate_) &&
                        !leading_to(in_.routes, *candidate_).empty();
    if (!needed || !is_down(*fallback_)) return true;
    return_to_fallback();
    return false;
  }
  if (missing(in_.routes, routes_to(in_.routes, in_.key.service, *fallback_, Millis(0))).empty())
    return true;
  return answers(*fallback_) &&
         routes_lead_to(*fallback_, Millis(0), "automatic return: " + d_.next.rollout_error);
}

bool Machine::hold_traffic(const ObservedContainer& container) {
  const crds::RolloutSettings& settings = in_.desired.spec.rollout;
  if (settings.hold.count() == 0 || !in_.routes.managed() || in_.routes.proxy->error ||
      leading_to(in_.routes, container).empty())
    return true;
  // Nobody waits for a proxy that cannot do it.
  if (d_.next.failure && d_.next.failure->step == StepKind::kRoute) return true;
  d_.follow_routes = true;
  if (!routes_lead_to(container, settings.hold, "another container takes over")) return false;
  TimePoint& held = d_.next.held_since;
  if (held == TimePoint{} || held > in_.now) held = in_.now;
  // What waits must not wait for those that never end.
  const TimePoint last = held + std::min(settings.drain, settings.hold / kHoldForDrain);
  const RouteSums now = sums(in_.routes);
  if (in_.now >= last || (in_.routes.proxy->asked_at > held && now.open + now.draining == 0))
    return true;
  wake(last);
  settle(Phase::kProgressing, reason::kDraining,
         std::to_string(now.open + now.draining) + " connections to " + container.name +
             " are to end");
  return false;
}

bool Machine::trusted() {
  if (fallback_ == nullptr || !in_.routes.managed()) return true;
  const crds::RolloutSettings& settings = in_.desired.spec.rollout;
  const RouteSums now = sums(in_.routes);
  auto& trial = d_.next.trial;
  if (!trial || trial->container != candidate_->id)
    trial = Trial{.container = candidate_->id, .since = in_.now, .before = now.traffic};
  if (trial->passed) return true;
  trial->since = std::min(trial->since, in_.now);
  d_.follow_routes = true;
  const ObservedProxy& proxy = *in_.routes.proxy;
  if (!trial->counted && !proxy.error && proxy.asked_at >= trial->since) {
    // What came before this answer is not known to be the new one's: its time begins now.
    trial->counted = true;
    trial->since = in_.now;
    trial->before = now.traffic;
    trial->failure_rate = failure_rate(since(d_.next.baseline, now.traffic));
  }
  const Traffic seen = since(trial->before, now.traffic);
  if (trial->counted && fails_more(seen, trial->failure_rate)) {
    fail_rollout(std::to_string(seen.failed) + " of " + std::to_string(seen.requests) +
                     " requests failed since " + candidate_->name + " has the routes",
                 true);
    return false;
  }
  const TimePoint watched = trial->since + settings.watch;
  const TimePoint last =
      trial->since + std::max(settings.watch + kPatienceWithProxy, settings.drain);
  // What was counted up to the end of the time is said by an answer that was asked for after it.
  const bool known = !proxy.error && proxy.asked_at >= watched && trial->counted;
  if (in_.now < watched || (!known && in_.now < last)) {
    wake(in_.now < watched ? watched : last);
    settle(Phase::kProgressing, reason::kWatching,
           candidate_->name + " has the routes and is watched for " +
               base::to_duration(settings.watch) + " before " + fallback_->name + " goes");
    return false;
  }
  if (now.draining > 0 && in_.now < last && runs(*fallback_)) {
    wake(last);
    settle(Phase::kProgressing, reason::kDraining,
           std::to_string(now.draining) + " connections to " + fallback_->name + " are to end");
    return false;
  }
  trial->passed = true;
  mark(&Rollout::drained, in_.now);
  return true;
}

bool Machine::take_routes_away(const std::vector<const ObservedContainer*>& containers,
                               const std::string& cause) {
  std::optional<Step> step =
      unroute_step(in_.key, in_.service.revision, containers, in_.routes, d_.next, cause);
  if (!step) return true;
  emit(std::move(*step), "removing its routes");
  return false;
}

}  // namespace reconciler
