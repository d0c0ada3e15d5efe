#include "mc-proxy/engine/engine.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/log/log.h"
#include "mc-proxy/engine/files.h"

namespace mc_proxy {
namespace {

using base::Result;

bool passes(const EngineRoute& route) {
  return route.value.starts_with("l4");
}

bool same(const std::optional<EngineRoute>& a, const std::optional<EngineRoute>& b) {
  if (!a || !b) return !a && !b;
  return a->value == b->value && a->certificate == b->certificate;
}

// One that the runtime API would drop for its size goes by its file, with a
// reload.
bool too_large(const EngineChange& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [](const auto& one) {
    return one.second && one.second->pem && one.second->pem->size() > kMaxPayload;
  });
}

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      files_{options_.folder},
      haproxy_(options_.binary, files_),
      runtime_(files_) {}

std::string Engine::certificate_file(const std::string& hostname,
                                     const std::string& fingerprint) const {
  return files_.certificates() + "/" + hostname + "." + fingerprint + ".pem";
}

bool Engine::has(const EngineListener& listener) const {
  if (haproxy_.pidfd() < 0) return false;
  if (!known_) {
    // Adopted: what its configuration binds.
    std::ifstream in(files_.config());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (const char* before : {"  bind ", ".sock,"})
      for (const char* after : {"\n", " "})
        if (text.find(before + listener.bind + after) != std::string::npos) return true;
    return false;
  }
  return std::any_of(running_.begin(), running_.end(),
                     [&](const EngineListener& one) { return one.bind == listener.bind; });
}

Result<std::map<std::string, RouteCount>> Engine::counts(const std::string& listener) const {
  return runtime_.counts(listener);
}

void Engine::mark_passthrough() {
  for (EngineListener& listener : state_.listeners)
    listener.passthrough = passing_[listener.name] > 0;
}

Engine::Step Engine::put(const EngineChange& wanted) {
  Step step;
  for (const auto& [key, route] : wanted) {
    EngineRoutes& routes = state_.routes[key.listener];
    const auto old = routes.find(key.hostname);
    const auto was = old == routes.end() ? std::nullopt : std::optional(old->second);
    if (same(was, route)) continue;
    size_t& passing = passing_[key.listener];
    if (was && passes(*was)) --passing;
    if (route && passes(*route)) ++passing;
    step.before[key] = was;
    step.after[key] = route;
    if (route)
      routes[key.hostname] = *route;
    else
      routes.erase(old);
  }
  mark_passthrough();
  return step;
}

Engine::Step Engine::difference(const std::map<std::string, EngineRoutes>& before,
                                const std::map<std::string, EngineRoutes>& after) {
  Step step;
  for (const auto& [listener, routes] : before)
    for (const auto& [host, route] : routes) step.before[{listener, host}] = route;
  for (const auto& [listener, routes] : after) {
    for (const auto& [host, route] : routes) {
      const EngineKey key{listener, host};
      const auto was = step.before.find(key);
      if (was != step.before.end() && same(was->second, route)) {
        step.before.erase(was);
        continue;
      }
      step.before.try_emplace(key);
      step.after[key] = route;
    }
  }
  for (const auto& [key, route] : step.before) step.after.try_emplace(key);
  return step;
}

Result<> Engine::apply(EngineState wanted) {
  std::swap(state_, wanted);
  passing_.clear();
  for (const auto& [listener, routes] : state_.routes)
    passing_[listener] = static_cast<size_t>(std::count_if(
        routes.begin(), routes.end(), [](const auto& one) { return passes(one.second); }));
  mark_passthrough();
  const auto done =
      settle(known_ ? std::optional(difference(wanted.routes, state_.routes)) : std::nullopt);
  if (!done) known_ = false;
  return done;
}

Result<> Engine::change(const EngineChange& wanted) {
  const Step step = put(wanted);
  const auto done = settle(step);
  if (done) return done;
  put(step.before);
  if (!known_)
    if (const auto back = settle(std::nullopt); !back)
      base::log::error("cannot go back to the former routes: " + back.error().text());
  return done;
}

// Brings HAProxy to what state_ says. `step` is all that has changed since it was known to do so.
Result<> Engine::settle(std::optional<Step> step) {
  if (!lua_) lua_ = haproxy_.has_lua();
  const bool alive = haproxy_.alive();
  if (!alive) known_ = false;
  if (alive && !known_) step = learn();
  if (!alive || !step || running_ != state_.listeners || too_large(step->after)) {
    MCP_CHECK(restructure(alive || adopt()));
  } else if (const auto done = adjust(*step); !done) {
    known_ = false;  // half of it may be there; a new worker has the whole
    if (!haproxy_.alive()) return done;
    base::log::warning("HAProxy is reloaded: " + done.error().text());
    MCP_CHECK(restructure(true));
  }
  known_ = true;
  if (!step) step = difference({}, state_.routes);
  tell_former(*step);
  forget_pems(*step);
  return {};
}

// What an adopted HAProxy, or one in doubt, lacks; none: it has another structure.
std::optional<Engine::Step> Engine::learn() {
  const auto described = runtime_.description();
  if (!described || !described->starts_with("mc-proxy " + hash() + " ")) return std::nullopt;
  std::map<std::string, EngineRoutes> there;
  for (const EngineListener& listener : state_.listeners) {
    auto routes = runtime_.read(listener.name);
    if (!routes) return std::nullopt;
    there[listener.name] = std::move(*routes);
  }
  running_ = state_.listeners;
  return difference(there, state_.routes);
}

// A name has its certificate before a request can come for it, and loses it after the last.
Result<> Engine::adjust(const Step& step) {
  behind_ = true;
  const auto dropped = std::exchange(unused_, {});
  const auto certificate = [](const std::optional<EngineRoute>& route) {
    return route ? route->certificate : "";
  };
  for (const auto& [key, route] : step.after)
    if (!certificate(route).empty() && certificate(step.before.at(key)) != certificate(route))
      MCP_CHECK(show(key, *route));
  for (const EngineListener& listener : state_.listeners)
    MCP_CHECK(change_map(listener.name, step));
  for (const auto& [key, route] : step.before)
    if (!certificate(route).empty() && certificate(step.after.at(key)) != certificate(route))
      MCP_CHECK(hide(key, route->certificate));
  for (const auto& [key, file] : dropped)
    if (!uses(key.hostname, file)) ::remove(file.c_str());
  return {};
}

Result<std::string> Engine::pem_of(const EngineKey& key, const EngineRoute& route) const {
  if (route.pem) return *route.pem;
  auto text = read_file(route.certificate);
  if (text || !options_.recall) return text;
  return options_.recall(key);
}

Result<> Engine::show(const EngineKey& key, const EngineRoute& route) {
  MCP_TRY(const std::string pem, pem_of(key, route));
  MCP_CHECK(write_file(route.certificate, pem));
  MCP_CHECK(runtime_.add_certificate(route.certificate, pem));
  return runtime_.show_for(key.listener, key.hostname, route.certificate);
}

Result<> Engine::change_map(const std::string& listener, const Step& step) {
  const auto value = [](const std::optional<EngineRoute>& route) {
    return route ? route->value : "";
  };
  std::vector<std::string> changed;
  for (auto at = step.after.lower_bound({listener, ""});
       at != step.after.end() && at->first.listener == listener; ++at)
    if (value(step.before.at(at->first)) != value(at->second))
      changed.push_back(at->first.hostname);
  if (changed.empty()) return {};
  if (changed.size() > 1) return runtime_.replace(listener, state_.routes[listener]);
  const EngineKey key{listener, changed.front()};
  const std::string wanted = value(step.after.at(key));
  if (wanted.empty()) return runtime_.erase(listener, key.hostname);
  return runtime_.set(listener, key.hostname, wanted, value(step.before.at(key)).empty());
}

bool Engine::uses(const std::string& hostname, const std::string& certificate) const {
  return std::any_of(state_.routes.begin(), state_.routes.end(), [&](const auto& listener) {
    const auto found = listener.second.find(hostname);
    return found != listener.second.end() && found->second.certificate == certificate;
  });
}

Result<> Engine::hide(const EngineKey& key, const std::string& certificate) {
  MCP_CHECK(runtime_.hide(key.listener, certificate));
  if (uses(key.hostname, certificate)) return {};
  unused_.emplace_back(key, certificate);  // its file goes later: the way back may need it
  return runtime_.drop_certificate(certificate);
}

// A connection from before a reload can still bring requests, and some may be waiting there.
void Engine::tell_former(const Step& step) {
  if (!former_) return;
  const auto workers = haproxy_.former_workers();
  if (!workers) return;
  former_ = !workers->empty();
  for (const pid_t worker : *workers)
    for (const auto& [key, route] : step.after)
      runtime_.set_former(worker, key.listener, key.hostname, route ? route->value : "");
}

void Engine::forget_pems(const Step& step) {
  for (const auto& [key, route] : step.after)
    if (route) state_.routes[key.listener][key.hostname].pem.reset();
}

}  // namespace mc_proxy
