#include "agent/status/alert_status.h"

namespace agent {

Json alerts_json(const AlertsState& alerts) {
  Json out = Json::array();
  for (const Alert& alert : alerts.firing)
    out.push_back({{"key", alert.key()},
                   {"alert", alert.name},
                   {"severity", name(alert.severity)},
                   {"service", or_null(alert.service.str())},
                   {"component", or_null(alert.component.str())},
                   {"subject", or_null(alert.subject)},
                   {"reason", or_null(alert.reason)},
                   {"summary", alert.summary},
                   {"description", alert.description},
                   {"since", or_null(alert.since)}});
  return out;
}

Json receivers_json(const AlertsState& alerts) {
  Json out = Json::array();
  for (const ReceiverState& receiver : alerts.receivers)
    out.push_back({{"name", receiver.name},
                   {"type", receiver.type},
                   {"delivered", receiver.delivered},
                   {"failed", receiver.failed},
                   {"waiting", receiver.waiting},
                   {"lastDelivery", or_null(receiver.delivered_at)},
                   {"failingSince", or_null(receiver.failing_since)},
                   {"error", receiver.error ? Json(receiver.error->text()) : Json()}});
  return out;
}

}  // namespace agent
