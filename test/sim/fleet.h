#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "test/sim/report.h"
#include "test/sim/station.h"

namespace sim {

// One life of several nodes that share nothing but a branch, each with a clock of its own: services
// are placed, nodes come, are drained, grow and go. A calm life has no accidents but killed agents,
// failing calls and nodes that do not reach git, and in it no name that was served is without
// service for a moment. In every life no data is written to from two nodes, and in the end each
// service runs on exactly one.
class Fleet {
 public:
  Fleet(uint64_t seed, std::ostream* trace);
  Report run();

 private:
  struct Node {
    std::unique_ptr<reconciler::Peers> peers;
    std::unique_ptr<Station> station;
    bool on = true;
  };

  void advance();
  void live(base::Millis time, bool disturbed);
  void heal();
  void explain();
  void check();
  void data_has_one_writer();
  void names_are_served();
  void converged();

  void disturb();
  bool may_move();
  void disturb_nodes();
  void change_service();
  void move_data();
  crds::Service random_service(const std::string& name);
  void push();
  void happened(const std::string& kind, const std::string& detail = "");

  Node* node_at(const std::string& address);
  // Whether `node` runs something that answers for the route; follows edges to other nodes.
  bool serves(Node& node, const reconciler::RouteKey& key, int hops = 2);
  // Whether a client that asks for the name is answered.
  bool answered(const reconciler::ServiceName& service);
  std::vector<std::string> writers(const reconciler::ServiceName& service) const;

  friend class Witness;

  Random random_;
  std::ostream* trace_;
  const bool calm_;
  base::TimePoint now_;  // the true time
  Branch branch_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, base::Millis> skew_;
  std::map<reconciler::ServiceName, crds::Service> services_;
  std::map<reconciler::ServiceName, base::TimePoint> changed_;  // when it was to be served last
  std::set<reconciler::ServiceName> served_;                    // have been answered since
  base::TimePoint moved_{};  // when the last commit that moves services was made
  bool faults_ = true;
  Report report_;
};

}  // namespace sim
