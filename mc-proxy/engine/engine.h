#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/core/result.h"
#include "mc-proxy/engine/haproxy.h"
#include "mc-proxy/engine/runtime.h"
#include "mc-proxy/engine/state.h"

namespace mc_proxy {

struct EngineOptions {
  std::string binary;
  std::string folder;  // made when missing, 0700
  int max_connections = 0;
};

// Makes HAProxy do what a state says, with the least that gets there: a map entry, a certificate,
// a whole map, or, when listeners change, a reload. One thread at a time.
class Engine {
 public:
  explicit Engine(EngineOptions options);

  // All of it, or an error; after an error apply() the former state again.
  // Starts HAProxy when none runs.
  base::Result<> apply(const EngineState& wanted);

  bool alive() { return haproxy_.alive(); }
  int pidfd() const { return haproxy_.pidfd(); }
  // Takes over the HAProxy that runs on this folder.
  bool adopt() { return haproxy_.adopt(); }
  void stop(base::Millis grace) { haproxy_.stop(grace); }

  // Whether HAProxy holds the port of this listener now.
  bool has(const EngineListener& listener) const;
  base::Result<std::map<std::string, RouteCount>> counts(const std::string& listener) const;
  // Where a certificate's file is.
  std::string certificate_file(const std::string& hostname, const std::string& fingerprint) const;

  int reloads() const { return reloads_; }
  // Whether requests can wait for a route that is held; else they are refused.
  bool can_hold() const { return lua_.value_or(false); }

 private:
  base::Result<> learn();  // what an adopted HAProxy does
  base::Result<> restructure(const EngineState& wanted, bool running);
  base::Result<> write_files(const EngineState& wanted, const std::string& description) const;
  base::Result<> adjust(const EngineState& wanted);
  base::Result<> add_certificates(const EngineState& wanted);
  base::Result<> change_map(const std::string& listener, const EngineRoutes& before,
                            const EngineRoutes& after);
  base::Result<> drop_certificates(const EngineState& wanted);
  void tell_former(const EngineState& before, const EngineState& after);

  EngineOptions options_;
  EngineFiles files_;
  Haproxy haproxy_;
  Runtime runtime_;
  std::optional<EngineState> applied_;  // none: not known
  std::optional<bool> lua_;             // none: the program could not be asked yet
  bool former_ = true;                  // workers of before a reload may live
  int reloads_ = 0;
};

}  // namespace mc_proxy
