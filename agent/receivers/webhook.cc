#include <nlohmann/json.hpp>

#include "agent/receivers/endpoint.h"
#include "agent/receivers/make.h"
#include "base/core/hmac.h"

namespace agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSecretPrefix = "whsec_";

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json alert_json(const Message& message, const Alert& alert) {
  return {{"key", alert.key()},
          {"alert", alert.name},
          {"status", alert.firing() ? "firing" : "resolved"},
          {"severity", name(alert.severity)},
          {"node", message.node.str()},
          {"service", text_or_null(alert.service.str())},
          {"component", text_or_null(alert.component.str())},
          {"subject", text_or_null(alert.subject)},
          {"reason", text_or_null(alert.reason)},
          {"summary", alert.summary},
          {"description", alert.description},
          {"runbook", manual_of(message, alert)},
          {"startsAt", base::to_rfc3339(alert.since)},
          {"endsAt", alert.firing() ? Json() : Json(base::to_rfc3339(alert.until))}};
}

class Webhook : public CheckedReceiver {
 public:
  explicit Webhook(const ReceiverOptions& options)
      : endpoint_(options.url, options.url_file, options.ca_file),
        secret_file_(options.secret_file) {}

  base::Result<> deliver(const Message& message) override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    base::HttpCall call{
        .method = "POST", .body = webhook_document(message), .content_type = "application/json"};
    const std::string timestamp = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(message.at.time_since_epoch()).count());
    call.headers["webhook-id"] = message.id;
    call.headers["webhook-timestamp"] = timestamp;
    if (!secret_file_.empty()) {
      MCP_TRY(const std::string secret, read_secret(secret_file_, "the signature's key"));
      MCP_TRY(call.headers["webhook-signature"],
              webhook_signature(secret, message.id, timestamp, call.body));
    }
    MCP_CHECK(endpoint_.send(url, std::move(call)));
    return {};
  }

  base::Result<std::string> check() override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    if (secret_file_.empty()) return "webhook at " + url.origin() + ", not signed";
    MCP_TRY(const std::string secret, read_secret(secret_file_, "the signature's key"));
    MCP_CHECK(webhook_signature(secret, "", "", ""));
    return "webhook at " + url.origin() + ", signed";
  }

 private:
  const Endpoint endpoint_;
  const std::string secret_file_;
};

}  // namespace

std::string webhook_document(const Message& message) {
  Json alerts = Json::array();
  bool any = false;
  for (const Alert& alert : message.alerts) {
    alerts.push_back(alert_json(message, alert));
    any |= alert.firing();
  }
  const Json document = {{"type", "mcp.alerts"},
                         {"timestamp", base::to_rfc3339(message.at)},
                         {"data",
                          {{"version", 1},
                           {"node", message.node.str()},
                           {"agentVersion", message.agent_version},
                           {"status", any ? "firing" : "resolved"},
                           {"firing", message.firing},
                           {"summary", headline(message)},
                           {"alerts", alerts}}}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<std::string> webhook_signature(const std::string& secret, const std::string& id,
                                            const std::string& timestamp, const std::string& body) {
  std::string key = secret;
  if (secret.starts_with(kSecretPrefix)) {
    const auto decoded = base::from_base64(secret.substr(kSecretPrefix.size()));
    if (!decoded)
      return base::invalid("the signature's key begins with whsec_ and is no base64",
                           "echo whsec_$(head -c 32 /dev/urandom | base64)");
    key = *decoded;
  }
  return "v1," + base::to_base64(base::hmac_sha256(key, id + "." + timestamp + "." + body));
}

std::unique_ptr<CheckedReceiver> make_webhook(const ReceiverOptions& options) {
  return std::make_unique<Webhook>(options);
}

}  // namespace agent
