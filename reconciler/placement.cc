#include "reconciler/placement.h"

#include <algorithm>

#include "base/core/text.h"

namespace reconciler {

NodeName place(const crds::Service& service, const std::map<NodeName, crds::Node>& nodes,
               const NodeName& self) {
  if (!service.node.empty()) return service.node;
  if (nodes.empty()) return self;
  NodeName best;
  std::string best_score;
  for (const auto& [node_name, node] : nodes) {
    const bool matches =
        std::all_of(service.placement.begin(), service.placement.end(), [&](const auto& label) {
          const auto found = node.labels.find(label.first);
          return found != node.labels.end() && found->second == label.second;
        });
    if (!node.schedulable || !matches) continue;
    std::string score = base::sha256_hex(service.name.str() + "@" + node_name.str());
    if (score <= best_score) continue;
    best_score = std::move(score);
    best = node_name;
  }
  return best;
}

}  // namespace reconciler
