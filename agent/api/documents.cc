#include "agent/api/documents.h"

#include <nlohmann/json.hpp>

namespace agent {

Json event_json(const reconciler::Event& event) {
  return {{"id", event.id},
          {"time", base::to_rfc3339(event.time)},
          {"type", event.warning ? "Warning" : "Normal"},
          {"service", event.service.str()},
          {"component", event.component.str()},
          {"reason", event.reason},
          {"message", event.message},
          {"cause", event.cause},
          {"revision", event.revision.str()}};
}

Json events_json(const std::vector<reconciler::Event>& events) {
  Json out = Json::array();
  for (const auto& event : events) out.push_back(event_json(event));
  return out;
}

Json history_json(const std::vector<reconciler::RolloutRecord>& records) {
  Json out = Json::array();
  for (const auto& record : records)
    out.push_back({{"revision", record.revision.str()},
                   {"time", base::to_rfc3339(record.time)},
                   {"ready", record.ready},
                   {"message", record.message}});
  return out;
}

Json problem_json(const crds::Diagnostic& problem) {
  return {{"file", problem.at.file}, {"line", problem.at.line},    {"column", problem.at.column},
          {"field", problem.field},  {"message", problem.message}, {"hint", problem.hint},
          {"text", problem.text()}};
}

Json change_json(const reconciler::Change& change) {
  Json fields = Json::array();
  for (const auto& field : change.fields)
    fields.push_back({{"field", field.field}, {"from", field.from}, {"to", field.to}});
  return {{"service", change.key.service.str()},
          {"component", change.key.component.str()},
          {"action", reconciler::name(change.action)},
          {"downtime", change.downtime},
          {"fields", fields}};
}

std::string to_body(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace agent
