#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/log/log.h"
#include "mc-proxy/daemon/network.h"
#include "mc-proxy/daemon/proxy.h"

// What goes on beside requests of the API: what routes depend on is watched.
namespace mc_proxy {
namespace {

using base::Millis;
using Clock = std::chrono::steady_clock;

constexpr Millis kTick{1000};
constexpr Millis kProbeWait{1000};
constexpr std::chrono::days kRenewBefore{30};
constexpr size_t kAtATime = 64;
constexpr int kProbeEvery = 5;  // ticks
constexpr std::chrono::seconds kNames{30};
constexpr std::chrono::seconds kMissingNames{5};

}  // namespace

// Some at a time, so that no change has to wait for all of them.
std::vector<Proxy::Watched> Proxy::watched_after(const RouteKey& key) {
  const std::scoped_lock lock(mutex_);
  std::vector<Watched> some;
  const base::TimePoint now = wall_clock();
  for (auto at = entries_.upper_bound(key); at != entries_.end() && some.size() < kAtATime; ++at) {
    Entry& entry = at->second;
    if (entry.route.mode != Mode::kL7) continue;
    const auto left = entry.certificate ? entry.certificate->not_after - now : Millis::max();
    if (entry.warned != (left < kWarnBefore)) changes_.count();
    entry.warned = left < kWarnBefore;
    some.push_back({entry.route, entry.stamp, dev_ca_ && left < kRenewBefore});
  }
  return some;
}

void Proxy::follow_certificates() {
  RouteKey last;
  for (auto some = watched_after(last); !some.empty(); some = watched_after(last)) {
    last = some.back().route.key;
    for (const Watched& watched : some) {
      std::error_code ignored;
      // A file is renewed by whoever has made it.
      const bool due =
          watched.due && !std::filesystem::exists(files_of(watched.route).cert, ignored);
      if (const std::string stamp = stamp_of(watched.route); stamp != watched.stamp || due)
        renew(watched, stamp);
    }
  }
}

void Proxy::renew(const Watched& watched, const std::string& stamp) {
  const auto fresh = certificate_for(watched.route);
  const RouteKey& key = watched.route.key;
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.route != watched.route ||
      found->second.stamp != watched.stamp)
    return;  // set again meanwhile
  Entry& entry = found->second;
  if (!fresh) {
    entry.stamp = stamp;
    return trouble(entry, fresh.error());
  }
  Entry next = entry;
  next.stamp = stamp;
  next.problem.clear();
  if (entry.certificate && entry.certificate->fingerprint == fresh->fingerprint) {
    if (!entry.problem.empty()) changes_.count();
    entry = std::move(next);
    return;
  }
  next.certificate = *fresh;
  if (const auto done = change({{key, next}}); !done) {
    // A file that is refused is not tried again; else the next tick does, for its stamp is another.
    if (done.error().retry == base::Retry::kAfterChange) entry.stamp = stamp;
    return trouble(entry, done.error().within(origin_of(entry.route)));
  }
  changes_.count();
  base::log::info("certificate taken",
                  {{"route", title(key)}, {"until", base::to_rfc3339(fresh->not_after)}});
}

// Said once, however often it is found.
void Proxy::trouble(Entry& entry, const base::Error& error) {
  if (entry.problem == error.text()) return;
  entry.problem = error.text();
  base::log::warning(entry.problem, {{"route", title(entry.route.key)}});
  changes_.count();
}

void Proxy::follow_names() {
  take_addresses();
  if (Clock::now() < next_names_) return;
  std::set<std::string> hosts;
  bool missing = false;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, entry] : entries_) {
      const auto backend = parse_backend(entry.route.backend);
      if (!backend || is_numeric(backend->host)) continue;
      hosts.insert(backend->host);
      missing |= entry.address.empty();
    }
  }
  if (names_.ask(hosts)) next_names_ = Clock::now() + (missing ? kMissingNames : kNames);
}

