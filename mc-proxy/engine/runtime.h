#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "mc-proxy/engine/layout.h"

// HAProxy's runtime API (https://docs.haproxy.org/2.6/management.html#9.3).
namespace mc_proxy {

// One command, and all that is answered. kUnavailable: nobody answers there.
base::Result<std::string> ask(const std::string& socket, const std::string& command);

struct RouteCount {
  int64_t open = 0;      // requests and tunnels (L7), connections (L4) under way
  int64_t requests = 0;  // L4: connections
  int64_t failed = 0;    // answers with 5xx
  int64_t waiting = 0;   // for a route that is held
  int64_t held = 0;      // had to wait
};

// What a payload may have: HAProxy drops one that exceeds its buffer of 16 KiB without a word.
inline constexpr size_t kMaxPayload = 12 * 1024;

class Runtime {
 public:
  explicit Runtime(EngineFiles files) : files_(std::move(files)) {}

  // The global section's description of the worker that answers.
  base::Result<std::string> description() const;
  // Routes as HAProxy holds them, without the content of certificates.
  base::Result<EngineRoutes> read(const std::string& listener) const;

  base::Result<> add_certificate(const std::string& file, const std::string& pem) const;
  // Success when it was not there.
  base::Result<> drop_certificate(const std::string& file) const;
  base::Result<> show_for(const std::string& listener, const std::string& hostname,
                          const std::string& file) const;
  base::Result<> hide(const std::string& listener, const std::string& file) const;

  base::Result<> set(const std::string& listener, const std::string& hostname,
                     const std::string& value, bool is_new) const;
  base::Result<> erase(const std::string& listener, const std::string& hostname) const;
  // The whole map at once: a request sees the old one or the new one.
  base::Result<> replace(const std::string& listener, const EngineRoutes& routes) const;

  // The same in a worker of before a reload, which may have ended. No value: erases.
  void set_former(int pid, const std::string& listener, const std::string& hostname,
                  const std::string& value) const;

  // By "hostname/value"; by "hostname/held" those that waited or were refused for a hold.
  base::Result<std::map<std::string, RouteCount>> counts(const std::string& listener) const;

 private:
  base::Result<std::string> worker(const std::string& command) const;
  // The answer holds `sign`, else it is the reason of an error.
  base::Result<> expect(const std::string& command, std::string_view sign,
                        const std::string& what) const;
  base::Result<> silent(const std::string& command, const std::string& what) const;
  base::Result<> fill(const std::string& map, const std::string& version,
                      const EngineRoutes& routes) const;
  EngineFiles files_;
};

}  // namespace mc_proxy
