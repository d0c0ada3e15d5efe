#include "agent/routes/documents.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/http/server.h"
#include "crds/types/names.h"

namespace agent {
namespace {

using base::Code;
using base::Millis;
using base::Result;
using Json = nlohmann::json;
using Mode = crds::Route::Mode;
using Protocol = crds::Route::Protocol;
using reconciler::ObservedRoute;
using reconciler::RouteKey;
using reconciler::RouteSpec;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
int64_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}
bool truth(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

// The list `key` of the object that the text is.
Result<Json> parse_list(const std::string& body, const char* key) {
  const Json document = Json::parse(body, nullptr, false);
  if (document.is_object())
    if (const auto found = document.find(key); found != document.end() && found->is_array())
      return *found;
  return base::make_error(Code::kCorrupt,
                          std::string("mc-proxy's answer has no list '") + key + "'",
                          "is it mc-proxy that answers at [mcproxy] socket?");
}

// "192.0.2.1:443" -> 443; zero where there is none.
uint16_t port_of(const std::string& listener) {
  const char* end = listener.data() + listener.size();
  uint16_t port = 0;
  const size_t colon = listener.rfind(':');
  if (colon != listener.npos) std::from_chars(listener.data() + colon + 1, end, port);
  return port;
}

Json key_json(const RouteKey& key) {
  return {{"listener", std::to_string(key.port)}, {"hostname", key.hostname}};
}

Json spec_json(const RouteSpec& spec) {
  Json out = key_json(spec.key);
  out["backend"] = spec.backend;
  out["mode"] = spec.mode == Mode::kL4 ? "l4" : "l7";
  out["backendTls"] = spec.protocol == Protocol::kTls;
  out["sendProxyProtocol"] = spec.send_proxy_protocol;
  if (spec.mode == Mode::kL7) out["tlsCert"] = spec.certificate;
  // Left out where they say nothing: an older mc-proxy does not know them.
  if (spec.protocol == Protocol::kH2c) out["backendProtocol"] = crds::name(spec.protocol);
  if (const auto hold = std::chrono::ceil<std::chrono::seconds>(spec.hold); hold.count() > 0)
    out["hold"] = hold.count();
  return out;
}

ObservedRoute route_of(const Json& json) {
  ObservedRoute out;
  out.listener = text(json, "listener");
  out.spec.key = {port_of(out.listener), text(json, "hostname")};
  out.spec.backend = text(json, "backend");
  out.spec.mode = text(json, "mode") == "l7" ? Mode::kL7 : Mode::kL4;
  out.spec.protocol = crds::parse_protocol(text(json, "backendProtocol"))
                          .value_or(truth(json, "backendTls") ? Protocol::kTls : Protocol::kH1);
  out.spec.send_proxy_protocol = truth(json, "sendProxyProtocol");
  out.spec.certificate = text(json, "tlsCert");
  out.spec.hold = std::chrono::seconds(number(json, "hold"));
  out.owner = text(json, "owner");
  out.served = truth(json, "served");
  out.health = text(json, "health");
  out.problem = text(json, "problem");
  if (const auto until = base::parse_rfc3339(text(json, "certificateNotAfter")))
    out.certificate_until = *until;
  out.open = number(json, "openConnections");
  out.draining = number(json, "drainingConnections");
  out.traffic = {number(json, "requests"), number(json, "responses5xx"), number(json, "held")};
  return out;
}

}  // namespace

std::string apply_body(const std::string& owner, const std::vector<RouteSpec>& upserts,
                       const std::vector<RouteKey>& removes, const ListenerNames& names) {
  Json body = {{"owner", owner}, {"upserts", Json::array()}, {"removes", Json::array()}};
  for (const RouteSpec& spec : upserts) body["upserts"].push_back(spec_json(spec));
  for (const RouteKey& key : removes) {
    Json one = key_json(key);
    // A port names only what the configuration still has.
    if (const auto name = names.find(key); name != names.end()) one["listener"] = name->second;
    body["removes"].push_back(std::move(one));
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<ObservedRoute>> parse_routes(const std::string& body) {
  MCP_TRY(const Json routes, parse_list(body, "routes"));
  std::vector<ObservedRoute> out;
  for (const Json& one : routes)
    if (one.is_object()) out.push_back(route_of(one));
  return out;
}

Result<McProxy::Status> parse_status(const std::string& body) {
  MCP_TRY(const Json listeners, parse_list(body, "listeners"));
  McProxy::Status out;
  const Json document = Json::parse(body, nullptr, false);
  out.version = text(document, "version");
  if (const auto engine = document.find("haproxy"); engine != document.end() && engine->is_object())
    if (!truth(*engine, "running")) {
      out.problem = text(*engine, "problem");
      if (out.problem.empty()) out.problem = "HAProxy does not run";
    }
  for (const Json& one : listeners) {
    if (!one.is_object()) continue;
    McProxy::Listener& listener = out.listeners.emplace_back();
    listener.address = text(one, "address");
    if (truth(one, "open")) continue;
    listener.problem = text(one, "problem");
    if (listener.problem.empty()) listener.problem = "it is not open";
  }
  return out;
}

base::Error refusal(const base::HttpResponse& response, const std::string& doing) {
  base::Error error = base::error_of(response).within(doing);
  if (error.code == Code::kExhausted) error.code = Code::kUnavailable;
  // What it refuses now may be good later: a certificate is renewed, a listener is added.
  error.retry = base::Retry::kBackOff;
  return error;
}

}  // namespace agent
