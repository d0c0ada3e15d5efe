#pragma once

#include <cstdint>
#include <map>

#include "reconciler/model.h"

namespace reconciler {

// The node that is to run the service: the one it names, else the best of the schedulable nodes
// whose labels match, by weighted rendezvous hashing (the score of a node is -weight / ln u, u
// being a hash of service and node in (0, 1)): every agent computes the same, each node gets its
// share, and a node more, less or larger moves only what it gains or loses. Empty: no node matches.
// A repository without node files has one node, `self`.
NodeName place(const crds::Service& service, const std::map<NodeName, crds::Node>& nodes,
               const NodeName& self);

// What a node can carry, in thousandths of a processor: of its processors and its memory (2 GiB
// count as one) whichever is scarcer; where only one is said, that; where none is, one processor.
// At least 1 and at most 2^25.
uint64_t weight_of(const crds::Node& node);

// The services with data, and the node on which it lies. Data does not move by itself: whatever the
// placement says, it stays where it was until a commit changes the service's `restarted_at`, which
// is the operator's word that it has been moved or is not needed.
struct DataPlace {
  NodeName node;  // empty: not placed yet
  std::optional<TimePoint> restarted_at;
  friend bool operator==(const DataPlace&, const DataPlace&) = default;
};
using DataPlaces = std::map<ServiceName, DataPlace>;

// What one more commit makes of them. Pure: agents that have read the same commits agree. A service
// that was removed is remembered, because its data is still there.
void follow_data(DataPlaces& places, const crds::Service& service,
                 const std::map<NodeName, crds::Node>& nodes);

// Whether a component can write to something that outlives its containers and is on this node only:
// a path of the node or a named volume. Read-only ones and the system's own folders do not count.
bool keeps_data(const crds::Service& service);

}  // namespace reconciler
