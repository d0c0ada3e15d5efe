#include <algorithm>

#include "base/log/log.h"
#include "mc-proxy/daemon/network.h"
#include "mc-proxy/daemon/proxy.h"

// HAProxy is to run, with all that can be served.
namespace mc_proxy {
namespace {

using base::Millis;
using Clock = std::chrono::steady_clock;

constexpr Millis kMaxStartPause{30000};

}  // namespace

// A listener whose port is taken must not cost the others HAProxy.
void Proxy::check_ports() {
  for (const Listener& listener : config_.listeners) {
    const EngineListener as_engine{engine_name(listener.address), bind_address(listener)};
    const auto possible = engine_.has(as_engine) ? base::Result<>() : can_bind(listener);
    if (possible) {
      if (blocked_.erase(listener.address) > 0) changes_.count();
    } else if (blocked_[listener.address] != possible.error().text()) {
      blocked_[listener.address] = possible.error().text();
      base::log::error(possible.error().text());
      changes_.count();
    }
  }
}

void Proxy::run_engine() {
  check_ports();
  auto done = engine_.apply(whole_state());
  while (!done && set_aside(done.error())) done = engine_.apply(whole_state());
  if (done) {
    keep_certificates();
    changes_.count();
    if (!engine_problem_.empty()) base::log::info("HAProxy runs again");
    engine_problem_.clear();
    start_pause_ = Millis(0);
    return;
  }
  if (engine_problem_ != done.error().text()) {
    base::log::error(done.error().text());
    changes_.count();
  }
  engine_problem_ = done.error().text();
  start_pause_ = std::clamp(start_pause_ * 2, Millis(250), kMaxStartPause);
  next_start_ = Clock::now() + start_pause_;
}

// HAProxy refuses its whole configuration for one certificate. The routes whose certificate it
// names go on with their former one, else they are not served. False: it names none.
bool Proxy::set_aside(const base::Error& refused) {
  bool any = false;
  for (auto& [key, entry] : entries_) {
    if (!entry.certificate || !served(entry) ||
        refused.message.find(engine_.certificate_file(
            key.hostname, entry.certificate->fingerprint)) == std::string::npos)
      continue;
    any = true;
    const auto kept = table_.pem(key);
    const auto former =
        kept ? check_certificate(*kept, "kept from before", key.hostname, wall_clock())
             : base::Result<Certificate>(kept.error());
    if (former && former->fingerprint != entry.certificate->fingerprint) {
      entry.certificate = *former;
      entry.certificate->pem.reset();
    } else {
      entry.certificate.reset();
    }
    trouble(entry, refused.within(origin_of(entry.route)));
  }
  return any;
}

// Those that were read when this program started: HAProxy has taken them.
void Proxy::keep_certificates() {
  std::vector<StoredRoute> renewed;
  for (const auto& [key, entry] : entries_)
    if (entry.certificate && entry.certificate->pem)
      renewed.push_back({entry.route, *entry.certificate->pem, entry.address});
  if (renewed.empty()) return;
  if (const auto kept = table_.change(renewed, {}, [] { return base::Result<>(); }); !kept)
    return base::log::warning("cannot keep new certificates: " + kept.error().text());
  for (const StoredRoute& stored : renewed) entries_[stored.route.key].certificate->pem.reset();
}

void Proxy::look_after_engine() {
  if (!engine_problem_.empty()) {
    if (Clock::now() >= next_start_) run_engine();
    return;
  }
  if (!engine_.alive()) {
    base::log::error("HAProxy has ended; it is started again");
    return run_engine();
  }
  if (!engine_.settled()) return run_engine();
  check_ports();
  const auto missing = [this](const Listener& one) {
    return !blocked_.contains(one.address) &&
           !engine_.has({engine_name(one.address), bind_address(one)});
  };
  if (std::any_of(config_.listeners.begin(), config_.listeners.end(), missing)) run_engine();
  const auto saved = engine_.save();
  if (!saved && !unsaved_) base::log::warning("cannot save routes: " + saved.error().text());
  unsaved_ = !saved;
}

}  // namespace mc_proxy
