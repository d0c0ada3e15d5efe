#include "reconciler/back_off.h"

#include <algorithm>
#include <cstdint>

namespace reconciler {
namespace {

// FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/): spreads, and nothing more is asked.
uint32_t spread(std::string_view text, int salt) {
  uint32_t hash = 2166136261u ^ static_cast<uint32_t>(salt);
  for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash ^ (hash >> 15);
}

}  // namespace

Millis delay(const Schedule& schedule, int attempts, std::string_view seed) {
  if (attempts <= 0) return Millis(0);
  const int doublings = std::min(attempts - 1, 20);
  const Millis plain = std::min(schedule.first * (1 << doublings), schedule.cap);
  return plain + plain * (spread(seed, attempts) % 1000) / 5000;
}

bool due(TimePoint at, TimePoint now, Millis longest) {
  return at <= now || at - now > longest * 2;
}

bool due(TimePoint at, TimePoint now, const Schedule& schedule) {
  return due(at, now, schedule.cap);
}

}  // namespace reconciler
