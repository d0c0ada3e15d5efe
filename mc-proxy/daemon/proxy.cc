#include "mc-proxy/daemon/proxy.h"

#include <algorithm>

#include "base/core/text.h"
#include "base/log/log.h"
#include "mc-proxy/daemon/network.h"

namespace mc_proxy {
namespace {

using base::Result;
using base::TimePoint;
using Clock = std::chrono::steady_clock;

}  // namespace

std::string_view name(Health health) {
  return health == Health::kUp ? "up" : health == Health::kDown ? "down" : "unknown";
}

TimePoint wall_clock() {
  return std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
}

std::string title(const RouteKey& key) {
  return key.listener + "/" + key.hostname;
}

std::string engine_name(const std::string& address) {
  std::string out = "on" + address;
  for (char& c : out)
    if (c == ':' || c == '[' || c == ']') c = '_';
  return out;
}

Proxy::Proxy(Config config, RouteTable table, std::optional<DevCa> dev_ca)
    : config_(std::move(config)),
      started_(Clock::now()),
      dev_ca_(std::move(dev_ca)),
      table_(std::move(table)),
      engine_({config_.haproxy, config_.engine_dir(), config_.max_connections,
               [this](const EngineKey& key) { return recall(key); }}) {}

Result<std::unique_ptr<Proxy>> Proxy::open(const Config& config) {
  MCP_TRY(RouteTable table, RouteTable::open(config.database));
  std::optional<DevCa> dev_ca;
  if (!config.dev_ca.empty()) {
    MCP_TRY(dev_ca, DevCa::open(config.dev_ca, wall_clock()));
  }
  std::unique_ptr<Proxy> proxy(new Proxy(config, std::move(table), std::move(dev_ca)));
  MCP_CHECK(proxy->load());
  return proxy;
}

Result<std::string> Proxy::listener_named(const std::string& text) const {
  std::vector<std::string> known;
  std::vector<std::string> same_port;
  const std::string port = text.substr(text.find(':') == 0 ? 1 : 0);
  for (const Listener& listener : config_.listeners) {
    if (listener.address == text) return text;
    known.push_back(listener.address);
    if (std::to_string(listener.port()) == port) same_port.push_back(listener.address);
  }
  if (same_port.size() == 1) return same_port.front();
  return base::invalid("there is no listener '" + text + "'",
                       (same_port.empty() ? "known: " : "several have the port: ") +
                           base::join(same_port.empty() ? known : same_port, ", "));
}

Result<> Proxy::normalise(RouteKey& key) const {
  MCP_TRY(key.listener, listener_named(key.listener));
  MCP_TRY(key.hostname, normal_hostname(key.hostname));
  return {};
}

// All but the address of a backend that has a name. `known`: the route as it is now; its
// certificate is taken when its files have not changed.
Result<Proxy::Entry> Proxy::prepare(Route route, const Entry* known) const {
  MCP_CHECK(check(route));
  MCP_CHECK(normalise(route.key));
  Entry entry;
  MCP_TRY(const HostPort backend, parse_backend(route.backend));
  if (is_numeric(backend.host)) {
    MCP_TRY(entry.address, resolve(backend.host));
  }
  entry.port = backend.port;
  if (route.mode == Mode::kL7) {
    entry.stamp = stamp_of(route);  // before it is read: a change in between is seen later
    if (known && known->certificate && known->problem.empty() && known->stamp == entry.stamp &&
        wall_clock() < known->certificate->not_after) {
      entry.certificate = known->certificate;
    } else {
      MCP_TRY(entry.certificate, certificate_for(route));
    }
  }
  entry.route = std::move(route);
  return entry;
}

Result<> Proxy::apply(const std::string& owner, std::vector<Route> upserts,
                      std::vector<RouteKey> removes) {
  std::vector<Entry> fresh;
  std::map<std::string, std::string> addresses;  // each host is asked for once
  for (Route& route : upserts) {
    const std::string what = "route " + title(route.key);
    route.owner = owner;
    if (const auto named = normalise(route.key); !named) return named.error().within(what);
    std::optional<Entry> known;
    {
      const std::scoped_lock lock(mutex_);
      if (const auto found = entries_.find(route.key); found != entries_.end())
        known = found->second;
    }
    Result<Entry> entry = prepare(std::move(route), known ? &*known : nullptr);
    if (!entry) return entry.error().within(what);
    if (entry->address.empty()) {
      std::string& address = addresses[parse_backend(entry->route.backend)->host];
      if (address.empty()) {
        // Without the lock: a resolver can take its time.
        auto found = resolve(parse_backend(entry->route.backend)->host);
        if (!found) return found.error().within(what);
        address = std::move(*found);
      }
      entry->address = address;
    }
    fresh.push_back(std::move(*entry));
  }
  const std::scoped_lock lock(mutex_);
  MCP_TRY(Delta delta, delta_of(owner, std::move(fresh), std::move(removes)));
  bool changed = false;
  for (const auto& [key, entry] : delta) {
    const auto old = entries_.find(key);
    if (old == entries_.end())
      changed |= entry.has_value();
    else
      changed |= !entry || old->second.route != entry->route || !problem_of(old->second).empty();
  }
  MCP_CHECK(change(delta));
  if (changed) changes_.count();
  for (const auto& [key, entry] : delta)
    if (entry)
      base::log::info("route set", {{"route", title(key)},
                                    {"backend", entry->route.backend},
                                    {"hold", std::to_string(entry->route.hold.count())},
                                    {"owner", owner}});
    else
      base::log::info("route removed", {{"route", title(key)}, {"owner", owner}});
  return {};
}

Result<Proxy::Delta> Proxy::delta_of(const std::string& owner, std::vector<Entry> upserts,
                                     std::vector<RouteKey> removes) const {
  const auto free_for = [&](const RouteKey& key) -> Result<> {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.route.owner == owner) return {};
    return base::make_error(
        base::Code::kConflict,
        "route " + title(key) + " belongs to " + found->second.route.owner + ", not to " + owner,
        "let its owner remove it first");
  };
  Delta delta;
  for (RouteKey& key : removes) {
    if (!entries_.contains(key))
      MCP_CHECK(normalise(key));  // else its listener may be one of before
    MCP_CHECK(free_for(key));
    delta[key] = std::nullopt;
  }
  for (Entry& entry : upserts) {
    const RouteKey key = entry.route.key;
    MCP_CHECK(free_for(key));
    const auto old = entries_.find(key);
    if (old != entries_.end() && old->second.address == entry.address &&
        old->second.port == entry.port)
      entry.health = old->second.health;
    if (entry.certificate && !entry.certificate->pem) {
      // Taken from the route as it was: it may be another by now.
      if (old != entries_.end() && old->second.certificate) {
        entry.certificate = old->second.certificate;
        entry.stamp = old->second.stamp;
      } else {
        MCP_TRY(entry.certificate, certificate_for(entry.route));
      }
    }
    delta[key] = std::move(entry);
  }
  return delta;
}

