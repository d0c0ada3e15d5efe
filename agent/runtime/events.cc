#include "agent/runtime/events.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

namespace agent {
namespace {

using base::Millis;

constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{5000};
// Not "exec" and "health_status": probing causes those.
constexpr char kFilters[] =
    R"({"type":["container"],"event":["create","start","died","stop","kill","pause","unpause",)"
    R"("remove","restart","rename","cleanup"]})";

// Takes the stream apart: a JSON document a line
// (https://docs.podman.io/en/latest/_static/api.html#tag/system/operation/SystemEventsLibpod).
class Lines {
 public:
  explicit Lines(const Podman::Hint& hint) : hint_(hint) {}

  // Each container once, whatever these bytes tell of it.
  void add(std::string_view bytes) {
    std::set<std::string> ids;
    rest_ += bytes;
    size_t begin = 0;
    for (size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1)
      ids.insert(container_in(std::string_view(rest_).substr(begin, end - begin)));
    rest_.erase(0, begin);
    if (rest_.size() > kLongestLine) ids.insert(""), rest_.clear();
    for (const std::string& id : ids)
      id.empty() ? hint_(std::nullopt) : hint_(reconciler::ContainerId(id));
  }

 private:
  static constexpr size_t kLongestLine = size_t{1} << 20;

  // Empty: it does not say.
  static std::string container_in(std::string_view line) {
    static const nlohmann::json::json_pointer kId("/Actor/ID");
    const auto event = nlohmann::json::parse(line, nullptr, false);
    const bool says = event.contains(kId) && event.at(kId).is_string();
    return says ? event.at(kId).get<std::string>() : std::string();
  }

  const Podman::Hint& hint_;
  std::string rest_;
};

}  // namespace

void follow_events(PodmanApi& api, const Podman::Hint& hint, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  Millis pause = kFirstPause;
  while (!stop.stop_requested()) {
    bool open = false;  // the first call says so, with events or without
    Lines lines(hint);
    const auto answer = api.stream(
        {.path = "/events", .parameters = {{"stream", "true"}, {"filters", kFilters}}},
        [&](std::string_view events) {
          if (!std::exchange(open, true)) hint(std::nullopt);
          lines.add(events);
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
