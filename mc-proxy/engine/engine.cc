#include "mc-proxy/engine/engine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/core/text.h"
#include "mc-proxy/engine/hold.h"

namespace mc_proxy {
namespace {

namespace fs = std::filesystem;
using base::Result;

const EngineRoutes& routes_of(const EngineState& state, const std::string& listener) {
  static const EngineRoutes kNone;
  const auto found = state.routes.find(listener);
  return found == state.routes.end() ? kNone : found->second;
}

std::set<std::string> certificates_of(const EngineState& state) {
  std::set<std::string> files;
  for (const auto& [listener, routes] : state.routes)
    for (const auto& [host, route] : routes)
      if (!route.certificate.empty()) files.insert(route.certificate);
  return files;
}

// One that the runtime API would drop for its size goes by its file, with a reload.
bool too_large(const EngineState& wanted, const std::set<std::string>& known) {
  for (const auto& [listener, routes] : wanted.routes)
    for (const auto& [host, route] : routes)
      if (route.pem && route.pem->size() > kMaxPayload && !known.contains(route.certificate))
        return true;
  return false;
}

Result<> write_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool fine = fd >= 0;
  for (size_t at = 0; fine && at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    fine = n > 0;
    if (fine) at += static_cast<size_t>(n);
  }
  if (fd >= 0) fine = ::close(fd) == 0 && fine;
  if (fine && ::rename(fresh.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(fresh.c_str());
  return base::make_error(error == ENOSPC ? base::Code::kExhausted : base::Code::kDenied,
                          "cannot write " + path + ": " + std::strerror(error));
}

// The description of a configuration: its hash, and a number that no other start or reload has.
std::string hash_of(const EngineFiles& files, const std::vector<EngineListener>& listeners,
                    int max_connections, bool lua) {
  return base::sha256_hex(haproxy_config(files, listeners, max_connections, lua, "") +
                          hold_script(files, listeners))
      .substr(0, 16);
}

std::string new_description(const std::string& hash) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return "mc-proxy " + hash + " " +
         std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
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
  if (!applied_) {
    // Adopted: what its configuration binds.
    std::ifstream in(files_.config());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    return text.find("\n  bind " + listener.bind + "\n") != std::string::npos ||
           text.find("\n  bind " + listener.bind + " ") != std::string::npos;
  }
  return std::any_of(applied_->listeners.begin(), applied_->listeners.end(),
                     [&](const EngineListener& one) { return one.bind == listener.bind; });
}

Result<std::map<std::string, RouteCount>> Engine::counts(const std::string& listener) const {
  return runtime_.counts(listener);
}

Result<> Engine::learn() {
  EngineState state;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(files_.folder, ignored)) {
    if (entry.path().extension() != ".map") continue;
    const std::string name = entry.path().stem().string();
    const auto routes = runtime_.read(name);
    if (routes) state.routes[name] = *routes;
  }
  applied_ = std::move(state);
  return {};
}

Result<> Engine::apply(const EngineState& wanted) {
  if (!lua_) lua_ = haproxy_.has_lua();
  if (!alive()) {
    applied_.reset();
    return restructure(wanted, adopt());
  }
  if (!applied_) {
    MCP_CHECK(learn());
    MCP_TRY(const std::string described, runtime_.description());
    const std::string hash =
        hash_of(files_, wanted.listeners, options_.max_connections, can_hold());
    if (!described.starts_with("mc-proxy " + hash + " ")) return restructure(wanted, true);
    applied_->listeners = wanted.listeners;
  }
  if (applied_->listeners != wanted.listeners || too_large(wanted, certificates_of(*applied_)))
    return restructure(wanted, true);
  if (const auto done = adjust(wanted); !done) {
    applied_.reset();  // half of it may be there; a new worker has the whole
    return alive() ? restructure(wanted, true) : done;
  }
  tell_former(*applied_, wanted);
  applied_ = wanted;
  return {};
}

Result<> Engine::restructure(const EngineState& wanted, bool running) {
  const std::string description =
      new_description(hash_of(files_, wanted.listeners, options_.max_connections, can_hold()));
  MCP_CHECK(write_files(wanted, description));
  const auto done = running ? haproxy_.reload(description) : haproxy_.start(description);
  if (!done) {
    applied_.reset();
    base::Error error = done.error();
    // No program to run is no missing route.
    if (error.code == base::Code::kNotFound) error.code = base::Code::kUnavailable;
    return error;
  }
  ++reloads_;
  former_ = running;
  tell_former(applied_.value_or(EngineState()), wanted);
  applied_ = wanted;
  const std::set<std::string> used = certificates_of(wanted);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(files_.certificates(), ignored))
    if (!used.contains(entry.path().string())) fs::remove(entry.path(), ignored);
  return {};
}

