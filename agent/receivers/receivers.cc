#include "agent/receivers/receivers.h"

#include "agent/receivers/endpoint.h"
#include "agent/receivers/make.h"

namespace agent {
namespace {

// One line of each fits into a message; see ntfy.cc.
constexpr size_t kMostForNtfy = 10;

class HttpPulse : public Pulse {
 public:
  explicit HttpPulse(const AlertsOptions::Heartbeat& options)
      : endpoint_(options.url, options.url_file, options.ca_file) {}

  base::Result<> beat() override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    MCP_CHECK(endpoint_.send(url, {}));
    return {};
  }

 private:
  const Endpoint endpoint_;
};

}  // namespace

std::string_view name(ReceiverOptions::Type type) {
  switch (type) {
    case ReceiverOptions::Type::kWebhook:
      return "webhook";
    case ReceiverOptions::Type::kAlertmanager:
      return "alertmanager";
    case ReceiverOptions::Type::kNtfy:
      return "ntfy";
    case ReceiverOptions::Type::kEmail:
      break;
  }
  return "email";
}

std::unique_ptr<CheckedReceiver> make_receiver(const ReceiverOptions& options) {
  switch (options.type) {
    case ReceiverOptions::Type::kWebhook:
      return make_webhook(options);
    case ReceiverOptions::Type::kAlertmanager:
      return make_alertmanager(options);
    case ReceiverOptions::Type::kNtfy:
      return make_ntfy(options);
    case ReceiverOptions::Type::kEmail:
      break;
  }
  return make_email(options);
}

CourierOptions courier_options(const AlertsOptions& options, const ReceiverOptions& receiver) {
  CourierOptions out;
  out.audience = {receiver.name, receiver.min_severity,
                  receiver.repeat < base::Millis(0) ? options.repeat : receiver.repeat};
  out.type = name(receiver.type);
  out.group = options.group;
  out.pause = options.pause;
  if (receiver.type == ReceiverOptions::Type::kNtfy) out.most = kMostForNtfy;
  if (receiver.type == ReceiverOptions::Type::kAlertmanager) {
    out.audience.repeat = base::Millis(0);
    out.group = out.pause = std::chrono::seconds(1);
    out.refresh = std::chrono::minutes(1);
  }
  return out;
}

std::unique_ptr<Pulse> make_pulse(const AlertsOptions::Heartbeat& options) {
  return options.wanted() ? std::make_unique<HttpPulse>(options) : nullptr;
}

base::Result<std::string> check_pulse(const AlertsOptions::Heartbeat& options) {
  if (!options.wanted())
    return std::string("no heartbeat: nobody learns of an agent that is dead ([alerts.heartbeat])");
  MCP_TRY(const base::HttpUrl url, Endpoint(options.url, options.url_file, options.ca_file).url());
  return "heartbeat to " + url.origin() + " every " + base::to_duration(options.interval);
}

}  // namespace agent
