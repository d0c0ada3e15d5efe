#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>

#include "test/sim/report.h"
#include "test/sim/station.h"

namespace sim {

// Host ports that definitions name.
inline constexpr uint16_t kFirstFixedPort = 8000;
inline constexpr uint16_t kFixedPorts = 3;
inline constexpr const char* kServiceNames[] = {"cache", "db", "mail", "web", "wiki", "zoo"};
inline constexpr base::Millis kSettleTime = std::chrono::minutes(10);

// One life of one node: first a time of faults in which safety is checked, then everything heals
// and progress is demanded, then nothing happens and nothing may be written. Equal seeds give equal
// lives.
class Simulation {
 public:
  // `trace`: every event of the agent and of the world, for people; may be null.
  Simulation(uint64_t seed, std::ostream* trace);
  Report run();

 private:
  void advance();
  void live_until(base::TimePoint end, bool faults);
  void heal();
  void come_to_rest();
  void rest(const std::string& rule);
  bool ready() const;
  int writes() const;
  bool on_trial_or_over(const std::string& service) const;

  // What the world does.
  void disturb();
  void disturb_more();
  void push_commit();
  void push_forbidden();
  void push_instruction();
  void push(int approved_removals);
  void disturb_container();
  void disturb_surroundings();
  crds::Service random_service(const std::string& name);
  void disturb_routes();
  void adopt_something();
  void disturb_removals();
  void push_removals();
  void approve_removals();
  void hold_removals();
  void disturb_listeners();
  void serve_requests();
  bool call_fails();
  std::optional<test::FakeRuntime::Fault> fault_for(const test::FakeRuntime::Call& call);
  void tell(const reconciler::ContainerId& id);
  void happened(const std::string& kind, const std::string& detail = "");

  Random random_;
  const bool proxied_;  // a life with mc-proxy, or one without
  // Of their own, so that a life without any is the same for a seed as it always was.
  Random adoptions_;
  const bool adopts_;
  Random more_;
  const bool has_more_;
  Random losses_;
  const bool loses_;  // a life in which the registry is lost
  Random engines_;
  const bool has_engine_;  // a life in which HAProxy goes while mc-proxy stays
  Random removals_;
  const bool removes_;  // a life in which commits remove much
  Random listeners_;
  const bool alerts_;  // a life in which somebody is told of alerts
  Random damages_;
  const bool damages_registry_;  // a life in which the registry is damaged while in use
  Random events_;
  const bool tells_;  // a life in which podman tells of each container that has changed

  Branch branch_;
  Station node_;
  base::Millis stepped_back_{0};  // by the wall clock, in all
  Report report_;
  std::map<std::string, crds::Service> services_;
  std::vector<std::string> broken_;
  bool faults_ = true;
  bool podman_away_ = false;
};

}  // namespace sim
