#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "base/core/text.h"
#include "base/log/log.h"
#include "mc-proxy/engine/engine.h"
#include "mc-proxy/engine/files.h"
#include "mc-proxy/engine/hold.h"

// What a start or a reload takes: HAProxy's files, from the state.
namespace mc_proxy {
namespace {

namespace fs = std::filesystem;
using base::Result;

// The description of a configuration: its hash, and a number that no other start or reload has.
std::string new_description(const std::string& hash) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return "mc-proxy " + hash + " " +
         std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

std::string Engine::hash() const {
  return base::sha256_hex(
             haproxy_config(files_, state_.listeners, options_.max_connections, can_hold(), "") +
             hold_script(files_, state_.listeners))
      .substr(0, 16);
}

// The worker that answers is known by it. A start may have that of before, for no worker of before
// is left: then there is nothing to write, and a full disk is no obstacle.
std::string Engine::description_for(bool running) const {
  const std::string fresh = new_description(hash());
  if (running) return fresh;
  const std::string config = read_file(files_.config()).value_or("");
  const size_t at = config.find("mc-proxy " + hash() + " ");
  return at == std::string::npos ? fresh : config.substr(at, config.find('"', at) - at);
}

Result<> Engine::restructure(bool running) {
  const std::string description = description_for(running);
  // What a former process wrote may have been lost with the machine's power.
  MCP_CHECK(write_files(description, !running && !trusted_));
  const auto done = running ? haproxy_.reload(description) : haproxy_.start(description);
  if (!done) {
    known_ = false;
    base::Error error = done.error();
    // No program to run is no missing route.
    if (error.code == base::Code::kNotFound) error.code = base::Code::kUnavailable;
    return error;
  }
  ++reloads_;
  former_ = running;
  trusted_ = true;
  running_ = state_.listeners;
  remove_unused_files();
  return {};
}

Result<> Engine::write_files(const std::string& description, bool fresh) {
  std::error_code error;
  fs::create_directories(files_.certificates(), error);
  if (error)
    return base::make_error(base::Code::kDenied, "cannot make the folder " + files_.certificates() +
                                                     ": " + error.message());
  ::chmod(files_.folder.c_str(), 0700);
  MCP_CHECK(write_routes(fresh));
  MCP_CHECK(write_file(files_.script(), hold_script(files_, state_.listeners)));
  return write_file(
      files_.config(),
      haproxy_config(files_, state_.listeners, options_.max_connections, can_hold(), description));
}

Result<> Engine::save() {
  if (!behind_ || !known_) return {};
  return write_routes(false);
}

// The certificates, and for each listener its map and the list of its certificates.
Result<> Engine::write_routes(bool fresh) {
  std::error_code error;
  for (const EngineListener& listener : state_.listeners) {
    std::string map;
    std::string list;
    for (const auto& [host, route] : state_.routes[listener.name]) {
      map += host + " " + route.value + "\n";
      if (route.certificate.empty()) continue;
      if (route.pem || fresh || !fs::exists(route.certificate, error)) {
        const EngineKey key{listener.name, host};
        const auto pem = !route.pem && options_.recall ? options_.recall(key) : pem_of(key, route);
        if (pem) {
          MCP_CHECK(write_file(route.certificate, *pem));
        } else if (!fs::exists(route.certificate, error)) {
          // HAProxy would refuse the whole for it.
          base::log::error("no certificate for " + host + ": " + pem.error().text());
          continue;
        }
      }
      list += route.certificate + " " + host + "\n";
    }
    MCP_CHECK(write_file(files_.map(listener.name), map));
    MCP_CHECK(write_file(files_.list(listener.name), list));
  }
  behind_ = false;
  return {};
}

void Engine::remove_unused_files() {
  std::set<std::string> used;
  for (const auto& [listener, routes] : state_.routes)
    for (const auto& [host, route] : routes) used.insert(route.certificate);
  unused_.clear();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(files_.certificates(), ignored))
    if (!used.contains(entry.path().string())) fs::remove(entry.path(), ignored);
}

}  // namespace mc_proxy
