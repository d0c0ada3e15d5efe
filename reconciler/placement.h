#pragma once

#include <map>

#include "reconciler/model.h"

namespace reconciler {

// The node that runs the service: the one it names, else the best of the schedulable nodes whose
// labels match, by rendezvous hashing, so that every agent computes the same and a node more or
// less moves only its share. Empty: no node matches. A repository without node files has one node,
// `self`.
NodeName place(const crds::Service& service, const std::map<NodeName, crds::Node>& nodes,
               const NodeName& self);

}  // namespace reconciler
