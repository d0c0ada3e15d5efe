#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/log/log.h"
#include "mc-proxy/daemon/network.h"
#include "mc-proxy/daemon/proxy.h"

// Between the table, the files of certificates and HAProxy: what a route is made of.
namespace mc_proxy {
namespace {

using base::Result;

}  // namespace

Result<> Proxy::load() {
  const std::scoped_lock lock(mutex_);
  MCP_CHECK(table_.load([&](const StoredRoute& stored) {
    Entry entry = entry_of(stored);
    if (entry.certificate && *entry.certificate->pem == stored.pem) entry.certificate->pem.reset();
    entries_[stored.route.key] = std::move(entry);
  }));
  if (engine_.adopt()) base::log::info("HAProxy runs already: it goes on");
  run_engine();
  ::malloc_trim(0);  // all certificates have been read
  return {};
}

// A route of former days: its file may have changed for the worse since.
Proxy::Entry Proxy::entry_of(const StoredRoute& stored) const {
  const Route& route = stored.route;
  Entry known{route};
  if (route.mode == Mode::kL7) {
    const auto kept =
        check_certificate(*stored.pem, "kept from before", route.key.hostname, wall_clock());
    if (kept) known.certificate = *kept;
    known.stamp = stamp_of(route);
  }
  // What the development CA has issued is good while it lasts; a file is read again.
  std::error_code ignored;
  const bool issued = dev_ca_ && !std::filesystem::exists(files_of(route).cert, ignored);
  Result<Entry> fresh = prepare(route, issued ? &known : nullptr);
  if (!fresh) {
    known.problem = fresh.error().text();
    base::log::warning(known.problem, {{"route", title(route.key)}});
    if (const auto backend = parse_backend(route.backend)) {
      known.port = backend->port;
      if (is_numeric(backend->host)) known.address = resolve(backend->host).value_or("");
    }
  }
  Entry entry = fresh ? std::move(*fresh) : std::move(known);
  // The resolver is asked later: it may be gone, and the address of before serves.
  if (entry.address.empty()) entry.address = stored.address;
  if (entry.address.empty())
    entry.name_problem = "the address of " + route.backend + " is asked for";
  return entry;
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
    return check_certificate(pem, "of the development CA", host, wall_clock());
  }
  return base::invalid("an l7 route has a certificate, and tlsCert is empty",
                       "name its file, such as <service>.pem below " + config_.cert_dir);
}

// What errors call the certificate.
std::string Proxy::origin_of(const Route& route) const {
  const std::string file = files_of(route).cert;
  return "certificate " + (file.empty() ? "of the development CA" : file);
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

const std::string& Proxy::problem_of(const Entry& entry) {
  return entry.problem.empty() ? entry.name_problem : entry.problem;
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

}  // namespace mc_proxy
