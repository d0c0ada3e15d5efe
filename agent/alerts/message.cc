#include "agent/alerts/message.h"

#include <algorithm>

#include "base/core/text.h"

namespace agent {

std::string headline_of(const Alert& alert) {
  if (!alert.firing()) return "RESOLVED " + alert.summary;
  switch (alert.severity) {
    case Severity::kCritical:
      return "CRITICAL " + alert.summary;
    case Severity::kWarning:
      return "WARNING " + alert.summary;
    case Severity::kInfo:
      break;
  }
  return "INFO " + alert.summary;
}

std::string message_id(const reconciler::NodeName& node, const std::vector<Alert>& alerts,
                       base::TimePoint turn) {
  std::string all = node.str() + "\n" + std::to_string(turn.time_since_epoch().count()) + "\n";
  for (const Alert& alert : alerts)
    all += alert.key() + "\n" + std::string(name(alert.severity)) + "\n" +
           std::to_string(alert.since.time_since_epoch().count()) + "\n" +
           std::to_string(alert.until.time_since_epoch().count()) + "\n";
  return "msg_" + base::sha256_hex(all).substr(0, 32);
}

std::string headline(const Message& message) {
  if (message.alerts.empty()) return message.node.str();
  const auto first = std::min_element(
      message.alerts.begin(), message.alerts.end(), [](const Alert& a, const Alert& b) {
        return a.firing() != b.firing() ? a.firing() : a.severity > b.severity;
      });
  std::string out = headline_of(*first);
  if (message.alerts.size() > 1)
    out += " (and " + std::to_string(message.alerts.size() - 1) + " more)";
  return out;
}

std::string body_text(const Message& message) {
  std::string out;
  for (const Alert& alert : message.alerts) {
    out += (out.empty() ? "" : "\n") + headline_of(alert) + "\n  " + alert.name + " since " +
           base::to_rfc3339(alert.since);
    if (!alert.firing()) out += ", ended " + base::to_rfc3339(alert.until);
    out += "\n  " + alert.description + "\n  " + manual_of(message, alert) + "\n";
  }
  return out;
}

std::string manual_of(const Message& message, const Alert& alert) {
  return message.manual + "#" + base::lower(alert.name);
}

Severity worst(const std::vector<Alert>& alerts) {
  Severity out = Severity::kInfo;
  for (const Alert& alert : alerts)
    if (alert.firing()) out = std::max(out, alert.severity);
  return out;
}

}  // namespace agent