Result<> Proxy::change(const Delta& delta) {
  std::vector<StoredRoute> rows;
  std::vector<RouteKey> removes;
  for (const auto& [key, entry] : delta) {
    if (!entry) {
      removes.push_back(key);
      continue;
    }
    StoredRoute& row = rows.emplace_back(StoredRoute{entry->route, "", entry->address});
    if (!entry->certificate) continue;
    row.pem.reset();
    if (entry->certificate->pem) row.pem = *entry->certificate->pem;
  }
  bool touched = false;
  const auto done = table_.change(rows, removes, [&]() -> Result<> {
    MCP_CHECK(engine_.change(engine_change(delta)));
    touched = true;
    return {};
  });
  if (!done) {
    if (touched) go_back(delta);
    return done;
  }
  for (const auto& [key, entry] : delta) {
    if (!entry) {
      entries_.erase(key);
      continue;
    }
    Entry& now = entries_[key] = *entry;
    if (now.certificate) now.certificate->pem.reset();
  }
  return {};
}

// The table could not be written: HAProxy does what it did before.
void Proxy::go_back(const Delta& delta) {
  Delta former;
  for (const auto& [key, entry] : delta) {
    const auto old = entries_.find(key);
    former[key] = old == entries_.end() ? std::nullopt : std::optional(old->second);
  }
  if (const auto back = engine_.change(engine_change(former)); !back)
    base::log::error("cannot go back to the former routes: " + back.error().text());
}

}  // namespace mc_proxy
