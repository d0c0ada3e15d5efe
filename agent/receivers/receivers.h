#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/alerts/alerter.h"
#include "agent/alerts/message.h"
#include "agent/receivers/options.h"

// Those who are told of alerts, over HTTP or by mail.
namespace agent {

class CheckedReceiver : public Receiver {
 public:
  // Whether it could be used: files, URL, program. Sends nothing. Success says what it is.
  virtual base::Result<std::string> check() = 0;
};

std::unique_ptr<CheckedReceiver> make_receiver(const ReceiverOptions& options);

// How messages go to it, by its type: an Alertmanager groups and repeats itself, and forgets.
CourierOptions courier_options(const AlertsOptions& options, const ReceiverOptions& receiver);

// Null: no heartbeat is configured. GET, since that is what the services that wait for one take
// (healthchecks.io, Uptime Kuma, Dead Man's Snitch).
std::unique_ptr<Pulse> make_pulse(const AlertsOptions::Heartbeat& options);
base::Result<std::string> check_pulse(const AlertsOptions::Heartbeat& options);

// What "docs/alerts.md" shows: for tests and for whoever verifies a signature.
std::string webhook_document(const Message& message);
// Standard Webhooks: "v1,<base64 of HMAC-SHA256 over id.timestamp.body>". `secret` as it is in the
// file: "whsec_" and base64, or any text.
base::Result<std::string> webhook_signature(const std::string& secret, const std::string& id,
                                            const std::string& timestamp, const std::string& body);
std::string alertmanager_document(const Message& message);
std::string ntfy_document(const Message& message, const std::string& topic);
std::string email_document(const Message& message, const ReceiverOptions& options);

}  // namespace agent
