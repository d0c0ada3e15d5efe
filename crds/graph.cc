#include "crds/graph.h"

#include <algorithm>
#include <cstdint>
#include <deque>

namespace crds {
namespace {

// Tarjan's strongly connected components, with an explicit stack: a chain of 10,000 services must
// not be 10,000 calls deep.
class Components {
 public:
  explicit Components(const std::vector<std::vector<size_t>>& needs)
      : needs_(needs), order_(needs.size()), low_(needs.size()), on_stack_(needs.size()) {
    for (size_t node = 0; node < needs.size(); ++node)
      if (order_[node] == 0) visit(node);
  }
  std::vector<std::vector<size_t>> found;

 private:
  struct Frame {
    size_t node;
    size_t next = 0;
  };

  void enter(size_t node) {
    order_[node] = low_[node] = ++counter_;
    stack_.push_back(node);
    on_stack_[node] = true;
    frames_.push_back({node});
  }

  void visit(size_t root) {
    enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const size_t node = frame.node;
      if (frame.next < needs_[node].size()) {
        const size_t to = needs_[node][frame.next++];
        if (order_[to] == 0)
          enter(to);
        else if (on_stack_[to])
          low_[node] = std::min(low_[node], order_[to]);
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty())
        low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
      if (low_[node] == order_[node]) leave(node);
    }
  }

  void leave(size_t root) {
    std::vector<size_t> members;
    do {
      members.push_back(stack_.back());
      on_stack_[stack_.back()] = false;
      stack_.pop_back();
    } while (members.back() != root);
    std::sort(members.begin(), members.end());
    found.push_back(std::move(members));
  }

  const std::vector<std::vector<size_t>>& needs_;
  std::vector<size_t> order_, low_, stack_;
  std::vector<bool> on_stack_;
  std::vector<Frame> frames_;
  size_t counter_ = 0;
};

bool contains(const std::vector<size_t>& list, size_t node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

// The shortest way from the smallest member back to itself.
std::vector<size_t> way_round(const std::vector<std::vector<size_t>>& needs,
                              const std::vector<size_t>& members) {
  const size_t start = members.front();
  std::vector<size_t> from(members.size(), SIZE_MAX);
  const auto slot = [&](size_t node) {
    return std::lower_bound(members.begin(), members.end(), node) - members.begin();
  };
  std::deque<size_t> queue = {start};
  while (!queue.empty()) {
    const size_t node = queue.front();
    queue.pop_front();
    if (contains(needs[node], start)) {
      std::vector<size_t> cycle = {node};
      while (cycle.back() != start) cycle.push_back(from[slot(cycle.back())]);
      std::reverse(cycle.begin(), cycle.end());
      return cycle;
    }
    for (size_t to : needs[node]) {
      if (!std::binary_search(members.begin(), members.end(), to) || from[slot(to)] != SIZE_MAX)
        continue;
      from[slot(to)] = node;
      queue.push_back(to);
    }
  }
  return members;
}

}  // namespace

std::vector<Tangle> find_tangles(const std::vector<std::vector<size_t>>& needs) {
  std::vector<Tangle> out;
  for (auto& members : Components(needs).found) {
    if (members.size() == 1 && !contains(needs[members.front()], members.front())) continue;
    auto cycle = way_round(needs, members);
    out.push_back({std::move(members), std::move(cycle)});
  }
  std::sort(out.begin(), out.end(),
            [](const Tangle& a, const Tangle& b) { return a.members < b.members; });
  return out;
}

}  // namespace crds
