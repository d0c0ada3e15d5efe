#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "mc-proxy/certs/certificate.h"
#include "mc-proxy/certs/dev_ca.h"
#include "mc-proxy/config/config.h"
#include "mc-proxy/daemon/changes.h"
#include "mc-proxy/daemon/names.h"
#include "mc-proxy/engine/engine.h"
#include "mc-proxy/routes/table.h"

namespace mc_proxy {

enum class Health { kUnknown, kUp, kDown };
std::string_view name(Health health);

// What one route looks like from outside.
struct RouteView {
  Route route;
  Health health = Health::kUnknown;  // of the backend: whether it takes connections
  bool served = false;
  std::string problem;  // why it is not served, or what is about to go wrong
  std::optional<base::TimePoint> certificate_until;
  RouteCount count;  // open: to the present backend; all but waiting: since this program started
  int64_t draining = 0;  // still open to former backends
};

struct ListenerView {
  Listener listener;
  bool open = false;
  std::string problem;
  std::vector<RouteView> routes;
};

struct ProxyView {
  std::vector<ListenerView> listeners;
  bool engine_running = false;
  std::string engine_problem;
  int reloads = 0;
  bool can_hold = false;
  std::chrono::seconds uptime{0};
};

// The routes, on disk and in HAProxy. Any thread.
class Proxy {
 public:
  // Reads the routes and takes over the HAProxy that runs, or starts one. A route or a listener
  // that cannot be served, and HAProxy itself, are problems to be shown, not errors.
  static base::Result<std::unique_ptr<Proxy>> open(const Config& config);

  ProxyView view();

  // All or nothing, for one owner: kConflict when another one has a route of these; kInvalid when
  // a route or its certificate is not good. A route to remove may be missing.
  base::Result<> apply(const std::string& owner, std::vector<Route> upserts,
                       std::vector<RouteKey> removes);

  // Of the table, and of what is said of a route in "served", "problem" and "health".
  Changes& changes() { return changes_; }

  // The listener that is meant by its address, or by its port where only one has it.
  base::Result<std::string> listener_named(const std::string& text) const;

  // Watches HAProxy, certificate files, names and backends until `stop`.
  void watch(std::stop_token stop);

 private:
  struct Entry {
    Route route;
    std::string address;                     // of the backend, digits; empty: not found yet
    uint16_t port = 0;                       // of the backend
    std::optional<Certificate> certificate;  // its content is null once it is in the database
    std::string stamp;         // of the certificate's files: another one means that they changed
    std::string problem;       // of the route or its certificate; served or not
    std::string name_problem;  // why the backend's host has no address, while it has none
    bool warned = false;       // of the certificate's end
    Health health = Health::kUnknown;
  };
  using Entries = std::map<RouteKey, Entry>;
  using Delta = std::map<RouteKey, std::optional<Entry>>;  // none: it goes

  Proxy(Config config, RouteTable table, std::optional<DevCa> dev_ca);
  base::Result<> load();

  base::Result<> normalise(RouteKey& key) const;
  base::Result<Entry> prepare(Route route, const Entry* known) const;
  CertificateFiles files_of(const Route& route) const;
  base::Result<Certificate> certificate_for(const Route& route) const;
  std::string stamp_of(const Route& route) const;
  std::string origin_of(const Route& route) const;
  Entry entry_of(const StoredRoute& stored) const;
  base::Result<std::string> recall(const EngineKey& key);

  EngineState whole_state() const;
  // None when the route cannot be served.
  std::optional<EngineRoute> engine_route(const Entry& entry) const;
  EngineChange engine_change(const Delta& delta) const;
  bool served(const Entry& entry) const;
  static const std::string& problem_of(const Entry& entry);
  base::Result<Delta> delta_of(const std::string& owner, std::vector<Entry> upserts,
                               std::vector<RouteKey> removes) const;
  base::Result<> change(const Delta& delta);
  void go_back(const Delta& delta);
  void check_ports();
  void run_engine();
  bool set_aside(const base::Error& refused);
  void keep_certificates();
  void look_after_engine();

  struct Watched {
    Route route;
    std::string stamp;
    bool due = false;  // for the development CA, whatever the stamp says
  };
  std::vector<Watched> watched_after(const RouteKey& key);
  void follow_certificates();
  void renew(const Watched& watched, const std::string& stamp);
  void trouble(Entry& entry, const base::Error& error);
  void follow_names();
  void take_addresses();
  void probe(bool all);  // else those that were not up
  void sample();
  RouteView view_of(const Entry& entry) const;
  void count(RouteView& view, const Entry& entry) const;

  const Config config_;
  const std::chrono::steady_clock::time_point started_;
  const std::optional<DevCa> dev_ca_;
  Changes changes_;

  std::mutex sample_mutex_;  // one count after another; taken before mutex_
  std::mutex mutex_;         // of all below
  RouteTable table_;
  Engine engine_;
  Entries entries_;
  std::map<std::string, std::string> blocked_;  // listeners that cannot be opened, and why
  std::string engine_problem_;
  bool unsaved_ = false;  // HAProxy's files lack something, and it is said
  Names names_;           // of the thread in watch()
  std::chrono::steady_clock::time_point next_names_;
  std::chrono::steady_clock::time_point next_start_;
  std::chrono::milliseconds start_pause_{0};
  // By listener, then by "hostname/value": as HAProxy last said it, and since this program started.
  std::map<std::string, std::map<std::string, RouteCount>> seen_;
  std::map<RouteKey, RouteCount> totals_;
};

// A certificate that ends within this time is a problem of its route.
inline constexpr std::chrono::days kWarnBefore{14};

base::TimePoint wall_clock();
std::string title(const RouteKey& key);  // for the log

// HAProxy's name for a listener.
std::string engine_name(const std::string& address);

}  // namespace mc_proxy
