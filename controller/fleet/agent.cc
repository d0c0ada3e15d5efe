#include "controller/fleet/agent.h"

#include <charconv>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/core/text.h"
#include "base/http/client.h"
#include "base/http/server.h"
#include "controller/fleet/address.h"
#include "controller/fleet/ssh.h"
#include "controller/fleet/versions.h"

namespace controller {
namespace {

// As long as an agent's look at the repository may take, and some.
constexpr base::Millis kExamination = std::chrono::seconds(90);

using Json = nlohmann::ordered_json;

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

struct Agent::Link {
  std::unique_ptr<SshTunnel> tunnel;  // null: no ssh
  std::unique_ptr<base::HttpClient> client;
  std::string token;
  std::string version;  // ours
  mutable std::mutex mutex;
  std::string seen_version;

  static base::Result<std::unique_ptr<Link>> make(const std::string& address, AgentAccess access) {
    MCP_TRY(const AgentAddress parsed, parse_address(address));
    auto link = std::make_unique<Link>();
    link->version = access.version;
    base::HttpAddress to = base::HttpAddress::unix_socket(parsed.socket);
    if (parsed.kind == AgentAddress::Kind::kSsh) {
      MCP_TRY(link->tunnel, SshTunnel::open(parsed));
      to = base::HttpAddress::unix_socket(link->tunnel->socket());
    } else if (parsed.kind == AgentAddress::Kind::kHttps) {
      to = base::HttpAddress::https(parsed.host, parsed.port, std::move(access.ca_file));
      link->token = std::move(access.token);
    }
    link->client = std::make_unique<base::HttpClient>(std::move(to));
    return link;
  }

  base::HttpHeaders headers() const {
    return token.empty() ? base::HttpHeaders{}
                         : base::HttpHeaders{{"authorization", "Bearer " + token}};
  }

  void note(const base::HttpResponse& response) {
    const auto version = response.headers.find("mcp-agent-version");
    if (version == response.headers.end()) return;
    const std::lock_guard lock(mutex);
    seen_version = version->second;
  }
};

Agent::Agent(std::string name, std::string address, base::Millis deadline, AgentAccess access)
    : name_(std::move(name)), address_(std::move(address)), deadline_(deadline) {
  if (auto link = Link::make(address_, std::move(access)))
    link_ = std::move(*link);
  else
    bad_address_ = name_.empty() ? link.error() : link.error().within(name_);
}

Agent::~Agent() = default;
Agent::Agent(Agent&&) noexcept = default;
Agent& Agent::operator=(Agent&&) noexcept = default;

std::string Agent::seen_version() const {
  if (link_ == nullptr) return {};
  const std::lock_guard lock(link_->mutex);
  return link_->seen_version;
}

// A transport error in the words of somebody who wanted to ask an agent.
base::Error Agent::unreachable(const base::Error& error) const {
  const std::string what = "cannot reach the agent" + (name_.empty() ? "" : " of " + name_) + ": ";
  if (link_->tunnel == nullptr)
    return base::unavailable(
        what + error.message,
        address_.starts_with("https://") && !error.hint.empty()
            ? error.hint
            : "is mcp-agent running there? --agent and MCP_AGENT name another address");
  const std::string said = link_->tunnel->complaint();
  return base::unavailable(what + address_ + ": " + (said.empty() ? error.message : said),
                           "does `" + link_->tunnel->by_hand() + "` work?");
}

base::Error Agent::refusal(const base::HttpCall& call, const base::HttpResponse& response) const {
  base::Error error = base::error_of(response);
  const std::string path = call.target.substr(0, call.target.find('?'));
  // What the server says of a path that it has no route for.
  const bool unknown =
      response.status == 405 || (response.status == 404 && error.message == "there is no " + path);
  if (!unknown) return error;
  const std::string seen = seen_version();
  const std::string& ours = link_->version;
  const std::string it = "the agent of " + label();
  const std::string what = " does not know " + call.method + " " + path;
  const std::string versions = "it is " + (seen.empty() ? "of an unknown version" : seen) +
                               ", and this mcp " + (ours.empty() ? "too" : ours);
  switch (compare_ages(seen, ours)) {
    case Age::kOlder:
      return base::make_error(base::Code::kInternal, it + " is older than this mcp and" + what,
                              versions + ": install the newer mcp-agent there");
    case Age::kNewer:
      return base::make_error(base::Code::kInternal, it + " is newer than this mcp and" + what,
                              versions + ": install the newer mcp here");
    default:
      return base::make_error(base::Code::kInternal,
                              it + what + ", as one that is older than this mcp does not",
                              versions + ": install the same version on both sides");
  }
}

base::Result<base::HttpResponse> Agent::request(base::HttpCall call) const {
  if (link_ == nullptr) return bad_address_;
  call.headers.merge(link_->headers());
  auto response = link_->client->request(call);
  if (!response) return unreachable(response.error());
  link_->note(*response);
  if (!response->ok()) return refusal(call, *response);
  return response;
}

base::Result<std::string> Agent::call(const std::string& method, const std::string& target,
                                      std::string body) const {
  base::HttpCall call{.method = method, .target = target, .body = std::move(body)};
  if (!call.body.empty()) call.content_type = "application/json";
  call.deadline = deadline_;
  MCP_TRY(base::HttpResponse response, request(std::move(call)));
  return std::move(response.body);
}

base::Result<DoctorReport> Agent::doctor() const {
  const base::HttpCall call{.target = "/v1/doctor", .deadline = kExamination};
  MCP_TRY(const base::HttpResponse response, request(call));
  return parse_doctor(response.body);
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

base::Result<AdoptionProposal> Agent::propose_adoption(const std::string& service) const {
  MCP_TRY(const std::string body,
          call("POST", "/v1/services/" + base::url_encode(service) + "/adopt", "{}"));
  return parse_adoption(body);
}

base::Result<> Agent::adopt(const std::string& service,
                            const std::map<std::string, std::string>& files,
                            const std::map<std::string, std::string>& containers) const {
  Json wish = {{"files", Json::object()}, {"components", Json::object()}};
  for (const auto& [path, text] : files) wish["files"][path] = text;
  for (const auto& [component, id] : containers) wish["components"][component] = id;
  MCP_CHECK(call("POST", "/v1/services/" + base::url_encode(service) + "/adopt",
                 wish.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return {};
}

base::Result<std::vector<Event>> Agent::events(int limit, const std::string& service) const {
  std::map<std::string, std::string> parameters = {{"limit", std::to_string(limit)}};
  if (!service.empty()) parameters["service"] = service;
  MCP_TRY(const std::string body, call("GET", "/v1/events" + base::url_query(parameters)));
  return parse_events(body);
}

base::Result<> Agent::stream(const std::string& target, base::Millis deadline, const LineSink& sink,
                             const std::stop_token& stop) const {
  if (link_ == nullptr) return bad_address_;
  Lines lines(sink);
  const base::HttpCall call{.target = target, .headers = link_->headers(), .deadline = deadline};
  const auto response =
      link_->client->stream(call, [&](std::string_view piece) { return lines.take(piece); }, stop);
  if (!response) return unreachable(response.error());
  if (stop.stop_requested()) return {};
  link_->note(*response);
  if (!response->ok()) return refusal(call, *response);
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

namespace {

constexpr char kSum[] = "mcp-file-sha256";
constexpr char kSize[] = "mcp-file-size";
constexpr char kMode[] = "mcp-file-mode";
// The server ends a transfer that stands still, or is slower than 16 KiB a second; others take
// their time.
constexpr base::Millis kTransfer = std::chrono::hours(24);

std::string file_target(const std::string& service, const std::string& path) {
  std::string target = "/v1/files/" + base::url_encode(service);
  for (const std::string& part : base::split(path, '/')) target += "/" + base::url_encode(part);
  return target;
}

}  // namespace

base::Result<Agent::File> Agent::put_file(const std::string& service, const std::string& path,
                                          const File& file, const FileSource& read,
                                          std::stop_token stop) const {
  base::HttpCall call{.method = "PUT",
                      .target = file_target(service, path),
                      .content_type = "application/octet-stream",
                      .headers = {{kSum, file.sha256}, {kMode, file.mode}},
                      .deadline = kTransfer,
                      .stop = std::move(stop)};
  if (file.size > 0) call.upload = read;
  call.upload_size = file.size;
  MCP_TRY(const base::HttpResponse response, request(std::move(call)));
  const Json answer = Json::parse(response.body, nullptr, false);
  if (!answer.is_object() || !answer.contains("size") || !answer["size"].is_number_unsigned())
    return base::make_error(base::Code::kInternal,
                            "the agent of " + label() + " took the file and does not say how");
  return File{answer["size"].get<uint64_t>(), answer.value("mode", ""), answer.value("sha256", "")};
}

base::Result<Agent::File> Agent::get_file(const std::string& service, const std::string& path,
                                          const FileSink& sink, std::stop_token stop) const {
  if (link_ == nullptr) return bad_address_;
  const base::HttpCall call{.target = file_target(service, path),
                            .headers = link_->headers(),
                            .deadline = base::Millis(0)};
  const auto response = link_->client->stream(call, sink, std::move(stop));
  if (!response) return unreachable(response.error());
  link_->note(*response);
  if (!response->ok()) return refusal(call, *response);
  const auto header = [&](const char* name) {
    const auto found = response->headers.find(name);
    return found == response->headers.end() ? std::string() : found->second;
  };
  File file{.mode = header(kMode), .sha256 = header(kSum)};
  const std::string size = header(kSize);
  std::from_chars(size.data(), size.data() + size.size(), file.size);
  return file;
}

}  // namespace controller
