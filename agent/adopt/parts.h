#pragma once

#include <string>

#include "agent/adopt/component.h"
#include "agent/adopt/json.h"

// Private to this folder: the parts of reproduce(), each of which reads some of what podman says.
namespace agent {

struct Inspected {
  const PodmanJson& container;
  const PodmanJson& config;  // of the container
  const PodmanJson& host;    // its HostConfig
  const PodmanJson& image;
  const PodmanJson& image_config;
  const crds::Fleet& fleet;

  bool in_pod() const { return !field_of<std::string>(container, "Pod").empty(); }
};

// process.cc: cmd, env, secrets, user
void add_process(const Inspected& in, Reproduction& out);
// network.cc: network, ports
void add_network(const Inspected& in, Reproduction& out);
// resources.cc: volumes, memory, cpus, rights
void add_resources(const Inspected& in, Reproduction& out);
// losses.cc: the settings that no field of a component is for, where they are not what podman gives
// to a container whose maker has not asked for anything
void add_losses(const Inspected& in, Reproduction& out);

// The options and their values of podman's command line that made the container, without its own
// command. Empty when it was not made by one.
Words create_options(const Inspected& in);
bool asked_for(const Inspected& in, const std::string& option);

}  // namespace agent
