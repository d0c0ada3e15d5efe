#include "controller/cli/receipt.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/core/text.h"

namespace controller {
namespace {

using base::Millis;

constexpr Millis kShort{100};

// "85 ms", "3.4 s"
std::string seconds(Millis time) {
  if (time < kShort) return std::to_string(time.count()) + " ms";
  char out[32];
  std::snprintf(out, sizeof out, "%.1f s", static_cast<double>(time.count()) / 1000);
  return out;
}

// "1,234 requests"
std::string counted(int64_t count, const char* what = "") {
  std::string out = std::to_string(count);
  for (int at = static_cast<int>(out.size()) - 3; at > 0; at -= 3) out.insert(at, ",");
  return out + what;
}

Json or_null(const RolloutStatus::Phase& phase) {
  return phase ? Json(phase->count()) : Json();
}

std::vector<const ComponentStatus*> rolled_out(const ServiceStatus& service) {
  std::vector<const ComponentStatus*> out;
  for (const ComponentStatus& one : service.components)
    if (one.rollout && one.rollout->finished && one.rollout->revision == service.revision)
      out.push_back(&one);
  return out;
}

}  // namespace

std::string receipt(const RolloutStatus& rollout) {
  std::string line = rollout.from.empty() ? rollout.to : rollout.from + " -> " + rollout.to;
  line += !rollout.finished       ? " under way"
          : rollout.error.empty() ? " in " + seconds(*rollout.finished)
                                  : " failed after " + seconds(*rollout.finished);
  std::vector<std::string> phases;
  const auto add = [&](const char* name, const RolloutStatus::Phase& phase) {
    if (phase) phases.push_back(name + (" " + seconds(*phase)));
  };
  add("started", rollout.started);
  add("ready", rollout.ready);
  add("switched", rollout.switched);
  if (rollout.switched) add("drained", rollout.drained);
  if (!phases.empty()) line += " (" + base::join(phases, ", ") + ")";
  const std::string why = rollout.error.empty() ? "" : "; " + rollout.error;
  if (!rollout.finished || !rollout.switched) return line + why;
  return line + ": " + counted(rollout.requests, rollout.requests == 1 ? " request" : " requests") +
         ", " + counted(rollout.failed, " failed") + ", " + counted(rollout.held, " held") + why;
}

Json receipt_document(const std::string& component, const RolloutStatus& rollout) {
  return {{"component", component},
          {"from", rollout.from},
          {"to", rollout.to},
          {"revision", rollout.revision},
          {"begun", rollout.begun ? Json(base::to_rfc3339(*rollout.begun)) : Json()},
          {"phases",
           {{"startedMs", or_null(rollout.started)},
            {"readyMs", or_null(rollout.ready)},
            {"switchedMs", or_null(rollout.switched)},
            {"drainedMs", or_null(rollout.drained)},
            {"finishedMs", or_null(rollout.finished)}}},
          {"requests", rollout.requests},
          {"failed", rollout.failed},
          {"held", rollout.held},
          {"error", rollout.error.empty() ? Json() : Json(rollout.error)}};
}

std::string receipts(const ServiceStatus& service) {
  std::string text;
  for (const ComponentStatus* one : rolled_out(service))
    text += service.name + (service.components.size() > 1 ? "/" + one->name : "") + ": " +
            receipt(*one->rollout) + "\n";
  return text;
}

Json receipts_document(const ServiceStatus& service) {
  Json list = Json::array();
  for (const ComponentStatus* one : rolled_out(service))
    list.push_back(receipt_document(one->name, *one->rollout));
  return list;
}

}  // namespace controller
