#include "agent/runtime/podman.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "agent/runtime/api.h"
#include "agent/runtime/clean_up.h"
#include "agent/runtime/events.h"
#include "agent/runtime/last_lines.h"
#include "agent/runtime/mounts.h"
#include "agent/runtime/read_log.h"
#include "agent/runtime/registry_auth.h"
#include "agent/runtime/spec_json.h"
#include "reconciler/labels.h"

namespace agent {
namespace {

using base::Code;
using base::Millis;
using base::Result;
using Json = nlohmann::json;
using reconciler::ContainerId;
using reconciler::ContainerSpec;
using reconciler::ContainerState;
using reconciler::ObservedContainer;

constexpr int64_t kUsualStopTimeout = 10;  // podman's, in seconds
constexpr int kNotModified = 304;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

bool says(const base::HttpResponse& response, std::string_view text) {
  return response.body.find(text) != std::string::npos;
}

// Null when there is none.
Json member(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? Json() : *found;
}

std::string text_at(const Json& object, const char* name) {
  const Json found = member(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

}  // namespace

struct Podman::Impl {
  explicit Impl(PodmanOptions options) : may_mount(options.may_mount), api(std::move(options)) {}

  const std::function<base::Result<>(const std::string&)> may_mount;
  PodmanApi api;
  std::jthread watcher;

  Result<base::HttpResponse> post(const std::string& path, Millis deadline,
                                  Parameters parameters = {}) {
    return api.call({.method = "POST",
                     .path = path,
                     .parameters = std::move(parameters),
                     .deadline = deadline});
  }

  Result<std::vector<ObservedContainer>> list(Json filters) {
    Parameters parameters = {{"all", "true"}};
    if (!filters.empty()) parameters["filters"] = filters.dump();
    MCP_TRY(const auto answer, api.call({.path = "/containers/json",
                                         .parameters = std::move(parameters),
                                         .deadline = api.deadlines().read}));
    if (!answer.ok()) return error_of(answer, "cannot list containers");
    return parse_list(answer.body);
  }

  Result<std::string> inspect(const ContainerId& id) {
    return document(container_path(id, "/json"),
                    "cannot inspect container " + id.str().substr(0, 12));
  }

  Result<ObservedContainer> find(const ContainerId& id) {
    MCP_TRY(const std::string text, inspect(id));
    return parse_inspect(text);
  }

  Result<Millis> stop_timeout(const ContainerId& id) {
    MCP_TRY(const std::string text, inspect(id));
    const Json own = member(member(Json::parse(text, nullptr, false), "Config"), "StopTimeout");
    return std::chrono::seconds(own.is_number_integer() ? own.get<int64_t>() : kUsualStopTimeout);
  }

  Result<std::string> document(const std::string& path, const std::string& doing,
                               Parameters parameters = {}) {
    MCP_TRY(auto answer, api.call({.path = path,
                                   .parameters = std::move(parameters),
                                   .deadline = api.deadlines().read}));
    if (!answer.ok()) return error_of(answer, doing);
    return std::move(answer.body);
  }

  // A file of podman's own where its default may be a log that cannot be read back: another user's
  // journal is not for us to read (journalctl(1)). Podman could tell what its default is, but
  // GET /info takes longer than a container does.
  static std::string choose_log_driver() {
    const bool readable = ::geteuid() == 0 && ::access("/run/systemd/journal/socket", F_OK) == 0;
    return readable ? "" : "k8s-file";
  }

  Result<base::HttpResponse> try_create(const ContainerSpec& spec) {
    const PodmanApi::Call call = {.method = "POST",
                                  .path = "/containers/create",
                                  .json = create_json(spec, choose_log_driver()),
                                  .deadline = api.deadlines().create};
    MCP_TRY(auto answer, api.call(call));
    if (answer.ok() || !says(answer, "network not found")) return answer;
    MCP_CHECK(make_network(spec.component.network));
    return api.call(call);
  }

  Result<> make_network(const std::string& network) {
    const Json body = {{"name", network}, {"driver", "bridge"}, {"dns_enabled", true}};
    MCP_TRY(const auto answer, api.call({.method = "POST",
                                         .path = "/networks/create",
                                         .json = body.dump(),
                                         .deadline = api.deadlines().create}));
    // Another step may have made it meanwhile.
    if (answer.ok() || answer.status == kConflict) return {};
    return error_of(answer, "cannot make the network " + network);
  }

  // The container that has the name already.
  Result<ContainerId> settle_name(const ContainerSpec& spec, base::Error error) {
    MCP_TRY(const auto named, list({{"name", {"^" + spec.name + "$"}}}));
    for (const ObservedContainer& other : named) {
      if (other.name != spec.name) continue;
      if (other.owner && reconciler::same_make(*other.owner, spec.owner)) return other.id;
      return base::make_error(
          Code::kConflict,
          "cannot create container " + spec.name + ": the name is taken by container " +
              other.id.str().substr(0, 12) + (other.owner ? " of another definition" : ""),
          other.owner ? "" : "rename or remove it: it is not managed here");
    }
    return error;
  }
};

Podman::Podman(PodmanOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Podman::~Podman() {
  stop_watching();
}

Result<std::string> Podman::version() {
  return impl_->api.version();
}

Result<std::string> Podman::graph_root() {
  MCP_TRY(const std::string text, info_document());
  const Json root = member(member(Json::parse(text, nullptr, false), "store"), "graphRoot");
  if (!root.is_string())
    return base::make_error(base::Code::kInternal, "podman does not say where it keeps images");
  return root.get<std::string>();
}

Result<std::vector<ObservedContainer>> Podman::list() {
  return impl_->list({});
}

Result<ObservedContainer> Podman::inspect(const ContainerId& id) {
  return impl_->find(id);
}

Result<ContainerId> Podman::create(const ContainerSpec& spec) {
  const std::string doing = "cannot create container " + spec.name;
  for (const crds::Volume& volume : spec.component.volumes)
    if (volume.source.starts_with('/') && impl_->may_mount)
      MCP_CHECK(impl_->may_mount(volume.source));
  MCP_TRY(const auto answer, impl_->try_create(spec));
  if (!answer.ok()) {
    base::Error error = error_of(answer, doing);
    if (error.code == Code::kConflict) return impl_->settle_name(spec, std::move(error));
    return error;
  }
  const Json created = Json::parse(answer.body, nullptr, false);
  const std::string id = text_at(created, "Id");
  if (id.empty()) return base::make_error(Code::kCorrupt, doing + ": podman gave no id");
  return ContainerId(id);
}

Result<ObservedContainer> Podman::start(const ContainerId& id) {
  const Millis deadline = impl_->api.deadlines().start;
  const std::string doing = "cannot start container " + id.str().substr(0, 12);
  MCP_CHECK(check_mounts(impl_->api, container_path(id, "/json"), impl_->may_mount));
  MCP_TRY(const bool clean, cleaned_up(impl_->api, container_path(id, "/json")));
  MCP_TRY(auto answer, impl_->post(container_path(id, "/start"), deadline));
  if (!clean && answer.ok()) {
    // A restart makes the network anew, but only of one that runs.
    MCP_TRY(answer, impl_->post(container_path(id, "/restart"), deadline, {{"timeout", "0"}}));
  } else if (!clean) {
    // Pasta (podman 5) held the ports still; the start that failed has ended it.
    MCP_TRY(answer, impl_->post(container_path(id, "/start"), deadline));
  }
  if (!answer.ok() && says(answer, "state improper")) {
    MCP_TRY(const ObservedContainer now, impl_->find(id));
    if (now.state == ContainerState::kRunning) return now;
    if (now.state == ContainerState::kPaused) {
      MCP_TRY(answer, impl_->post(container_path(id, "/unpause"), deadline));
    }
  }
  if (!answer.ok() && answer.status != kNotModified) return error_of(answer, doing);
  return impl_->find(id);
}

Result<> Podman::stop(const ContainerId& id, std::optional<Millis> timeout) {
  if (!timeout) {
    const auto own = impl_->stop_timeout(id);
    if (!own && own.error().code == Code::kNotFound) return {};
    MCP_TRY(timeout, own);
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*timeout);
  const Millis deadline = *timeout + impl_->api.deadlines().stop_margin;
  const Parameters parameters = {{"timeout", std::to_string(seconds.count())}};
  MCP_TRY(auto answer, impl_->post(container_path(id, "/stop"), deadline, parameters));
  if (!answer.ok() && says(answer, "state improper")) {
    // A paused one cannot be stopped (libpod refuses), and would not see the signal.
    MCP_TRY(answer, impl_->post(container_path(id, "/unpause"), deadline));
    if (answer.ok()) {
      MCP_TRY(answer, impl_->post(container_path(id, "/stop"), deadline, parameters));
    }
  }
  if (answer.ok() || answer.status == kNotModified || answer.status == kNotFound) return {};
  return error_of(answer, "cannot stop container " + id.str().substr(0, 12));
}

Result<> Podman::remove(const ContainerId& id) {
  const std::string doing = "cannot remove container " + id.str().substr(0, 12);
  MCP_TRY(const auto answer,
          impl_->api.call({.method = "DELETE",
                           .path = container_path(id, ""),
                           .parameters = {{"force", "true"}, {"v", "true"}, {"timeout", "0"}},
                           .deadline = impl_->api.deadlines().remove}));
  if (answer.status == kNotFound || says(answer, "no such container")) return {};
  if (!answer.ok()) return error_of(answer, doing);
  // A report a container, each with an error of its own.
  const Json reports = Json::parse(answer.body, nullptr, false);
  for (const Json& report : reports.is_array() ? reports : Json::array()) {
    if (const Json error = member(report, "Err"); !error.is_null())
      return base::make_error(Code::kInternal, doing + ": " + error.dump());
  }
  return {};
}

Result<> Podman::pull(const std::string& image) {
  MCP_TRY(const RegistryAuth auth, registry_auth(image, impl_->api.options()));
  base::HttpHeaders headers;
  if (!auth.header.empty()) headers["x-registry-auth"] = auth.header;
  // The status is 200 before anything was fetched: the outcome stands in the stream, a JSON
  // document a line.
  std::string line;
  std::string why;
  bool done = false;
  const auto read_line = [&] {
    const Json report = Json::parse(line, nullptr, false);
    if (const std::string error = text_at(report, "error"); !error.empty()) why = error;
    if (!text_at(report, "id").empty()) done = true;
    line.clear();
  };
  MCP_TRY(const auto answer,
          impl_->api.stream({.method = "POST",
                             .path = "/images/pull",
                             .parameters = {{"reference", image}, {"policy", "missing"}},
                             .headers = std::move(headers),
                             .deadline = impl_->api.deadlines().pull},
                            [&](std::string_view piece) {
                              for (const char c : piece) {
                                if (c != '\n')
                                  line += c;
                                else
                                  read_line();
                              }
                              return true;
                            }));
  if (!line.empty()) read_line();
  if (!answer.ok()) return pull_error(image, error_of(answer, "podman refuses").message, auth);
  if (!why.empty()) return pull_error(image, why, auth);
  if (!done) return base::unavailable("cannot pull " + image + ": podman did not say how it ended");
  return {};
}

Result<std::string> Podman::containers_document() {
  return impl_->document("/containers/json", "cannot list containers", {{"all", "true"}});
}

Result<std::string> Podman::container_document(const std::string& id) {
  return impl_->document("/containers/" + base::url_encode(id) + "/json",
                         "cannot inspect container " + id.substr(0, 12));
}

Result<std::string> Podman::image_document(const std::string& id) {
  return impl_->document("/images/" + base::url_encode(id) + "/json",
                         "cannot inspect image " + id.substr(0, 12));
}

// https://docs.podman.io/en/latest/_static/api.html#tag/system/operation/SystemInfoLibpod
Result<std::string> Podman::info_document() {
  return impl_->document("/info", "cannot ask podman how it is set up");
}

Result<> Podman::logs(const ContainerId& id, const LogOptions& options,
                      const std::function<bool(std::string_view)>& sink) {
  Parameters parameters;
  if (options.follow) parameters["follow"] = "true";
  if (options.tail >= 0) parameters["tail"] = std::to_string(options.tail);
  if (options.since) parameters["since"] = base::to_rfc3339(*options.since);
  return read_log(impl_->api, id, std::move(parameters), Millis(0), sink);
}

Result<std::vector<std::string>> Podman::last_lines(const ContainerId& id, int count) {
  LastLines last(count);
  const auto keep = [&](std::string_view line) {
    last.add(line);
    return true;
  };
  const Millis deadline = impl_->api.deadlines().read;
  MCP_CHECK(read_log(impl_->api, id, {{"tail", std::to_string(last.limit())}}, deadline, keep));
  auto lines = last.take();
  if (!lines.empty()) return lines;
  // Podman's tail leaves out a line that has no end and none before it.
  MCP_CHECK(read_log(impl_->api, id, {}, deadline, keep));
  return last.take();
}

Result<> Podman::healthcheck(const ContainerId& id, Millis timeout) {
  const std::string doing = "cannot check container " + id.str().substr(0, 12);
  auto called = impl_->api.call({.path = container_path(id, "/healthcheck"),
                                 .deadline = timeout + impl_->api.deadlines().health_margin});
  if (!called && called.error().code == Code::kTimeout) {
    // Whose time is over: the command's, or podman's?
    auto pong = impl_->api.call({.path = "/_ping", .deadline = impl_->api.deadlines().ping});
    if (!pong) return base::unavailable(doing + ": podman does not answer");
  }
  MCP_TRY(const auto answer, std::move(called));
  if (!answer.ok()) return error_of(answer, doing);
  const Json result = Json::parse(answer.body, nullptr, false);
  if (text_at(result, "Status") == "healthy") return {};

  // The answer has no output; what the command said is in the container's state.
  MCP_TRY(const auto inspected, impl_->api.call({.path = container_path(id, "/json"),
                                                 .deadline = impl_->api.deadlines().read}));
  const Json log =
      member(member(member(Json::parse(inspected.body, nullptr, false), "State"), "Health"), "Log");
  std::string why = "the health command failed";
  // Its exit code is lost: podman's log has 1 for any.
  const std::string output =
      log.is_array() && !log.empty() ? text_at(log.back(), "Output") : std::string();
  if (!output.empty()) why += ": " + output;
  return base::make_error(Code::kInternal, why);
}

void Podman::watch(Hint hint) {
  impl_->watcher = std::jthread([this, hint = std::move(hint)](const std::stop_token& stop) {
    follow_events(impl_->api, hint, stop);
  });
}

void Podman::stop_watching() {
  impl_->watcher.request_stop();
  if (impl_->watcher.joinable()) impl_->watcher.join();
}

}  // namespace agent
