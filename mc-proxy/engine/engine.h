#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "mc-proxy/engine/haproxy.h"
#include "mc-proxy/engine/runtime.h"
#include "mc-proxy/engine/state.h"

namespace mc_proxy {

struct EngineOptions {
  std::string binary;
  std::string folder;  // made when missing, 0700
  int max_connections = 0;
  // The content of a route's certificate, for the case that its file is gone.
  std::function<base::Result<std::string>(const EngineKey&)> recall = {};
};

// Makes HAProxy do what a state says, with the least that gets there: a map entry, a certificate, a
// whole map, or, when listeners change, a reload. One thread at a time, but for counts().
class Engine {
 public:
  explicit Engine(EngineOptions options);

  // Another state. Starts HAProxy when none runs. After an error it may be there in part: apply
  // another one, or this one again.
  base::Result<> apply(EngineState wanted);
  // Some routes of the state, all or nothing; costs what they cost, however many others there are.
  base::Result<> change(const EngineChange& wanted);

  // Writes into HAProxy's files what only its memory has, so that a start needs nothing of a disk
  // that is full by then. Costs nothing when they have it all; may be called again at any time.
  base::Result<> save();

  // False: the last change failed, and so did the way back. apply() the state again.
  bool settled() const { return known_; }
  bool alive() { return haproxy_.alive(); }
  int pidfd() const { return haproxy_.pidfd(); }
  // Takes over the HAProxy that runs on this folder.
  bool adopt() { return haproxy_.adopt(); }
  void stop(base::Millis grace) { haproxy_.stop(grace); }

  // Whether HAProxy holds the port of this listener now.
  bool has(const EngineListener& listener) const;
  // Any thread.
  base::Result<std::map<std::string, RouteCount>> counts(const std::string& listener) const;
  // Where a certificate's file is.
  std::string certificate_file(const std::string& hostname, const std::string& fingerprint) const;

  int reloads() const { return reloads_; }
  // Whether requests can wait for a route that is held; else they are refused.
  bool can_hold() const { return lua_.value_or(false); }

 private:
  struct Step {
    EngineChange before;
    EngineChange after;  // the same keys
  };
  Step put(const EngineChange& wanted);
  void mark_passthrough();
  static Step difference(const std::map<std::string, EngineRoutes>& before,
                         const std::map<std::string, EngineRoutes>& after);

  base::Result<> settle(std::optional<Step> step);
  std::optional<Step> learn();
  base::Result<> restructure(bool running);
  std::string description_for(bool running) const;
  base::Result<> write_files(const std::string& description, bool fresh);
  base::Result<> write_routes(bool fresh);
  void remove_unused_files();
  std::string hash() const;

  base::Result<> adjust(const Step& step);
  base::Result<> show(const EngineKey& key, const EngineRoute& route);
  base::Result<> change_map(const std::string& listener, const Step& step);
  bool uses(const std::string& hostname, const std::string& certificate) const;
  base::Result<> hide(const EngineKey& key, const std::string& certificate);
  base::Result<std::string> pem_of(const EngineKey& key, const EngineRoute& route) const;
  void tell_former(const Step& step);
  void forget_pems(const Step& step);

  EngineOptions options_;
  EngineFiles files_;
  Haproxy haproxy_;
  Runtime runtime_;
  EngineState state_;                      // wanted
  std::map<std::string, size_t> passing_;  // L4 routes, by listener
  std::vector<EngineListener> running_;    // what HAProxy has, when it is known
  bool known_ = false;                     // HAProxy does what state_ says
  bool behind_ = false;                    // what state_ says is not in HAProxy's files
  bool trusted_ = false;                   // certificate files were written by this process
  std::vector<std::pair<EngineKey, std::string>> unused_;  // files to remove, one change later
  std::optional<bool> lua_;  // none: the program could not be asked yet
  bool former_ = true;       // workers of before a reload may live
  int reloads_ = 0;
};

}  // namespace mc_proxy
