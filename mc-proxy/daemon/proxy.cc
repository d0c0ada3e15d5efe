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

StoredRoute stored(const Route& route, const std::optional<Certificate>& certificate) {
  return {route, certificate ? *certificate->pem : ""};
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
      engine_({config_.haproxy, config_.engine_dir(), config_.max_connections}) {}

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
  MCP_TRY(const std::vector<StoredRoute> all, table_.load());
  for (const StoredRoute& stored : all) {
    Entry entry;
    entry.route = stored.route;
    take_stored(entry, stored);
    entries_[stored.route.key] = std::move(entry);
  }
  if (engine_.adopt()) base::log::info("HAProxy runs already: it goes on");
  run_engine();
  return {};
}

// A route of former days: its file may have changed for the worse since.
void Proxy::take_stored(Entry& entry, const StoredRoute& stored) const {
  Result<Entry> fresh = prepare(stored.route);
  if (fresh) {
    entry = std::move(*fresh);
    return;
  }
  entry.problem = fresh.error().text();
  if (const auto backend = parse_backend(entry.route.backend))
    entry.address = resolve(backend->host).value_or("");
  if (entry.route.mode == Mode::kL7) {
    const auto kept = check_certificate(stored.pem, "kept from before", entry.route.key.hostname,
                                        config_.roots, wall_clock());
    if (kept) entry.certificate = *kept;
    entry.stamp = stamp_of(entry.route);
  }
  base::log::warning(entry.problem, {{"route", title(entry.route.key)}});
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

Result<Proxy::Entry> Proxy::prepare(Route route) const {
  MCP_CHECK(check(route));
  MCP_TRY(route.key.listener, listener_named(route.key.listener));
  MCP_TRY(route.key.hostname, normal_hostname(route.key.hostname));
  Entry entry;
  MCP_TRY(const HostPort backend, parse_backend(route.backend));
  MCP_TRY(entry.address, resolve(backend.host));
  if (route.mode == Mode::kL7) {
    entry.stamp = stamp_of(route);  // before it is read: a change in between is seen later
    MCP_TRY(entry.certificate, certificate_for(route));
  }
  entry.route = std::move(route);
  return entry;
}

bool Proxy::served(const Entry& entry) const {
  return !entry.address.empty() && !blocked_.contains(entry.route.key.listener) &&
         (entry.route.mode == Mode::kL4 || entry.certificate);
}

EngineState Proxy::state_of(const Entries& entries) const {
  EngineState state;
  for (const Listener& listener : config_.listeners)
    if (!blocked_.contains(listener.address))
      state.listeners.push_back(
          {engine_name(listener.address), bind_address(listener), listener.proxy_protocol, false});
  for (const auto& [key, entry] : entries) {
    if (!served(entry)) continue;
    const std::string listener = engine_name(key.listener);
    const auto found = std::find_if(state.listeners.begin(), state.listeners.end(),
                                    [&](const auto& one) { return one.name == listener; });
    if (found == state.listeners.end()) continue;  // the configuration has lost it
    const Route& route = entry.route;
    const bool l4 = route.mode == Mode::kL4;
    found->passthrough |= l4;
    EngineRoute& target = state.routes[listener][key.hostname];
    const auto backend = parse_backend(route.backend);
    const std::string leads = std::string(l4 ? name(Mode::kL4) : name(route.protocol)) +
                              (route.send_proxy_protocol ? "p/" : "/") + entry.address + "/" +
                              std::to_string(backend ? backend->port : 0) + "/";
    const std::string holds =
        std::string(name(route.mode)) + "hold/" + std::to_string(route.hold.count()) + "/-/";
    target.value =
        (route.hold.count() > 0 ? holds : leads) + (l4 ? "-" : entry.certificate->fingerprint);
    if (l4) continue;
    target.pem = entry.certificate->pem;
    target.certificate = engine_.certificate_file(key.hostname, entry.certificate->fingerprint);
  }
  return state;
}

Result<> Proxy::apply(const std::string& owner, std::vector<Route> upserts,
                      std::vector<RouteKey> removes) {
  std::vector<Entry> fresh;
  for (Route& route : upserts) {
    const std::string what = "route " + title(route.key);
    route.owner = owner;
    Result<Entry> entry = prepare(std::move(route));  // without the lock: it may ask a resolver
    if (!entry) return entry.error().within(what);
    fresh.push_back(std::move(*entry));
  }
  for (RouteKey& key : removes) {
    MCP_TRY(key.listener, listener_named(key.listener));
    MCP_TRY(key.hostname, normal_hostname(key.hostname));
  }
  const std::scoped_lock lock(mutex_);
  const auto free_for = [&](const RouteKey& key) -> Result<> {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.route.owner == owner) return {};
    return base::make_error(
        base::Code::kConflict,
        "route " + title(key) + " belongs to " + found->second.route.owner + ", not to " + owner,
        "let its owner remove it first");
  };
  Entries next = entries_;
  std::vector<RouteKey> keys;
  bool changed = false;
  for (const RouteKey& key : removes) {
    MCP_CHECK(free_for(key));
    changed |= next.erase(key) > 0;
  }
  for (Entry& entry : fresh) {
    const RouteKey key = entry.route.key;
    MCP_CHECK(free_for(key));
    if (const auto old = entries_.find(key);
        old != entries_.end() && old->second.certificate && dev_ca_ && entry.certificate &&
        old->second.stamp == entry.stamp && old->second.route.mode == Mode::kL7)
      entry.certificate = old->second.certificate;  // the same files: no new one is issued
    const auto old = entries_.find(key);
    changed |= old == entries_.end() || old->second.route != entry.route ||
               old->second.problem != entry.problem;
    if (old != entries_.end() && old->second.route.backend == entry.route.backend &&
        old->second.address == entry.address)
      entry.health = old->second.health;
    keys.push_back(key);
    next[key] = std::move(entry);
  }
  MCP_CHECK(change(std::move(next), keys, removes));
  if (changed) changes_.count();
  for (const RouteKey& key : keys)
    base::log::info(
        "route set",
        {{"route", title(key)}, {"backend", entries_[key].route.backend}, {"owner", owner}});
  for (const RouteKey& key : removes)
    base::log::info("route removed", {{"route", title(key)}, {"owner", owner}});
  return {};
}

Result<> Proxy::change(Entries next, const std::vector<RouteKey>& upserts,
                       const std::vector<RouteKey>& removes) {
  std::vector<StoredRoute> rows;
  for (const RouteKey& key : upserts)
    rows.push_back(stored(next[key].route, next[key].certificate));
  bool touched = false;
  const auto done = table_.change(rows, removes, [&]() -> Result<> {
    touched = true;
    return engine_.apply(state_of(next));
  });
  if (done) {
    entries_ = std::move(next);
    return {};
  }
  if (touched)
    if (const auto back = engine_.apply(state_of(entries_)); !back)
      base::log::error("cannot go back to the former routes: " + back.error().text());
  return done;
}

}  // namespace mc_proxy
