#include "agent/runtime/spec_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "reconciler/labels.h"

namespace agent {
namespace {

using Json = nlohmann::json;
using reconciler::ContainerSpec;

constexpr int64_t kCpuPeriod = 100000;              // microseconds, the kernel's default
constexpr int64_t kMaxLogBytes = 64 * 1024 * 1024;  // k8s-file grows without a limit otherwise
constexpr int kSecretMode = 0400;
constexpr char kEnvTarget[] = "env:";

Json ports_of(const ContainerSpec& spec) {
  Json ports = Json::array();
  for (const crds::PortMapping& port : spec.ports)
    ports.push_back({{"host_ip", port.host_ip},
                     {"host_port", port.host_port},
                     {"container_port", port.container_port},
                     {"protocol", port.protocol}});
  return ports;
}

void add_volumes(Json& body, const crds::Component& component) {
  for (const crds::Volume& volume : component.volumes) {
    if (volume.source.starts_with('/'))
      body["mounts"].push_back({{"type", "bind"},
                                {"source", volume.source},
                                {"destination", volume.target},
                                {"options", volume.options}});
    else
      body["volumes"].push_back(
          {{"Name", volume.source}, {"Dest", volume.target}, {"Options", volume.options}});
  }
}

void add_network(Json& body, const ContainerSpec& spec) {
  const std::string& network = spec.component.network;
  if (network == "host") {
    body["netns"] = {{"nsmode", "host"}};
    body.erase("portmappings");  // nothing is mapped there: the container has the host's ports
  } else if (!network.empty()) {
    body["netns"] = {{"nsmode", "bridge"}};
    body["Networks"] = {{network, {{"aliases", spec.aliases}}}};
  }
}

void add_secrets(Json& body, const crds::Component& component) {
  for (const crds::Secret& secret : component.secrets) {
    if (secret.target.starts_with(kEnvTarget))
      body["secret_env"][secret.target.substr(sizeof(kEnvTarget) - 1)] = secret.name;
    else
      body["secrets"].push_back({{"Source", secret.name},
                                 {"Target", secret.target},
                                 {"UID", 0},
                                 {"GID", 0},
                                 {"Mode", kSecretMode}});
  }
}

void add_limits(Json& body, const crds::Component& component) {
  if (component.memory_bytes > 0)
    body["resource_limits"]["memory"] = {{"limit", component.memory_bytes}};
  if (component.cpus > 0)
    body["resource_limits"]["cpu"] = {{"quota", std::llround(component.cpus * kCpuPeriod)},
                                      {"period", kCpuPeriod}};
}

void add_rights(Json& body, const crds::Component& component) {
  if (component.privileged) body["privileged"] = true;
  if (!component.cap_add.empty()) body["cap_add"] = component.cap_add;
  if (!component.cap_drop.empty()) body["cap_drop"] = component.cap_drop;
  // As `podman run --device` sends it: podman takes the text apart.
  for (const crds::Device& device : component.devices)
    body["devices"].push_back(
        {{"path", device.source + ":" + device.target + ":" + device.permissions}});
}

void add_health(Json& body, const crds::Component& component) {
  const auto* command =
      component.health ? std::get_if<crds::CmdCheck>(&component.health->check) : nullptr;
  if (!command) {
    // The image's own would get a timer of podman's.
    body["healthconfig"] = {{"Test", {"NONE"}}};
    return;
  }
  Json test = {"CMD"};
  for (const std::string& word : command->argv) test.push_back(word);
  // Interval 0: podman makes no timer, the agent asks. One failure is enough: the agent counts.
  body["healthconfig"] = {{"Test", test},
                          {"Interval", 0},
                          {"Timeout", std::chrono::nanoseconds(component.health->timeout).count()},
                          {"Retries", 1}};
}

}  // namespace

std::string create_json(const ContainerSpec& spec, const std::string& log_driver) {
  const crds::Component& component = spec.component;
  Json body = {{"name", spec.name},
               {"image", component.image},
               {"labels", reconciler::to_labels(spec.owner)},
               {"env", spec.env},
               {"portmappings", ports_of(spec)},
               // The reconciler heals; podman's policy would race with it and has no back-off.
               {"restart_policy", "no"}};
  if (component.stop_timeout)
    body["stop_timeout"] = std::chrono::ceil<std::chrono::seconds>(*component.stop_timeout).count();
  if (!component.cmd.empty()) body["command"] = component.cmd;
  if (!component.user.empty()) body["user"] = component.user;
  if (!log_driver.empty())
    body["log_configuration"] = {{"driver", log_driver}, {"size", kMaxLogBytes}};
  add_volumes(body, component);
  add_network(body, spec);
  add_secrets(body, component);
  add_limits(body, component);
  add_rights(body, component);
  add_health(body, component);
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace agent
