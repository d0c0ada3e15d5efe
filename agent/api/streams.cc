#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/api/documents.h"
#include "agent/api/handlers.h"
#include "agent/api/parameters.h"

namespace agent {

using base::HttpReply;
using base::HttpStream;
using reconciler::Event;
using reconciler::ServiceName;

namespace {

constexpr int kPage = 256;
constexpr int kMostListed = 10'000;
constexpr base::Millis kLook{1000};  // between two looks whether the peer is still there
constexpr int kLooksToKeepAlive = 15;

// An event of a stream of server-sent events (WHATWG HTML, section 9.2.6).
std::string server_sent(const Event& event) {
  return "id: " + std::to_string(event.id) +
         "\ndata: " + event_json(event).dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n\n";
}

// Writes the events after `id`, then those that come, until the peer goes or the server stops.
// Filters here: a wait is for any event, and must go on after those of other services.
void follow(EventLog& log, int64_t id, const ServiceName& service, HttpStream& out) {
  int quiet = 0;
  while (out.open()) {
    const auto page = log.since(id, kPage);
    if (!page) return;  // the client resumes where it was
    for (const Event& event : *page) {
      id = event.id;
      if (!service.empty() && event.service != service) continue;
      if (!out.write(server_sent(event))) return;
      quiet = 0;
    }
    if (page->size() == kPage) continue;
    while (!log.wait_after(id, kLook, out.stop_token())) {
      if (!out.open()) return;
      if (++quiet % kLooksToKeepAlive == 0 && !out.write(": keep-alive\n\n")) return;
    }
  }
}

base::Result<std::optional<int64_t>> resume_id(const base::HttpRequest& request) {
  const auto header = request.headers.find("last-event-id");
  if (header == request.headers.end()) return number_parameter(request, "since");
  // The newer word of the two: a browser repeats its first URL when it reconnects.
  base::HttpRequest resumed;
  resumed.query["Last-Event-ID"] = header->second;
  return number_parameter(resumed, "Last-Event-ID");
}

}  // namespace

Handlers::Reply Handlers::events(const Request& request) {
  MCP_TRY(auto since, resume_id(request));
  MCP_TRY(const bool following, flag_parameter(request, "follow"));
  MCP_TRY(const auto limit, number_parameter(request, "limit"));
  const ServiceName service(request.query_or("service"));
  MCP_TRY(const auto newest, events_.latest(1));
  const int64_t last = newest.empty() ? 0 : newest.front().id;
  // An id that was never given out is another registry's: all of this one is news.
  if (since && *since > last) since = 0;
  if (!following) {
    const auto most = static_cast<int>(std::min<int64_t>(limit.value_or(kMostListed), kMostListed));
    MCP_TRY(const auto found, events_.latest(most, service, since.value_or(0)));
    return HttpReply::json(to_body(events_json(found)));
  }
  HttpReply reply;
  reply.headers["content-type"] = "text/event-stream";
  reply.headers["cache-control"] = "no-store";
  reply.stream = [this, id = since.value_or(last), service](HttpStream& out) {
    follow(events_, id, service, out);
  };
  return reply;
}

Handlers::Reply Handlers::logs(const Request& request) {
  const reconciler::ComponentKey key{ServiceName(request.captures.at("service")),
                                     reconciler::ComponentName(request.captures.at("component"))};
  const View view = backend_.view();
  const auto service = service_document(view, key.service);
  if (!service) return unknown("this node has no service", key.service.str(), service_names(view));
  std::vector<std::string> components;
  for (const Json& component : (*service)["components"]) components.push_back(component["name"]);
  if (std::find(components.begin(), components.end(), key.component.str()) == components.end())
    return unknown("service " + key.service.str() + " has no component", key.component.str(),
                   components);
  const auto container = container_of(view, key);
  if (!container)
    return base::not_found(key.text() + " has no container",
                           "mcp why " + key.text() + " tells what it waits for");
  LogOptions options;
  MCP_TRY(options.follow, flag_parameter(request, "follow"));
  MCP_TRY(const auto tail, number_parameter(request, "tail"));
  if (tail) options.tail = static_cast<int>(std::min<int64_t>(*tail, 1 << 30));
  MCP_TRY(options.since, time_parameter(request, "since", view.at));
  HttpReply reply;
  reply.headers["content-type"] = "text/plain; charset=utf-8";
  reply.stream = [this, id = *container, options](HttpStream& out) {
    const auto done =
        backend_.logs(id, options, [&](std::string_view lines) { return out.write(lines); });
    // The status line is long gone: the text is the one place left to say it.
    if (!done) out.write("mcp-agent: " + done.error().text() + "\n");
  };
  return reply;
}

}  // namespace agent
