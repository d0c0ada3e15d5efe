#include "agent/runtime/api.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/core/text.h"

namespace agent {
namespace {

using base::Code;
using base::Result;
using Json = nlohmann::json;

constexpr int kOldestMajor = 4;

struct Meaning {
  const char* text;
  Code code;
  const char* hint;
};

// What podman says with status 500 alone (4.3.1 and 5.x).
constexpr Meaning kMeanings[] = {
    {"address already in use", Code::kConflict, "another process listens on that port of the host"},
    {"port is already allocated", Code::kConflict, "another container has that port of the host"},
    {"already in use", Code::kConflict, ""},
    {"image not known", Code::kNotFound, "pull the image"},
    {"no such secret", Code::kInvalid, "make it with `podman secret create NAME FILE`"},
    {"no such container", Code::kNotFound, ""},
    // Of a container whose storage is gone, or half gone, as after a removal that was cut off.
    {"unable to determine if", Code::kCorrupt, ""},
    {"layer not known", Code::kCorrupt, ""},
    {"container not known", Code::kCorrupt, ""},
    {"no such file or directory", Code::kInvalid, ""},
    {"permission denied", Code::kDenied, ""},
    {"no space left on device", Code::kExhausted, "`podman system prune` or a larger disk"},
};

}  // namespace

std::string call_name(const std::string& method, const std::string& path) {
  const std::vector<std::string> parts = base::split(path, '/');  // "", "containers", ...
  const std::string& last = parts.back();
  const std::string kind = parts.size() > 1 ? parts[1] : "";
  const std::string prefix = kind == "images" ? "image_" : kind == "networks" ? "network_" : "";
  if (kind == "images" && last == "pull") return last;
  if (parts.size() == 3)
    return last == "json"       ? prefix + "list"
           : method == "DELETE" ? prefix + "remove"
                                : prefix + last;
  return prefix + (last == "json" ? "inspect" : last);
}

std::string container_path(const reconciler::ContainerId& id, const char* action) {
  return "/containers/" + base::url_encode(id.str()) + action;
}

base::Error error_of(const base::HttpResponse& response, const std::string& doing) {
  const Json answer = Json::parse(response.body, nullptr, false);
  std::string why = "podman answered " + std::to_string(response.status);
  if (answer.is_object() && answer.contains("message") && answer["message"].is_string())
    why = answer["message"].get<std::string>();
  base::Error error = base::make_error(Code::kInternal, doing + ": " + why);
  if (response.status == 404) error.code = Code::kNotFound;
  if (response.status == 409) error.code = Code::kConflict;
  if (response.status == 400) error.code = Code::kInvalid;
  if (response.status != 500) return error;
  for (const Meaning& meaning : kMeanings) {
    if (why.find(meaning.text) == std::string::npos) continue;
    error.code = meaning.code;
    error.hint = meaning.hint;
    break;
  }
  return error;
}

Result<std::string> PodmanApi::find_socket() {
  if (!options_.socket.empty()) return options_.socket;
  std::vector<std::string> places;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"))
    places.push_back(std::string(runtime) + "/podman/podman.sock");
  if (::geteuid() == 0) places.push_back("/run/podman/podman.sock");
  if (!service_) {
    for (const std::string& place : places)
      if (answers(place)) return place;
    std::error_code failed;
    std::filesystem::create_directories(options_.runtime_folder, failed);
    if (failed)
      return base::make_error(Code::kDenied, "cannot make the folder " + options_.runtime_folder +
                                                 ": " + failed.message());
    service_ = std::make_unique<PodmanService>(options_.runtime_folder + "/podman.sock");
  }
  MCP_CHECK(service_->wait_ready(options_.deadlines.service_start));
  return options_.runtime_folder + "/podman.sock";
}

// One asks, and all who come meanwhile get the same answer: a podman that hangs costs each of them
// one deadline, not one after the other.
Result<std::shared_ptr<PodmanApi::Connection>> PodmanApi::connection() {
  std::promise<Found> answer;
  {
    std::unique_lock lock(mutex_);
    if (connection_) return connection_;
    if (asking_.valid()) {
      const std::shared_future<Found> asked = asking_;
      lock.unlock();
      return asked.get();
    }
    asking_ = answer.get_future().share();
  }
  Found found = connect();
  {
    const std::lock_guard lock(mutex_);
    if (found) connection_ = *found;
    asking_ = {};
  }
  answer.set_value(found);
  return found;
}

Result<std::shared_ptr<PodmanApi::Connection>> PodmanApi::connect() {
  MCP_TRY(const std::string socket, find_socket());
  auto made = std::make_shared<Connection>();
  made->client = std::make_unique<base::HttpClient>(base::HttpAddress::unix_socket(socket));
  MCP_TRY(const base::HttpResponse pong,
          made->client->request({.target = "/_ping", .deadline = options_.deadlines.ping}));
  const auto version = pong.headers.find("libpod-api-version");
  if (!pong.ok() || version == pong.headers.end())
    return base::make_error(Code::kInvalid, "what answers on " + socket + " is not podman",
                            "set [podman] socket to podman's own");
  const int major = std::atoi(version->second.c_str());
  if (major < kOldestMajor)
    return base::make_error(Code::kInvalid, "podman " + version->second + " is too old",
                            "install podman 4.0 or newer");
  made->version = version->second;
  made->prefix = "/v" + std::to_string(major) + ".0.0/libpod";
  // Podman would tell too, but GET /info takes longer than a container does.
  struct stat info{};
  made->rootless = ::stat(socket.c_str(), &info) == 0 && info.st_uid != 0;
  return made;
}

void PodmanApi::forget_if_gone(const std::shared_ptr<Connection>& connection,
                               const base::Error& error) {
  if (error.code != Code::kUnavailable) return;
  const std::lock_guard lock(mutex_);
  if (connection_ == connection) connection_ = nullptr;
}

base::HttpCall PodmanApi::to_http(const Call& call, const Connection& connection) {
  return {.method = call.method,
          .target = connection.prefix + call.path + base::url_query(call.parameters),
          .body = call.json,
          .content_type = call.json.empty() ? "" : "application/json",
          .headers = call.headers,
          .deadline = call.deadline};
}

void PodmanApi::count(const Call& call, std::chrono::nanoseconds took,
                      const Result<base::HttpResponse>& response) {
  if (call.deadline == base::Millis(0)) return;  // it ends when somebody has read enough
  const std::string name = call_name(call.method, call.path);
  options_.meters->podman.with({name}).observe(took);
  if (response && response->status < 400) return;
  const Code code = response ? error_of(*response, name).code : response.error().code;
  options_.meters->podman_errors.with({name, std::string(base::name(code))}).add();
}

Result<base::HttpResponse> PodmanApi::call(const Call& call) {
  const base::metrics::Stopwatch watch;
  auto response = this->ask(call);
  count(call, watch.elapsed(), response);
  return response;
}

Result<base::HttpResponse> PodmanApi::ask(const Call& call) {
  MCP_TRY(const auto connection, this->connection());
  auto response = connection->client->request(to_http(call, *connection));
  if (!response) forget_if_gone(connection, response.error());
  return response;
}

Result<base::HttpResponse> PodmanApi::stream(const Call& call, const base::HttpClient::Sink& sink,
                                             const std::stop_token& stop) {
  const base::metrics::Stopwatch watch;
  auto response = this->ask(call, sink, stop);
  count(call, watch.elapsed(), response);
  return response;
}

Result<base::HttpResponse> PodmanApi::ask(const Call& call, const base::HttpClient::Sink& sink,
                                          const std::stop_token& stop) {
  MCP_TRY(const auto connection, this->connection());
  auto response = connection->client->stream(to_http(call, *connection), sink, stop);
  if (!response) forget_if_gone(connection, response.error());
  return response;
}

Result<std::string> PodmanApi::version() {
  MCP_TRY(const auto connection, this->connection());
  return connection->version;
}

Result<bool> PodmanApi::rootless() {
  MCP_TRY(const auto connection, this->connection());
  return connection->rootless;
}

}  // namespace agent
