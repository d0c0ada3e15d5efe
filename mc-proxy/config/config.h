#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "base/log/log.h"
#include "base/toml/position.h"

// The proxy's configuration: a TOML file. docs/mc-proxy.md describes every key.
namespace mc_proxy {

struct Listener {
  std::string address;          // ":443", "192.0.2.1:443", "[2001:db8::1]:443"; its name as well
  bool proxy_protocol = false;  // every connection starts with a PROXY header, v1 or v2
  uint16_t port() const;
};

struct Config {
  std::vector<Listener> listeners;
  std::string socket = "/srv/mc-proxy/mc-proxy.sock";
  std::string group;    // of the socket file; empty: as it is made
  std::string metrics;  // "127.0.0.1:9465", without TLS or login; empty: the socket alone has them
  std::string database = "/srv/mc-proxy/mc-proxy.db";
  std::string cert_dir = "/srv/mc-proxy/certs";
  std::string roots;   // PEM file of roots beside the system's; may be empty
  std::string dev_ca;  // folder of a development CA; empty: none
  std::string haproxy = "haproxy";
  int max_connections = 0;  // 0: as many as the file limit allows
  base::log::Level log_level = base::log::Level::kInfo;
  base::log::Format log_format = base::log::Format::kText;

  // Folder of what HAProxy reads and of its sockets: beside the database.
  std::string engine_dir() const;
};

struct LoadedConfig {
  Config config;
  std::vector<base::Diagnostic> problems;  // not empty: do not start
};

// `file` is the name that diagnostics carry.
LoadedConfig parse_config(std::string_view text, const std::string& file);
// The error is that the file cannot be read.
base::Result<LoadedConfig> load_config(const std::string& path);

}  // namespace mc_proxy
