#include "test/support/fake_router.h"

#include <utility>

#include "base/core/text.h"

namespace test {

using base::Code;
using base::Millis;
using base::Result;
using reconciler::ObservedRoute;
using reconciler::RouteKey;
using reconciler::RouteSpec;
using reconciler::Traffic;

namespace {

using Mode = crds::Route::Mode;

// As mc-proxy keeps it.
RouteSpec kept(RouteSpec spec) {
  spec.key.hostname = base::lower(spec.key.hostname);
  spec.hold = std::chrono::ceil<std::chrono::seconds>(spec.hold);
  if (spec.mode == Mode::kL4) spec.certificate.clear();
  return spec;
}

}  // namespace

std::optional<FakeRouter::Fault> FakeRouter::begin(const Call& call) {
  ++calls_[call.kind];
  if (on_call) on_call(call);
  if (down)
    return Fault{base::unavailable("cannot reach mc-proxy: connection refused", "is it running?")};
  if (call.kind == Kind::kApply) log_.push_back(call);
  if (fail_next) return std::exchange(fail_next, std::nullopt);
  return faults ? faults(call) : std::nullopt;
}

Result<std::vector<ObservedRoute>> FakeRouter::list() {
  if (const auto fault = begin({Kind::kList, {}, {}, {}})) return fault->error;
  std::vector<ObservedRoute> all;
  for (const auto& [key, route] : routes_) {
    all.push_back(route);
    ObservedRoute& shown = all.back();
    const auto total = totals_.find(key);
    if (total != totals_.end()) shown.traffic = total->second;
    if (!serving) {
      shown.served = false;
      shown.problem = "HAProxy is not running";
    }
    shown.health = health_of ? health_of(shown.spec.backend) : "up";
    if (shown.spec.mode == Mode::kL7) shown.certificate_until = certificate_until;
  }
  return all;
}

Result<> FakeRouter::apply(const std::string& owner, const std::vector<RouteSpec>& upserts,
                           const std::vector<RouteKey>& removes) {
  const Call call{Kind::kApply, owner, upserts, removes};
  const std::optional<Fault> fault = begin(call);
  if (fault && !fault->after_effect) return fault->error;
  Result<> done = change(call);
  if (fault) return fault->error;
  return done;
}

Result<> FakeRouter::check(const std::string& owner, const RouteKey& key) const {
  if (!listeners.empty() && !listeners.contains(key.port))
    return base::make_error(Code::kInvalid,
                            "there is no listener '" + std::to_string(key.port) + "'");
  const auto found = routes_.find(key);
  if (found == routes_.end() || found->second.owner == owner) return {};
  return base::make_error(Code::kConflict,
                          "route " + key.text() + " belongs to '" + found->second.owner + "'");
}

Result<> FakeRouter::change(const Call& call) {
  std::vector<RouteSpec> specs;
  for (const RouteSpec& wanted : call.upserts) {
    specs.push_back(kept(wanted));
    const RouteSpec& spec = specs.back();
    if (spec.backend.empty())
      return base::make_error(Code::kInvalid,
                              "route " + spec.key.text() + ": backend '' is no address");
    const auto bad = bad_certificates.find(spec.certificate);
    if (spec.mode == Mode::kL7 && bad != bad_certificates.end()) return bad->second;
    MCP_CHECK(check(call.owner, spec.key));
  }
  for (const RouteKey& key : call.removes) MCP_CHECK(check(call.owner, key));

  const auto before = routes_;
  for (const RouteKey& key : call.removes) routes_.erase(key);
  for (const RouteSpec& spec : specs) set(spec, call.owner);
  if (routes_ != before) ++effects_;
  return {};
}

void FakeRouter::set(const RouteSpec& spec, const std::string& owner) {
  ObservedRoute& route = routes_[spec.key];
  if (route.spec.backend != spec.backend) route.draining += std::exchange(route.open, 0);
  route.spec = spec;
  route.owner = owner;
  route.listener = ":" + std::to_string(spec.key.port);
  route.served = true;
}

void FakeRouter::add_foreign(RouteSpec spec, const std::string& owner) {
  set(kept(std::move(spec)), owner);
}

void FakeRouter::remove_by_hand(const RouteKey& key) {
  routes_.erase(key);
}

void FakeRouter::set_by_hand(const RouteSpec& spec) {
  const auto found = routes_.find(spec.key);
  if (found != routes_.end()) set(kept(spec), std::string(found->second.owner));
}

void FakeRouter::lose_routes() {
  routes_.clear();
  totals_.clear();
}

void FakeRouter::restarted() {
  totals_.clear();
}

void FakeRouter::add_traffic(const RouteKey& key, const Traffic& more) {
  if (!routes_.contains(key)) return;
  Traffic& total = totals_[key];
  total.requests += more.requests;
  total.failed += more.failed;
  total.held += more.held;
}

void FakeRouter::open(const RouteKey& key, int64_t connections) {
  const auto found = routes_.find(key);
  if (found != routes_.end()) found->second.open += connections;
}

void FakeRouter::close_all(const RouteKey& key) {
  const auto found = routes_.find(key);
  if (found != routes_.end()) found->second.open = found->second.draining = 0;
}

void FakeRouter::close_draining(const RouteKey& key) {
  const auto found = routes_.find(key);
  if (found != routes_.end()) found->second.draining = 0;
}

const std::map<RouteKey, ObservedRoute>& FakeRouter::routes() const {
  return routes_;
}

const ObservedRoute* FakeRouter::find(const RouteKey& key) const {
  const auto found = routes_.find(key);
  return found == routes_.end() ? nullptr : &found->second;
}

int FakeRouter::calls(Kind kind) const {
  const auto found = calls_.find(kind);
  return found == calls_.end() ? 0 : found->second;
}

}  // namespace test