Result<> Engine::write_files(const EngineState& wanted, const std::string& description) const {
  std::error_code error;
  fs::create_directories(files_.certificates(), error);
  if (error)
    return base::make_error(base::Code::kDenied, "cannot make the folder " + files_.certificates() +
                                                     ": " + error.message());
  ::chmod(files_.folder.c_str(), 0700);
  for (const EngineListener& listener : wanted.listeners) {
    std::string map;
    std::string list;
    for (const auto& [host, route] : routes_of(wanted, listener.name)) {
      map += host + " " + route.value + "\n";
      if (route.certificate.empty()) continue;
      list += route.certificate + " " + host + "\n";
      MCP_CHECK(write_file(route.certificate, *route.pem));
    }
    MCP_CHECK(write_file(files_.map(listener.name), map));
    MCP_CHECK(write_file(files_.list(listener.name), list));
  }
  MCP_CHECK(write_file(files_.script(), hold_script(files_, wanted.listeners)));
  return write_file(
      files_.config(),
      haproxy_config(files_, wanted.listeners, options_.max_connections, can_hold(), description));
}

// A name has its certificate before a request can come for it, and loses it after the last.
Result<> Engine::adjust(const EngineState& wanted) {
  MCP_CHECK(add_certificates(wanted));
  for (const EngineListener& listener : wanted.listeners)
    MCP_CHECK(change_map(listener.name, routes_of(*applied_, listener.name),
                         routes_of(wanted, listener.name)));
  return drop_certificates(wanted);
}

Result<> Engine::add_certificates(const EngineState& wanted) {
  std::set<std::string> known = certificates_of(*applied_);
  for (const EngineListener& listener : wanted.listeners) {
    const EngineRoutes& before = routes_of(*applied_, listener.name);
    for (const auto& [host, route] : routes_of(wanted, listener.name)) {
      if (route.certificate.empty()) continue;
      const auto old = before.find(host);
      if (old != before.end() && old->second.certificate == route.certificate) continue;
      if (known.insert(route.certificate).second)
        MCP_CHECK(runtime_.add_certificate(route.certificate, *route.pem));
      MCP_CHECK(runtime_.show_for(listener.name, host, route.certificate));
    }
  }
  return {};
}

Result<> Engine::change_map(const std::string& listener, const EngineRoutes& before,
                            const EngineRoutes& after) {
  std::vector<std::string> changed;
  for (const auto& [host, route] : after) {
    const auto old = before.find(host);
    if (old == before.end() || old->second.value != route.value) changed.push_back(host);
  }
  for (const auto& [host, route] : before)
    if (!after.contains(host) && !route.value.empty()) changed.push_back(host);
  if (changed.empty()) return {};
  if (changed.size() > 1) return runtime_.replace(listener, after);
  const std::string& host = changed.front();
  const auto now = after.find(host);
  if (now == after.end()) return runtime_.erase(listener, host);
  const auto old = before.find(host);
  return runtime_.set(listener, host, now->second.value,
                      old == before.end() || old->second.value.empty());
}

Result<> Engine::drop_certificates(const EngineState& wanted) {
  const std::set<std::string> used = certificates_of(wanted);
  std::set<std::string> unused;
  for (const EngineListener& listener : wanted.listeners) {
    const EngineRoutes& after = routes_of(wanted, listener.name);
    for (const auto& [host, route] : routes_of(*applied_, listener.name)) {
      if (route.certificate.empty()) continue;
      const auto now = after.find(host);
      if (now != after.end() && now->second.certificate == route.certificate) continue;
      MCP_CHECK(runtime_.hide(listener.name, route.certificate));
      if (!used.contains(route.certificate)) unused.insert(route.certificate);
    }
  }
  for (const std::string& file : unused) MCP_CHECK(runtime_.drop_certificate(file));
  return {};
}

// A connection from before a reload can still bring requests, and some may be waiting there.
void Engine::tell_former(const EngineState& before, const EngineState& after) {
  if (!former_) return;
  const auto workers = haproxy_.former_workers();
  if (!workers) return;
  former_ = !workers->empty();
  for (const EngineListener& listener : after.listeners) {
    const EngineRoutes& old = routes_of(before, listener.name);
    const EngineRoutes& now = routes_of(after, listener.name);
    for (const pid_t worker : *workers) {
      for (const auto& [host, route] : now)
        if (const auto was = old.find(host); was == old.end() || was->second.value != route.value)
          runtime_.set_former(worker, listener.name, host, route.value);
      for (const auto& [host, route] : old)
        if (!now.contains(host)) runtime_.set_former(worker, listener.name, host, "");
    }
  }
}

}  // namespace mc_proxy