void Proxy::take_addresses() {
  const auto answers = names_.take();
  if (answers.empty()) return;
  const std::scoped_lock lock(mutex_);
  std::vector<StoredRoute> moved;
  for (auto& [key, entry] : entries_) {
    const auto backend = parse_backend(entry.route.backend);
    const auto found = backend ? answers.find(backend->host) : answers.end();
    if (found == answers.end()) continue;
    if (!found->second) {
      // A resolver that does not answer takes nothing away.
      if (!entry.address.empty() || entry.name_problem == found->second.error().text()) continue;
      entry.name_problem = found->second.error().text();
      base::log::warning(entry.name_problem, {{"route", title(key)}});
      changes_.count();
      continue;
    }
    if (*found->second == entry.address) continue;
    base::log::info("backend has another address",
                    {{"backend", entry.route.backend}, {"address", *found->second}});
    entry.address = *found->second;
    entry.name_problem.clear();
    moved.push_back({entry.route, std::nullopt, entry.address});
  }
  if (moved.empty()) return;
  run_engine();
  if (const auto kept = table_.change(moved, {}, [] { return base::Result<>(); }); !kept)
    base::log::warning("cannot keep new addresses: " + kept.error().text());
}

void Proxy::probe(bool all) {
  std::map<std::pair<std::string, uint16_t>, bool> up;  // many routes can have one backend
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, entry] : entries_)
      if (!entry.address.empty() && (all || entry.health != Health::kUp))
        up[{entry.address, entry.port}] = false;
  }
  if (up.empty()) return;
  std::vector<HostPort> targets;
  for (const auto& [target, unknown] : up) targets.push_back({target.first, target.second});
  const std::vector<bool> answers = reachable(targets, kProbeWait);
  for (size_t i = 0; i < targets.size(); ++i) up[{targets[i].host, targets[i].port}] = answers[i];
  const std::scoped_lock lock(mutex_);
  for (auto& [key, entry] : entries_) {
    const auto asked = up.find({entry.address, entry.port});
    if (asked == up.end()) continue;  // new by now
    const Health health = asked->second ? Health::kUp : Health::kDown;
    if (entry.health == health) continue;
    entry.health = health;
    changes_.count();
  }
}

// HAProxy is asked without the lock: with many routes its answer is long.
void Proxy::sample() {
  const std::scoped_lock turn(sample_mutex_);
  for (const Listener& listener : config_.listeners) {
    auto counts = engine_.counts(engine_name(listener.address));
    if (!counts) continue;
    const std::scoped_lock lock(mutex_);
    auto& seen = seen_[listener.address];
    for (const auto& [key, now] : *counts) {
      const auto found = seen.find(key);
      const RouteCount before = found == seen.end() ? RouteCount() : found->second;
      RouteCount& total = totals_[{listener.address, key.substr(0, key.find('/'))}];
      // A new worker starts at zero.
      total.requests += now.requests - (now.requests < before.requests ? 0 : before.requests);
      total.failed += now.failed - (now.failed < before.failed ? 0 : before.failed);
      total.held += now.held - (now.held < before.held ? 0 : before.held);
    }
    seen = std::move(*counts);
  }
}

void Proxy::watch(std::stop_token stop) {
  for (int ticks = 0; !stop.stop_requested(); ++ticks) {
    int watched = -1;
    {
      const std::scoped_lock lock(mutex_);
      look_after_engine();
      watched = engine_.pidfd() >= 0 ? ::fcntl(engine_.pidfd(), F_DUPFD_CLOEXEC, 3) : -1;
    }
    follow_certificates();
    follow_names();
    const bool all = ticks % kProbeEvery == 0;
    probe(all);
    if (all) {
      sample();
      ::malloc_trim(0);  // what long bodies and answers have left
    }
    pollfd wait{watched, POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(kTick.count()));
    if (watched >= 0) ::close(watched);
  }
}

}  // namespace mc_proxy
