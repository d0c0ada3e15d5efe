#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/runtime/spec_json.h"
#include "reconciler/labels.h"

namespace agent {
namespace {

using Json = nlohmann::json;
using base::TimePoint;
using reconciler::ContainerState;
using reconciler::ObservedContainer;

// Podman's names (libpod/define/containerstate.go). One that is stopping still has its process.
ContainerState state_of(const std::string& text) {
  if (text == "created" || text == "configured" || text == "initialized")
    return ContainerState::kCreated;
  if (text == "running" || text == "stopping") return ContainerState::kRunning;
  if (text == "paused") return ContainerState::kPaused;
  if (text == "exited" || text == "stopped") return ContainerState::kExited;
  return ContainerState::kUnknown;
}

// Seconds since 1970; "never" is Go's zero time, long before.
TimePoint time_of(int64_t seconds) {
  return seconds > 0 ? TimePoint(std::chrono::seconds(seconds)) : TimePoint();
}

// A field that podman leaves out or sets to null is as good as its zero.
template <class T>
T field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? T() : found->get<T>();
}

// Go's RFC 3339; cut to the seconds that the list has.
TimePoint time_of(const std::string& text) {
  const auto time = base::parse_rfc3339(text);
  if (!time || *time <= TimePoint()) return TimePoint();
  return std::chrono::floor<std::chrono::seconds>(*time);
}

// All addresses are none in a definition and in podman 4; podman 5 writes them out.
std::string host_ip(const Json& port, const char* name) {
  const auto ip = field<std::string>(port, name);
  return ip == "0.0.0.0" ? "" : ip;
}

void add_ports(const Json& container, ObservedContainer& observed) {
  for (const Json& port : field<Json>(container, "Ports")) {
    crds::PortMapping mapping;
    mapping.host_ip = host_ip(port, "host_ip");
    mapping.host_port = field<uint16_t>(port, "host_port");
    mapping.container_port = field<uint16_t>(port, "container_port");
    mapping.protocol = field<std::string>(port, "protocol");
    // Neighbouring ports come as one range.
    const int range = std::max(1, field<int>(port, "range"));
    for (int i = 0; i < range; ++i) {
      observed.ports.push_back(mapping);
      ++mapping.host_port;
      ++mapping.container_port;
    }
  }
}

ObservedContainer parse(const Json& container) {
  ObservedContainer observed;
  observed.id = reconciler::ContainerId(container.at("Id").get<std::string>());
  const auto names = field<std::vector<std::string>>(container, "Names");
  if (!names.empty()) observed.name = names.front();
  observed.state = state_of(field<std::string>(container, "State"));
  observed.owner = reconciler::owner_of(field<crds::Labels>(container, "Labels"));
  observed.image = field<std::string>(container, "Image");
  add_ports(container, observed);
  std::sort(observed.ports.begin(), observed.ports.end());
  observed.exit_code = field<int>(container, "ExitCode");
  observed.started_at = time_of(field<int64_t>(container, "StartedAt"));
  observed.exited_at = time_of(field<int64_t>(container, "ExitedAt"));
  observed.pid = field<int>(container, "Pid");
  return observed;
}

// {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
void add_bindings(const Json& bindings, ObservedContainer& observed) {
  for (const auto& [target, sources] : bindings.items()) {
    const size_t slash = target.find('/');
    for (const Json& source : sources) {
      crds::PortMapping mapping;
      mapping.host_ip = host_ip(source, "HostIp");
      mapping.host_port =
          static_cast<uint16_t>(std::atoi(field<std::string>(source, "HostPort").c_str()));
      mapping.container_port = static_cast<uint16_t>(std::atoi(target.c_str()));
      mapping.protocol = target.substr(slash + 1);
      observed.ports.push_back(mapping);
    }
  }
  std::sort(observed.ports.begin(), observed.ports.end());
}

ObservedContainer parse_one(const Json& container) {
  ObservedContainer observed;
  observed.id = reconciler::ContainerId(container.at("Id").get<std::string>());
  observed.name = field<std::string>(container, "Name");
  observed.image = field<std::string>(container, "ImageName");
  observed.owner =
      reconciler::owner_of(field<crds::Labels>(field<Json>(container, "Config"), "Labels"));
  const Json host = field<Json>(container, "HostConfig");
  // A member of a pod has the ports of the container whose network it shares.
  const bool shares = field<std::string>(host, "NetworkMode").starts_with("container:");
  add_bindings(shares ? field<Json>(field<Json>(container, "NetworkSettings"), "Ports")
                      : field<Json>(host, "PortBindings"),
               observed);
  const Json& state = container.at("State");
  observed.state = state_of(field<std::string>(state, "Status"));
  observed.exit_code = field<int>(state, "ExitCode");
  observed.started_at = time_of(field<std::string>(state, "StartedAt"));
  observed.exited_at = time_of(field<std::string>(state, "FinishedAt"));
  observed.pid = field<int>(state, "Pid");
  return observed;
}

base::Error unreadable(const Json::exception& error) {
  return base::make_error(
      base::Code::kCorrupt,
      std::string("cannot read what podman says of a container: ") + error.what());
}

}  // namespace

base::Result<ObservedContainer> parse_inspect(const std::string& json) {
  try {
    return parse_one(Json::parse(json));
  } catch (const Json::exception& error) {
    return unreadable(error);
  }
}

base::Result<bool> parse_network_left(const std::string& json) {
  try {
    const Json container = Json::parse(json);
    // "stopped": it has ended; "exited": and was cleaned up (libpod/define/containerstate.go).
    return field<std::string>(container.at("State"), "Status") == "stopped" &&
           !field<std::string>(field<Json>(container, "NetworkSettings"), "SandboxKey").empty();
  } catch (const Json::exception& error) {
    return unreadable(error);
  }
}

base::Result<std::vector<std::string>> parse_bind_sources(const std::string& json) {
  try {
    std::vector<std::string> out;
    for (const Json& mount : field<Json>(Json::parse(json), "Mounts"))
      if (field<std::string>(mount, "Type") == "bind")
        out.push_back(field<std::string>(mount, "Source"));
    return out;
  } catch (const Json::exception& error) {
    return unreadable(error);
  }
}

base::Result<std::vector<ObservedContainer>> parse_list(const std::string& json) {
  try {
    std::vector<ObservedContainer> all;
    const Json parsed = Json::parse(json);
    for (const Json& container : parsed) all.push_back(parse(container));
    return all;
  } catch (const Json::exception& error) {
    return base::make_error(
        base::Code::kCorrupt,
        std::string("cannot read podman's list of containers: ") + error.what());
  }
}

}  // namespace agent
