#include <nlohmann/json.hpp>

#include "agent/receivers/endpoint.h"
#include "agent/receivers/make.h"

namespace agent {
namespace {

using Json = nlohmann::ordered_json;

// Alerts are sent again every minute; after four without one they count as over, as Prometheus has
// it (rules/manager.go, resendDelay).
constexpr base::Millis kValidFor = std::chrono::minutes(4);

// https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
class Alertmanager : public CheckedReceiver {
 public:
  explicit Alertmanager(const ReceiverOptions& options)
      : endpoint_(options.url, options.url_file, options.ca_file),
        secret_file_(options.secret_file) {}

  base::Result<> deliver(const Message& message) override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    base::HttpCall call{.method = "POST",
                        .target = url.base() + "/api/v2/alerts",
                        .body = alertmanager_document(message),
                        .content_type = "application/json"};
    if (!secret_file_.empty()) {
      MCP_TRY(const std::string secret, read_secret(secret_file_, "the token"));
      MCP_TRY(call.headers["authorization"], authorization(secret, url));
    }
    MCP_CHECK(endpoint_.send(url, std::move(call)));
    return {};
  }

  base::Result<std::string> check() override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    if (!secret_file_.empty()) {
      MCP_TRY(const std::string secret, read_secret(secret_file_, "the token"));
      MCP_CHECK(authorization(secret, url));
    }
    return "Alertmanager at " + url.origin();
  }

 private:
  const Endpoint endpoint_;
  const std::string secret_file_;
};

Json element_of(const Message& message, const Alert& alert) {
  Json labels = {{"alertname", alert.name},
                 {"severity", name(alert.severity)},
                 {"node", message.node.str()},
                 {"job", "mcp-agent"}};
  // Empty ones would be dropped.
  for (const auto& [label, value] :
       {std::pair("service", alert.service.str()), std::pair("component", alert.component.str()),
        std::pair("subject", alert.subject)})
    if (!value.empty()) labels[label] = value;
  return {{"labels", labels},
          {"annotations",
           {{"summary", alert.summary},
            {"description", alert.description},
            {"runbook_url", manual_of(message, alert)}}},
          {"startsAt", base::to_rfc3339(alert.since)},
          {"endsAt", base::to_rfc3339(alert.firing() ? message.at + kValidFor : alert.until)}};
}

}  // namespace

std::string alertmanager_document(const Message& message) {
  Json out = Json::array();
  // Labels say which alert it is, so one whose severity has changed is another one, and the former
  // has to end. https://prometheus.io/docs/alerting/latest/clients/
  for (const auto* alerts : {&message.alerts, &message.superseded})
    for (const Alert& alert : *alerts) out.push_back(element_of(message, alert));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::unique_ptr<CheckedReceiver> make_alertmanager(const ReceiverOptions& options) {
  return std::make_unique<Alertmanager>(options);
}

}  // namespace agent
