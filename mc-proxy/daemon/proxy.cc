#include "mc-proxy/daemon/proxy.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/core/text.h"
#include "base/log/log.h"
#include "mc-proxy/daemon/network.h"

namespace mc_proxy {
namespace {

using base::Result;
using base::TimePoint;
using Clock = std::chrono::steady_clock;

TimePoint wall_clock() {
  return std::chrono::time_point_cast<base::Millis>(std::chrono::system_clock::now());
}

std::string title(const RouteKey& key) {
  return key.listener + "/" + key.hostname;
}

}  // namespace

std::string_view name(Health health) {
  return health == Health::kUp ? "up" : health == Health::kDown ? "down" : "unknown";
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

Result<> Proxy::load() {
  const std::scoped_lock lock(mutex_);
  std::vector<StoredRoute> renewed;
  MCP_CHECK(table_.load([&](const StoredRoute& stored) {
    Entry entry = entry_of(stored);
    if (entry.certificate && *entry.certificate->pem == stored.pem)
      entry.certificate->pem.reset();
    else if (entry.certificate)
      renewed.push_back({stored.route, *entry.certificate->pem});
    entries_[stored.route.key] = std::move(entry);
  }));
  if (const auto kept = table_.change(renewed, {}, [] { return Result<>(); }); !kept)
    base::log::warning("cannot keep new certificates: " + kept.error().text());
  if (engine_.adopt()) base::log::info("HAProxy runs already: it goes on");
  run_engine();
  return {};
}

// A route of former days: its file may have changed for the worse since.
Proxy::Entry Proxy::entry_of(const StoredRoute& stored) const {
  const Route& route = stored.route;
  Entry known{route};
  if (route.mode == Mode::kL7) {
    const auto kept = check_certificate(*stored.pem, "kept from before", route.key.hostname,
                                        config_.roots, wall_clock());
    if (kept) known.certificate = *kept;
    known.stamp = stamp_of(route);
  }
  // What the development CA has issued is good while it lasts; a file is read again.
  std::error_code ignored;
  const bool issued = dev_ca_ && !std::filesystem::exists(files_of(route).cert, ignored);
  Result<Entry> fresh = prepare(route, issued ? &known : nullptr);
  if (fresh) return std::move(*fresh);
  known.problem = fresh.error().text();
  if (const auto backend = parse_backend(route.backend)) {
    known.address = resolve(backend->host).value_or("");
    known.port = backend->port;
  }
  base::log::warning(known.problem, {{"route", title(route.key)}});
  return known;
}

// For a HAProxy that has lost a certificate's file.
Result<std::string> Proxy::recall(const EngineKey& key) {
  for (const Listener& listener : config_.listeners) {
    if (engine_name(listener.address) != key.listener) continue;
    const RouteKey route{listener.address, key.hostname};
    const auto found = entries_.find(route);
    if (found != entries_.end() && found->second.certificate && found->second.certificate->pem)
      return *found->second.certificate->pem;
    return table_.pem(route);
  }
  return base::not_found("there is no listener " + key.listener);
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

CertificateFiles Proxy::files_of(const Route& route) const {
  const auto path = [&](const std::string& file) {
    return file.empty() || file[0] == '/' ? file : config_.cert_dir + "/" + file;
  };
  return {path(route.tls_cert), path(route.tls_key)};
}

Result<Certificate> Proxy::certificate_for(const Route& route) const {
  const CertificateFiles files = files_of(route);
  const std::string& host = route.key.hostname;
  std::error_code ignored;
  if (!files.cert.empty() && (!dev_ca_ || std::filesystem::exists(files.cert, ignored)))
    return load_certificate(files, host, config_.roots, wall_clock());
  if (dev_ca_) {
    MCP_TRY(const std::string pem, dev_ca_->issue(host, wall_clock()));
    return check_certificate(pem, "of the development CA", host, config_.roots, wall_clock());
  }
  return base::invalid("an l7 route has a certificate, and tlsCert is empty",
                       "name its file, such as <service>.pem below " + config_.cert_dir);
}

std::string Proxy::stamp_of(const Route& route) const {
  std::string stamp;
  const CertificateFiles files = files_of(route);
  if (files.cert.empty()) return stamp;
  for (const std::string& file : {files.cert, key_file(files)}) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) info = {};
    stamp += file + " " + std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
             std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) +
             "\n";
  }
  return stamp;
}

Result<> Proxy::normalise(RouteKey& key) const {
  MCP_TRY(key.listener, listener_named(key.listener));
  MCP_TRY(key.hostname, normal_hostname(key.hostname));
  return {};
}

// `known`: the route as it is now; its certificate is taken when its files have not changed.
Result<Proxy::Entry> Proxy::prepare(Route route, const Entry* known) const {
  MCP_CHECK(check(route));
  MCP_CHECK(normalise(route.key));
  Entry entry;
  MCP_TRY(const HostPort backend, parse_backend(route.backend));
  MCP_TRY(entry.address, resolve(backend.host));
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

bool Proxy::served(const Entry& entry) const {
  const std::string& listener = entry.route.key.listener;
  return !entry.address.empty() && !blocked_.contains(listener) &&
         std::any_of(config_.listeners.begin(), config_.listeners.end(),
                     [&](const Listener& one) { return one.address == listener; }) &&
         (entry.route.mode == Mode::kL4 || entry.certificate);
}

std::optional<EngineRoute> Proxy::engine_route(const Entry& entry) const {
  if (!served(entry)) return std::nullopt;
  const Route& route = entry.route;
  const bool l4 = route.mode == Mode::kL4;
  const std::string leads = std::string(l4 ? name(Mode::kL4) : name(route.protocol)) +
                            (route.send_proxy_protocol ? "p/" : "/") + entry.address + "/" +
                            std::to_string(entry.port) + "/";
  const std::string holds =
      std::string(name(route.mode)) + "hold/" + std::to_string(route.hold.count()) + "/-/";
  EngineRoute out;
  out.value =
      (route.hold.count() > 0 ? holds : leads) + (l4 ? "-" : entry.certificate->fingerprint);
  if (l4) return out;
  out.pem = entry.certificate->pem;
  out.certificate = engine_.certificate_file(route.key.hostname, entry.certificate->fingerprint);
  return out;
}

EngineState Proxy::whole_state() const {
  EngineState state;
  for (const Listener& listener : config_.listeners)
    if (!blocked_.contains(listener.address))
      state.listeners.push_back(
          {engine_name(listener.address), bind_address(listener), listener.proxy_protocol, false});
  for (const auto& [key, entry] : entries_)
    if (auto route = engine_route(entry))
      state.routes[engine_name(key.listener)][key.hostname] = std::move(*route);
  return state;
}

EngineChange Proxy::engine_change(const Delta& delta) const {
  EngineChange change;
  for (const auto& [key, entry] : delta)
    change[{engine_name(key.listener), key.hostname}] = entry ? engine_route(*entry) : std::nullopt;
  return change;
}

Result<> Proxy::apply(const std::string& owner, std::vector<Route> upserts,
                      std::vector<RouteKey> removes) {
  std::vector<Entry> fresh;
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
    // Without the lock: it may ask a resolver.
    Result<Entry> entry = prepare(std::move(route), known ? &*known : nullptr);
    if (!entry) return entry.error().within(what);
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
      changed |= !entry || old->second.route != entry->route || !old->second.problem.empty();
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
    StoredRoute& row = rows.emplace_back(StoredRoute{entry->route, ""});
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
