#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/ports.h"

namespace agent {

// mc-proxy through its admin API (docs/mc-proxy.md), on its Unix socket. Nothing is asked before
// the first call, and an mc-proxy that is away is found again by the next. All calls may come from
// any thread, many at once; each is given up after five seconds (kTimeout).
//
// Besides what the port says:
// - kInvalid and kConflict have mc-proxy's own words. Time may heal both (a certificate is renewed,
// a
//   listener is added, the owner lets go), so they say kBackOff.
// - kUnavailable: nothing answers at the socket, or mc-proxy cannot change anything now (its disk
// is
//   full, HAProxy does not run).
// - Holds are whole seconds there: a part of a second counts as one.
class McProxy : public reconciler::ProxyRouter {
 public:
  // `cert_dir`: where certificates are that are named without a folder; empty: in mc-proxy's own.
  explicit McProxy(std::string socket, std::string cert_dir = {});
  ~McProxy() override;

  base::Result<std::vector<reconciler::ObservedRoute>> list() override;
  base::Result<> apply(const std::string& owner, const std::vector<reconciler::RouteSpec>& upserts,
                       const std::vector<reconciler::RouteKey>& removes) override;

  struct Listener {
    std::string address;  // ":8443"
    std::string problem;  // why it is not open; empty: it is
  };
  struct Status {
    std::string version;
    std::string problem;  // of HAProxy; empty: it runs
    std::vector<Listener> listeners;
  };
  base::Result<Status> status();

  // Calls `changed` (on a thread of its own) when mc-proxy answers, soon after every change of the
  // routes, and when mc-proxy has gone: look again. One that is too old to tell of changes is said
  // once in the log, and `changed` is then called every second. Once; until stop_watching().
  void watch(std::function<void()> changed);
  // Returns when no `changed` is running any more. Not from within one.
  void stop_watching();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent
