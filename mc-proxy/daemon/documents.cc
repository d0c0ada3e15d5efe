#include "mc-proxy/daemon/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "base/version/version.h"

namespace mc_proxy {
namespace {

using base::Result;
using Json = nlohmann::ordered_json;

std::string print(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json document_of(const RouteView& view) {
  const Route& route = view.route;
  return {
      {"listener", route.key.listener},
      {"hostname", route.key.hostname},
      {"owner", route.owner},
      {"backend", route.backend},
      {"mode", name(route.mode)},
      {"tlsCert", route.tls_cert},
      {"tlsKey", route.tls_key},
      {"backendTls", route.protocol == Protocol::kTls},
      {"backendProtocol", name(route.protocol)},
      {"sendProxyProtocol", route.send_proxy_protocol},
      {"hold", route.hold.count()},
      {"health", name(view.health)},
      {"served", view.served},
      {"problem", view.problem},
      {"certificateNotAfter",
       view.certificate_until ? Json(base::to_rfc3339(*view.certificate_until)) : Json(nullptr)},
      {"openConnections", view.count.open},
      {"drainingConnections", view.draining},
      {"requests", view.count.requests},
      {"responses5xx", view.count.failed},
      {"waiting", view.count.waiting},
      {"held", view.count.held}};
}

// Long documents are put together from text: as one tree they take many times their length.
std::string documents_of(const std::vector<RouteView>& routes) {
  std::string out;
  for (const RouteView& route : routes) {
    if (!out.empty()) out += ",";
    out += print(document_of(route));
  }
  return out;
}

// `object`, which has members, with one more at its end.
std::string with_list(const Json& object, const std::string& name, const std::string& items) {
  std::string out = print(object);
  out.pop_back();
  return out + ",\"" + name + "\":[" + items + "]}";
}

// Takes fields out of an object; what is left at the end is unknown.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  void text(const char* field, std::string& target) {
    take(field, "a string", [&](const Json& value) {
      if (value.is_string()) target = value.get<std::string>();
      return value.is_string();
    });
  }
  void flag(const char* field, std::optional<bool>& target) {
    take(field, "true or false", [&](const Json& value) {
      if (value.is_boolean()) target = value.get<bool>();
      return value.is_boolean();
    });
  }
  void number(const char* field, int64_t& target) {
    take(field, "a whole number", [&](const Json& value) {
      if (value.is_number_integer()) target = value.get<int64_t>();
      return value.is_number_integer();
    });
  }
  void list(const char* field, const Json*& target) {
    take(field, "a list", [&](const Json& value) {
      target = &value;
      return value.is_array();
    });
  }

  Result<> done() const {
    if (!object_.is_object()) return base::invalid(where_ + "found no JSON object");
    if (!problem_.empty()) return base::invalid(problem_);
    for (const auto& [field, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), field) != known_.end()) continue;
      const auto near = base::nearest(field, known_);
      return base::invalid(
          where_ + field + ": unknown field",
          near ? "did you mean '" + *near + "'?" : "known: " + base::join(known_, ", "));
    }
    return {};
  }

 private:
  template <class Take>
  void take(const char* field, const char* wanted, const Take& taken) {
    known_.emplace_back(field);
    const auto found = object_.find(field);
    if (found == object_.end() || found->is_null()) return;
    if (!taken(*found) && problem_.empty()) problem_ = where_ + field + ": wanted " + wanted;
  }
  const Json& object_;
  std::string where_;
  std::string problem_;
  std::vector<std::string> known_;
};

