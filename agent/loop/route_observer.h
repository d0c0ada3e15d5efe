#pragma once

#include <optional>
#include <set>
#include <vector>

#include "agent/apply/apply.h"
#include "reconciler/model.h"
#include "reconciler/ports.h"

namespace agent {

// OBSERVED, the part that mc-proxy says: its routes, kept from one list to the next by the results
// of our own steps. Without a router it does nothing. Loop's thread only, but for the work that it
// submits.
class RouteObserver {
 public:
  // `router` may be null.
  RouteObserver(reconciler::ProxyRouter* router, reconciler::Executor& executor, std::string owner,
                base::Millis list_interval);

  // mc-proxy told of a change, went away, or is back: list now.
  void hint() { hinted_ = true; }
  // Something waits for connections to end: list often.
  void follow(bool on) { following_ = on; }

  // Takes in what came back and starts what is due. True: what is observed has changed.
  bool step(base::TimePoint now, reconciler::Observed& observed);

  // The result of a step of ours, of kind kRoute.
  void note(const reconciler::Step& step, const Applied& applied, base::TimePoint now,
            reconciler::Observed& observed);

  // mc-proxy has answered, or failed to, or there is none.
  bool asked_once() const { return router_ == nullptr || asked_once_; }
  std::optional<base::TimePoint> wake_at() const;

 private:
  using Listing = base::Result<std::vector<reconciler::ObservedRoute>>;
  bool take(base::TimePoint now, reconciler::ObservedProxy& proxy);
  void failed(const base::Error& error, base::TimePoint now, reconciler::ObservedProxy& proxy);

  reconciler::ProxyRouter* router_;
  reconciler::Executor& executor_;
  const std::string owner_;
  const base::Millis list_interval_;
  bool hinted_ = true;
  bool following_ = false;
  bool asked_once_ = false;
  bool listing_ = false;
  int failures_in_row_ = 0;
  base::TimePoint asked_at_{};
  std::optional<base::TimePoint> next_list_;
  std::optional<Listing> result_;
  std::set<reconciler::RouteKey> touched_;  // by our own steps since the list was asked
};

}  // namespace agent
