#pragma once

#include <string>
#include <vector>

namespace crds {

// Nodes of a graph that need each other, all of them.
struct Tangle {
  std::vector<size_t> members;  // sorted
  std::vector<size_t> cycle;    // one way round, starting at the smallest; closed by its first
};

// `needs[i]` are the nodes that node i needs. Linear, without recursion.
std::vector<Tangle> find_tangles(const std::vector<std::vector<size_t>>& needs);

}  // namespace crds
