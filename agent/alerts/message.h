#pragma once

#include <string>
#include <vector>

#include "agent/view/alerts.h"
#include "base/core/result.h"

namespace agent {

// What one receiver is told at once: alerts that began, ended or go on.
struct Message {
  // The same for the same content: a receiver that gets it twice can know.
  std::string id;
  reconciler::NodeName node;
  std::string agent_version;
  std::string manual;  // where docs/alerts.md is, for a link to each alert
  base::TimePoint at{};
  std::vector<Alert> alerts;
  size_t firing = 0;  // of all that it should know of, those that fire
  // Of `alerts`, those that it knows to fire with another severity: as it knows them, ended now.
  // For whom an alert of another severity is another alert.
  std::vector<Alert> superseded = {};
};

// Id from what the alerts say; `turn` tells one reminder from the next.
std::string message_id(const reconciler::NodeName& node, const std::vector<Alert>& alerts,
                       base::TimePoint turn);

// "CRITICAL web on rift does not serve (Unhealthy)", "RESOLVED ...": one line.
std::string headline_of(const Alert& alert);
// That of the worst one, "(and 2 more)"; for a subject or a title.
std::string headline(const Message& message);
// Each alert in some lines, for people.
std::string body_text(const Message& message);
// "docs/alerts.md#notready"
std::string manual_of(const Message& message, const Alert& alert);
Severity worst(const std::vector<Alert>& alerts);  // of those that fire; kInfo: none does

// Somebody who is told. Any thread, many calls at once.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // Ends within a deadline of its own. Success: it has got the message. An error: it may have.
  virtual base::Result<> deliver(const Message& message) = 0;
};

}  // namespace agent