// Reads what makes a route; `fields` may know more.
Result<> read_route(Fields& fields, Route& route) {
  std::string mode;
  std::string protocol;
  std::optional<bool> backend_tls;
  std::optional<bool> send_proxy;
  fields.text("backend", route.backend);
  fields.text("mode", mode);
  fields.text("tlsCert", route.tls_cert);
  fields.text("tlsKey", route.tls_key);
  fields.flag("backendTls", backend_tls);
  fields.text("backendProtocol", protocol);
  fields.flag("sendProxyProtocol", send_proxy);
  int64_t hold = 0;
  fields.number("hold", hold);
  MCP_CHECK(fields.done());
  if (mode.empty()) return base::invalid("mode is missing", "l4 or l7");
  MCP_TRY(route.mode, parse_mode(mode));
  if (!protocol.empty()) {
    MCP_TRY(route.protocol, parse_protocol(protocol));
    if (backend_tls && *backend_tls != (route.protocol == Protocol::kTls))
      return base::invalid("backendTls and backendProtocol '" + protocol + "' contradict",
                           "give one of them");
  } else {
    route.protocol = backend_tls.value_or(route.mode == Mode::kL4) ? Protocol::kTls : Protocol::kH1;
  }
  route.send_proxy_protocol = send_proxy.value_or(false);
  route.hold = std::chrono::seconds(hold);
  return {};
}

Result<Json> parse(const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return base::invalid("the body is not JSON");
  return json;
}

}  // namespace

std::string status_document(const ProxyView& view) {
  std::string listeners;
  for (const ListenerView& one : view.listeners) {
    int64_t open = 0;
    for (const RouteView& route : one.routes) open += route.count.open + route.draining;
    Json head = {{"address", one.listener.address},
                 {"proxyProtocol", one.listener.proxy_protocol},
                 {"open", one.open},
                 {"problem", one.problem},
                 {"openConnections", open}};
    listeners += listeners.empty() ? "" : ",";
    listeners += with_list(head, "routes", documents_of(one.routes));
  }
  return with_list({{"version", base::version()},
                    {"uptimeSeconds", view.uptime.count()},
                    {"haproxy",
                     {{"running", view.engine_running},
                      {"problem", view.engine_problem},
                      {"reloads", view.reloads},
                      {"canHold", view.can_hold}}}},
                   "listeners", listeners) +
         "\n";
}

std::string routes_document(const ProxyView& view) {
  std::string routes;
  for (const ListenerView& one : view.listeners) {
    const std::string some = documents_of(one.routes);
    routes += routes.empty() || some.empty() ? "" : ",";
    routes += some;
  }
  return "{\"routes\":[" + routes + "]}\n";
}

std::string generation_document(uint64_t generation) {
  return print({{"generation", generation}}) + "\n";
}

Result<PutBody> read_put(const std::string& body, const RouteKey& key) {
  MCP_TRY(const Json json, parse(body));
  PutBody out;
  out.route.key = key;
  Fields fields(json, "");
  fields.text("owner", out.owner);
  MCP_CHECK(read_route(fields, out.route));
  if (out.owner.empty()) return base::invalid("owner is missing", "who keeps this route");
  return out;
}

Result<ApplyBody> read_apply(const std::string& body) {
  MCP_TRY(const Json json, parse(body));
  ApplyBody out;
  const Json* upserts = nullptr;
  const Json* removes = nullptr;
  Fields fields(json, "");
  fields.text("owner", out.owner);
  fields.list("upserts", upserts);
  fields.list("removes", removes);
  MCP_CHECK(fields.done());
  if (out.owner.empty()) return base::invalid("owner is missing", "who keeps these routes");
  for (size_t i = 0; upserts && i < upserts->size(); ++i) {
    Route route;
    Fields one((*upserts)[i], "upserts[" + std::to_string(i) + "].");
    one.text("listener", route.key.listener);
    one.text("hostname", route.key.hostname);
    MCP_CHECK(read_route(one, route));
    out.upserts.push_back(std::move(route));
  }
  for (size_t i = 0; removes && i < removes->size(); ++i) {
    RouteKey key;
    Fields one((*removes)[i], "removes[" + std::to_string(i) + "].");
    one.text("listener", key.listener);
    one.text("hostname", key.hostname);
    MCP_CHECK(one.done());
    out.removes.push_back(std::move(key));
  }
  return out;
}

}  // namespace mc_proxy
