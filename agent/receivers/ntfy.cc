#include <nlohmann/json.hpp>

#include "agent/receivers/endpoint.h"
#include "agent/receivers/make.h"
#include "base/core/text.h"

namespace agent {
namespace {

using Json = nlohmann::ordered_json;

// The server's own limit for a message; more would become an attachment
// (https://docs.ntfy.sh/publish/#limitations).
constexpr size_t kMostBytes = 4000;

// "https://ntfy.example.net/alerts": where to publish, and the topic.
struct Topic {
  base::HttpUrl url;
  std::string root;
  std::string name;
};

base::Result<Topic> topic_of(const base::HttpUrl& url) {
  const std::string path = url.base();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size())
    return base::invalid("the URL of an ntfy receiver names no topic",
                         "write https://ntfy.sh/TOPIC");
  return Topic{url, slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

int priority_of(const Message& message) {
  switch (worst(message.alerts)) {
    case Severity::kCritical:
      return 5;
    case Severity::kWarning:
      return 4;
    case Severity::kInfo:
      break;
  }
  return message.firing > 0 ? 3 : 2;
}

class Ntfy : public CheckedReceiver {
 public:
  explicit Ntfy(const ReceiverOptions& options)
      : endpoint_(options.url, options.url_file, options.ca_file),
        secret_file_(options.secret_file) {}

  base::Result<> deliver(const Message& message) override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    MCP_TRY(Topic topic, topic_of(url));
    topic.url.target = topic.root;
    base::HttpCall call{.method = "POST",
                        .body = ntfy_document(message, topic.name),
                        .content_type = "application/json"};
    if (!secret_file_.empty()) {
      MCP_TRY(const std::string secret, read_secret(secret_file_, "the token"));
      MCP_TRY(call.headers["authorization"], authorization(secret, url));
    }
    MCP_CHECK(endpoint_.send(topic.url, std::move(call)));
    return {};
  }

  base::Result<std::string> check() override {
    MCP_TRY(const base::HttpUrl url, endpoint_.url());
    MCP_CHECK(topic_of(url));
    if (!secret_file_.empty()) {
      MCP_TRY(const std::string secret, read_secret(secret_file_, "the token"));
      MCP_CHECK(authorization(secret, url));
    }
    return "ntfy at " + url.origin();
  }

 private:
  const Endpoint endpoint_;
  const std::string secret_file_;
};

}  // namespace

// https://docs.ntfy.sh/publish/#publish-as-json: its headers could not carry UTF-8.
std::string ntfy_document(const Message& message, const std::string& topic) {
  std::string text = body_text(message);
  if (text.size() > kMostBytes) {
    text.clear();
    for (const Alert& alert : message.alerts)
      text +=
          base::utf8_prefix(headline_of(alert), kMostBytes / (message.alerts.size() + 1)) + "\n";
    text += "(mcp status has all of it)";
  }
  const int priority = priority_of(message);
  const Json document = {{"topic", topic},
                         {"title", headline(message)},
                         {"message", text},
                         {"priority", priority},
                         {"tags",
                          {priority == 5   ? "rotating_light"
                           : priority == 2 ? "white_check_mark"
                                           : "warning",
                           "node:" + message.node.str()}}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::unique_ptr<CheckedReceiver> make_ntfy(const ReceiverOptions& options) {
  return std::make_unique<Ntfy>(options);
}

}  // namespace agent
