#include "controller/fleet/agent.h"

#include <nlohmann/json.hpp>

#include "base/http/client.h"
#include "base/http/server.h"
#include "controller/fleet/address.h"

namespace controller {
namespace {

using Json = nlohmann::ordered_json;

// A transport error in the words of somebody who wanted to ask an agent.
base::Error unreachable(const std::string& node, const base::Error& error) {
  return base::unavailable(
      "cannot reach the agent" + (node.empty() ? "" : " of " + node) + ": " + error.message,
      "is mcp-agent running there? --agent and MCP_AGENT name another address");
}

// Splits a stream into lines, whatever the pieces in which it comes.
class Lines {
 public:
  explicit Lines(const Agent::LineSink& sink) : sink_(sink) {}

  bool take(std::string_view piece) {
    pending_ += piece;
    size_t start = 0;
    for (size_t end; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1) {
      std::string_view line(pending_.data() + start, end - start);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!sink_(line)) return false;
    }
    pending_.erase(0, start);
    return true;
  }

  void finish() {
    if (!pending_.empty()) sink_(pending_);
  }

 private:
  const Agent::LineSink& sink_;
  std::string pending_;
};

}  // namespace

Agent::Agent(std::string name, std::string address, base::Millis deadline)
    : name_(std::move(name)), address_(std::move(address)), deadline_(deadline) {
  if (auto parsed = parse_address(address_)) {
    client_ = std::make_unique<base::HttpClient>(base::HttpAddress::unix_socket(parsed->socket));
  } else {
    bad_address_ = name_.empty() ? parsed.error() : parsed.error().within(name_);
  }
}

Agent::~Agent() = default;
Agent::Agent(Agent&&) noexcept = default;
Agent& Agent::operator=(Agent&&) noexcept = default;

base::Result<std::string> Agent::call(const std::string& method, const std::string& target,
                                      std::string body) const {
  if (client_ == nullptr) return bad_address_;
  base::HttpCall call{.method = method, .target = target, .body = std::move(body)};
  if (!call.body.empty()) call.content_type = "application/json";
  call.deadline = deadline_;
  auto response = client_->request(call);
  if (!response) return unreachable(name_, response.error());
  if (!response->ok()) return base::error_of(*response);
  return std::move(response->body);
}

base::Result<Agent::Version> Agent::version() const {
  MCP_TRY(const std::string body, call("GET", "/v1/version"));
  const Json parsed = Json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("version") || !parsed["version"].is_string())
    return base::make_error(base::Code::kInternal, "the agent of " + label() + " tells no version");
  const auto node = parsed.find("node");
  return Version{parsed["version"].get<std::string>(),
                 node != parsed.end() && node->is_string() ? node->get<std::string>() : ""};
}

base::Result<NodeStatus> Agent::status() const {
  MCP_TRY(const std::string body, call("GET", "/v1/status"));
  return parse_status(body);
}

base::Result<ServiceDetail> Agent::service(const std::string& name) const {
  MCP_TRY(const std::string body, call("GET", "/v1/services/" + base::url_encode(name)));
  return parse_service(body);
}

base::Result<ServiceSpec> Agent::spec(const std::string& name) const {
  MCP_TRY(const std::string body, call("GET", "/v1/services/" + base::url_encode(name) + "/spec"));
  return parse_spec(body);
}

base::Result<ProxyRoutes> Agent::routes() const {
  MCP_TRY(const std::string body, call("GET", "/v1/routes"));
  return parse_routes(body);
}

base::Result<int64_t> Agent::sync(bool allow_prune) const {
  Json wish = Json::object();
  if (allow_prune) wish["allowPrune"] = true;
  MCP_TRY(const std::string body, call("POST", "/v1/sync", wish.dump()));
  const Json answer = Json::parse(body, nullptr, false);
  if (answer.is_object() && answer.contains("id") && answer["id"].is_number_integer())
    return answer["id"].get<int64_t>();
  return base::make_error(base::Code::kInternal,
                          "the agent of " + label() + " took the sync and gave no number for it");
}

base::Result<PlanDocument> Agent::plan(const std::map<std::string, std::string>& files) const {
  Json tree = Json::object();
  for (const auto& [path, text] : files) tree[path] = text;
  MCP_TRY(const std::string body,
          call("POST", "/v1/plan",
               Json{{"files", tree}}.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return parse_plan(body);
}

base::Result<std::vector<Event>> Agent::events(int limit, const std::string& service) const {
  std::map<std::string, std::string> parameters = {{"limit", std::to_string(limit)}};
  if (!service.empty()) parameters["service"] = service;
  MCP_TRY(const std::string body, call("GET", "/v1/events" + base::url_query(parameters)));
  return parse_events(body);
}

base::Result<> Agent::stream(const std::string& target, base::Millis deadline, const LineSink& sink,
                             const std::stop_token& stop) const {
  if (client_ == nullptr) return bad_address_;
  Lines lines(sink);
  const auto response = client_->stream(
      {.target = target, .deadline = deadline},
      [&](std::string_view piece) { return lines.take(piece); }, stop);
  if (!response) return unreachable(name_, response.error());
  if (stop.stop_requested()) return {};
  if (!response->ok()) return base::error_of(*response);
  lines.finish();
  return {};
}

base::Result<> Agent::follow_events(int64_t since, const std::string& service,
                                    const EventSink& sink, std::stop_token stop) const {
  // Server-sent events (WHATWG HTML 9.2.6): the data lines of an event end with an empty line.
  std::string data;
  const auto line = [&](std::string_view text) {
    if (text.starts_with("data:")) {
      text.remove_prefix(5);
      if (text.starts_with(' ')) text.remove_prefix(1);
      data += text;
      return true;
    }
    if (!text.empty() || data.empty()) return true;
    const auto event = parse_event(data);
    data.clear();
    return !event || sink(*event);
  };
  std::map<std::string, std::string> parameters = {{"since", std::to_string(since)},
                                                   {"follow", "true"}};
  if (!service.empty()) parameters["service"] = service;
  return stream("/v1/events" + base::url_query(parameters), base::Millis(0), line, stop);
}

base::Result<> Agent::logs(const std::string& service, const std::string& component,
                           const LogQuery& query, const LineSink& sink,
                           std::stop_token stop) const {
  std::map<std::string, std::string> parameters;
  if (query.follow) parameters["follow"] = "true";
  if (query.tail) parameters["tail"] = std::to_string(*query.tail);
  if (!query.since.empty()) parameters["since"] = query.since;
  return stream("/v1/services/" + base::url_encode(service) + "/components/" +
                    base::url_encode(component) + "/logs" + base::url_query(parameters),
                base::Millis(0), sink, stop);
}

}  // namespace controller
