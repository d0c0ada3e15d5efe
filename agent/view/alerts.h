#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/time.h"
#include "reconciler/model.h"

namespace agent {

enum class Severity { kInfo, kWarning, kCritical };
constexpr std::string_view name(Severity severity) {
  return severity == Severity::kCritical  ? "critical"
         : severity == Severity::kWarning ? "warning"
                                          : "info";
}

// One cause that somebody should know of. The first four say which: an operator hears of each at
// most once at a time.
struct Alert {
  std::string name;                     // stable: docs/alerts.md has them all
  reconciler::ServiceName service;      // empty: it concerns the node
  reconciler::ComponentName component;  // empty: the service as a whole
  std::string subject;                  // what else it is about: "web.example.net:443", "/srv"
  Severity severity = Severity::kWarning;
  std::string reason;       // the condition's, where one stands behind it
  std::string summary;      // one line, for a phone
  std::string description;  // what is wrong and what to do
  base::TimePoint since{};
  base::TimePoint until{};  // zero: it holds

  // "NotReady web", "CertificateExpiring web.example.net:443"; unique on the node.
  std::string key() const {
    std::string out = name;
    for (const std::string& part : {service.str(), component.str(), subject})
      if (!part.empty()) out += " " + part;
    return out;
  }
  bool firing() const { return until == base::TimePoint{}; }
  friend bool operator==(const Alert&, const Alert&) = default;
};

// How it goes with one who is told.
struct ReceiverState {
  std::string name;
  std::string type;                  // webhook | alertmanager | ntfy | email
  int64_t delivered = 0;             // messages, since the agent started
  int64_t failed = 0;                // attempts, likewise
  size_t waiting = 0;                // alerts that it has not heard the latest of
  base::TimePoint delivered_at{};    // the last one; zero: none
  base::TimePoint failing_since{};   // zero: the last attempt worked
  std::optional<base::Error> error;  // of the last attempt
};

struct AlertsState {
  std::vector<Alert> firing;  // worst first, then oldest
  std::vector<ReceiverState> receivers;
};

}  // namespace agent
