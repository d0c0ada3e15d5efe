#pragma once

#include <string>
#include <vector>

#include "reconciler/model.h"

// What podman is asked and what it says, as values. For this folder and its tests.
namespace agent {

// The body of POST /containers/create: podman's SpecGenerator
// (https://docs.podman.io/en/latest/_static/api.html#tag/containers/operation/ContainerCreateLibpod).
// `log_driver` empty: podman's default.
std::string create_json(const reconciler::ContainerSpec& spec, const std::string& log_driver);

// The answer of GET /containers/json.
base::Result<std::vector<reconciler::ObservedContainer>> parse_list(const std::string& json);

// The answer of GET /containers/{id}/json: equal to the container's entry in the list.
base::Result<reconciler::ObservedContainer> parse_inspect(const std::string& json);

// The same answer: whether the container has ended and podman has not yet cleaned up its network.
base::Result<bool> parse_network_left(const std::string& json);

// The same answer: the paths on the node that it has as volumes.
base::Result<std::vector<std::string>> parse_bind_sources(const std::string& json);

}  // namespace agent
