#include "reconciler/placement.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/core/text.h"

namespace reconciler {
namespace {

constexpr uint64_t kPerProcessor = 1000;
constexpr uint64_t kMemoryPerProcessor = uint64_t(2) << 30;
constexpr uint64_t kLargestWeight = uint64_t(1) << 25;
constexpr int kFractionBits = 32;

// log2 of a number in 1 ... 2^64 - 1, rounded down to a multiple of 2^-32. In integers alone: a
// library's logarithm may differ in its last bit from one machine to the next, and then two agents
// would not agree. The fraction's bits come one by one from squaring the mantissa.
uint64_t log2_fixed(uint64_t value) {
  const int whole = static_cast<int>(std::bit_width(value)) - 1;
  // 1.31 fixed point: in [2^31, 2^32).
  uint64_t mantissa = whole >= 31 ? value >> (whole - 31) : value << (31 - whole);
  auto result = static_cast<uint64_t>(whole);
  for (int bit = 0; bit < kFractionBits; ++bit) {
    mantissa = (mantissa * mantissa) >> 31;
    result <<= 1;
    if (mantissa >> 32 == 0) continue;
    result |= 1;
    mantissa >>= 1;
  }
  return result;
}

// -log2(u) for u = hash / 2^64, in multiples of 2^-32; at most 2^38.
uint64_t distance(const ServiceName& service, const NodeName& node) {
  const std::string hex = base::sha256_hex(service.str() + "@" + node.str());
  uint64_t hash = 0;
  std::from_chars(hex.data(), hex.data() + 16, hash, 16);
  return (uint64_t(64) << kFractionBits) - log2_fixed(std::max<uint64_t>(hash, 1));
}

bool matches(const crds::Service& service, const crds::Node& node) {
  return std::all_of(service.placement.begin(), service.placement.end(), [&](const auto& label) {
    const auto found = node.labels.find(label.first);
    return found != node.labels.end() && found->second == label.second;
  });
}

bool is_the_systems(const std::string& path) {
  for (const std::string folder : {"/run", "/var/run", "/dev", "/proc", "/sys", "/tmp"})
    if (path == folder || path.starts_with(folder + "/")) return true;
  return false;
}

}  // namespace

uint64_t weight_of(const crds::Node& node) {
  // A decimal number of at most 65536 and its product with 1000 are the same double everywhere.
  const auto by_cpus = static_cast<uint64_t>(std::llround(node.cpus * kPerProcessor));
  // Divided first: the product could overflow.
  const uint64_t by_memory = node.memory_bytes / (kMemoryPerProcessor / kPerProcessor);
  uint64_t weight = kPerProcessor;
  if (node.cpus > 0 && node.memory_bytes > 0)
    weight = std::min(by_cpus, by_memory);
  else if (node.cpus > 0)
    weight = by_cpus;
  else if (node.memory_bytes > 0)
    weight = by_memory;
  return std::clamp<uint64_t>(weight, 1, kLargestWeight);
}

NodeName place(const crds::Service& service, const std::map<NodeName, crds::Node>& nodes,
               const NodeName& self) {
  if (!service.node.empty()) return service.node;
  if (nodes.empty()) return self;
  NodeName best;
  uint64_t best_distance = 0;
  uint64_t best_weight = 0;
  for (const auto& [node_name, node] : nodes) {
    if (!node.schedulable || !matches(service, node)) continue;
    const uint64_t weight = weight_of(node);
    const uint64_t away = distance(service.name, node_name);
    // away / weight < best_distance / best_weight; 38 and 25 bits fit into 64.
    if (!best.empty() && away * best_weight >= best_distance * weight) continue;
    best = node_name;
    best_distance = away;
    best_weight = weight;
  }
  return best;
}

void follow_data(DataPlaces& places, const crds::Service& service,
                 const std::map<NodeName, crds::Node>& nodes) {
  if (!keeps_data(service)) {
    places.erase(service.name);
    return;
  }
  const NodeName placed = place(service, nodes, NodeName());
  DataPlace& known = places[service.name];
  if (!placed.empty() && (known.node.empty() || known.restarted_at != service.restarted_at))
    known.node = placed;
  known.restarted_at = service.restarted_at;
}

bool keeps_data(const crds::Service& service) {
  for (const crds::Component& component : service.components)
    for (const crds::Volume& volume : component.volumes) {
      const bool read_only =
          std::find(volume.options.begin(), volume.options.end(), "ro") != volume.options.end();
      if (!read_only && !volume.source.empty() && !is_the_systems(volume.source)) return true;
    }
  return false;
}

}  // namespace reconciler
