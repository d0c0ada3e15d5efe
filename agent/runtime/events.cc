#include "agent/runtime/events.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace agent {
namespace {

using base::Millis;

constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{5000};
// Not "exec" and "health_status": probing causes those.
constexpr char kFilters[] =
    R"({"type":["container"],"event":["create","start","died","stop","kill","pause","unpause",)"
    R"("remove","restart","rename","cleanup"]})";

}  // namespace

void follow_events(PodmanApi& api, const std::function<void()>& hint, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  Millis pause = kFirstPause;
  while (!stop.stop_requested()) {
    bool open = false;  // the first call says so, with events or without
    const auto answer = api.stream(
        {.path = "/events", .parameters = {{"stream", "true"}, {"filters", kFilters}}},
        [&](std::string_view events) {
          if (!events.empty() || !open) hint();
          open = true;
          return true;
        },
        stop);
    if (stop.stop_requested()) return;
    if (open) pause = kFirstPause;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, pause, [] { return false; });
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace agent
