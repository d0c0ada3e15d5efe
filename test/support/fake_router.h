#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/ports.h"

namespace test {

// mc-proxy in memory, for the simulator and the unit tests of the loop: deterministic, one thread,
// no clock. It keeps the same contract as mc-proxy (test/contract/router runs against both): owners
// are kept apart, a change is made as a whole or not at all, holds are whole seconds, counters
// belong to a name and outlive its route, and connections stay with the backend that they began at.
class FakeRouter : public reconciler::ProxyRouter {
 public:
  enum class Kind { kList, kApply };

  struct Call {
    Kind kind = Kind::kList;
    std::string owner;  // kApply alone, as what follows
    std::vector<reconciler::RouteSpec> upserts;
    std::vector<reconciler::RouteKey> removes;
  };

  // What goes wrong with a call: the error is returned, and with `after_effect` the call has done
  // its work nevertheless (a lost answer).
  struct Fault {
    base::Error error;
    bool after_effect = false;
  };

  base::Result<std::vector<reconciler::ObservedRoute>> list() override;
  base::Result<> apply(const std::string& owner, const std::vector<reconciler::RouteSpec>& upserts,
                       const std::vector<reconciler::RouteKey>& removes) override;

  // ---- the world

  bool down = false;               // no call arrives; the routes serve on
  bool serving = true;             // false: calls arrive, and no route serves, for HAProxy is away
  std::optional<Fault> fail_next;  // used up by the next call
  // Asked before every call that arrives; none: nothing goes wrong.
  std::function<std::optional<Fault>(const Call&)> faults;
  // Told of every call before it has an effect, also of one that fails.
  std::function<void(const Call&)> on_call;
  // What list() says of a backend ("127.0.0.1:23456"); none given: "up".
  std::function<std::string(const std::string& backend)> health_of;

  std::set<uint16_t> listeners;  // a route at another port is refused; empty: every port is one
  std::map<std::string, base::Error> bad_certificates;  // by file: an upsert with it is refused
  std::optional<base::TimePoint> certificate_until;     // of every L7 route

  // ---- what others do; no call, no fault

  void add_foreign(reconciler::RouteSpec spec, const std::string& owner = "somebody");
  void remove_by_hand(const reconciler::RouteKey& key);
  void set_by_hand(const reconciler::RouteSpec& spec);  // keeps the owner; no such route: nothing
  void lose_routes();  // everybody's; connections and counters with them
  void restarted();    // counters are zero; routes and connections are still there

  // ---- traffic of a route; nothing happens where there is no such route

  void add_traffic(const reconciler::RouteKey& key, const reconciler::Traffic& more);
  void open(const reconciler::RouteKey& key, int64_t connections);  // to the present backend
  void close_all(const reconciler::RouteKey& key);  // present and former ones have ended
  void close_draining(const reconciler::RouteKey& key);

  // ---- what it looks like, without a call

  const std::map<reconciler::RouteKey, reconciler::ObservedRoute>& routes() const;
  const reconciler::ObservedRoute* find(const reconciler::RouteKey& key) const;  // null: none

  const std::vector<Call>& log() const { return log_; }  // every apply() that arrived, in order
  int calls(Kind kind) const;
  // Calls that changed something: what an idle, converged agent must not make.
  int effects() const { return effects_; }

 private:
  std::optional<Fault> begin(const Call& call);
  base::Result<> check(const std::string& owner, const reconciler::RouteKey& key) const;
  base::Result<> change(const Call& call);
  void set(const reconciler::RouteSpec& spec, const std::string& owner);

  std::map<reconciler::RouteKey, reconciler::ObservedRoute> routes_;
  std::map<reconciler::RouteKey, reconciler::Traffic> totals_;
  std::vector<Call> log_;
  std::map<Kind, int> calls_;
  int effects_ = 0;
};

}  // namespace test
