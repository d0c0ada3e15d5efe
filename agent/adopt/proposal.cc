#include "agent/adopt/proposal.h"

#include <algorithm>
#include <map>

#include "agent/adopt/json.h"
#include "base/core/text.h"

namespace agent {
namespace {

struct Member {
  ProposedPart* part;
  crds::Component* component;
  std::vector<std::string> exposed;
};

std::string port_text(const crds::PortMapping& port) {
  return std::to_string(port.container_port) + "/" + port.protocol;
}

// What the members of a pod publish, as the list has it for each of them.
std::vector<crds::PortMapping> ports_of(const PodmanJson& container) {
  std::vector<crds::PortMapping> ports;
  for (const PodmanJson& port : part_of(container, "Ports")) {
    const int range = std::max(1, field_of<int>(port, "range"));
    for (int i = 0; i < range; ++i)
      ports.push_back({field_of<std::string>(port, "host_ip"),
                       static_cast<uint16_t>(field_of<int>(port, "host_port") + i),
                       static_cast<uint16_t>(field_of<int>(port, "container_port") + i),
                       field_of<std::string>(port, "protocol")});
  }
  return ports;
}

base::Result<std::map<std::string, std::vector<crds::PortMapping>>> ports_of_all(
    const std::string& list) {
  try {
    std::map<std::string, std::vector<crds::PortMapping>> out;
    const PodmanJson parsed = PodmanJson::parse(list);
    for (const PodmanJson& container : parsed)
      out.emplace(container.at("Id").get<std::string>(), ports_of(container));
    return out;
  } catch (const PodmanJson::exception& error) {
    return base::make_error(
        base::Code::kCorrupt,
        std::string("cannot read podman's list of containers: ") + error.what());
  }
}

// A pod publishes ports for all of its members: each goes to the one whose image declares it, else
// to the first.
void share_out_ports(std::vector<Member>& members, const std::vector<crds::PortMapping>& ports) {
  for (const crds::PortMapping& port : ports) {
    Member* heir = &members.front();
    for (Member& member : members)
      if (std::find(member.exposed.begin(), member.exposed.end(), port_text(port)) !=
          member.exposed.end()) {
        heir = &member;
        break;
      }
    heir->component->ports.push_back(port);
    if (members.size() > 1)
      heir->part->losses.push_back(
          {"pod", heir->part->container.pod,
           "port " + port_text(port) + " is taken to be this member's: see whether it is"});
  }
  if (members.size() < 2) return;
  for (Member& member : members)
    member.part->losses.push_back({"pod", member.part->container.pod,
                                   "it leaves the pod: the members do not share localhost any "
                                   "more, and find each other by name"});
}

// One entry a unit, project or pod, in the order in which they are met.
void add_manager(std::vector<Manager>& managers, Manager manager) {
  if (std::find(managers.begin(), managers.end(), manager) == managers.end())
    managers.push_back(std::move(manager));
}

void add_managers(const Candidate& one, const std::string& restarts,
                  std::vector<Manager>& managers) {
  if (!one.unit.empty())
    add_manager(managers,
                {"systemd", one.unit,
                 "systemd starts it again when it ends: remove its unit (a quadlet: the .container "
                 "file), then systemctl daemon-reload, or with --user for a user's unit; do not "
                 "stop the unit, that stops the container"});
  if (!one.project.empty())
    add_manager(managers, {"compose", one.project,
                           "do not run compose up, down or restart for this project any more: "
                           "move its file away"});
  if (!one.pod.empty())
    add_manager(managers, {"pod", one.pod,
                           "do not run podman kube play or podman pod for it any more; when its "
                           "last member has been replaced: podman pod rm " +
                               one.pod});
  if (!restarts.empty())
    add_manager(managers, {"podman", one.name,
                           "podman itself restarts it (" + restarts +
                               ") until it is replaced the next time; nothing is to be done"});
}

struct Reading {
  Candidate container;
  Reproduction reproduction;
};

// What belongs to it and runs. One that has gone meanwhile is left out.
base::Result<std::vector<Reading>> read_all(std::vector<Candidate> found, const crds::Fleet& fleet,
                                            RuntimeDocuments& podman, Proposal& out) {
  std::vector<Reading> readings;
  for (Candidate& one : found) {
    if (one.state != "running") {
      out.left_out.push_back({one.name, "it is " + one.state + ", and only what runs is adopted"});
      continue;
    }
    const auto container = podman.container_document(one.id.str());
    if (!container && container.error().code == base::Code::kNotFound) {
      out.left_out.push_back({one.name, "it has gone"});
      continue;
    }
    if (!container) return container.error();
    MCP_TRY(const std::string image, podman.image_document(one.image_id));
    MCP_TRY(Reproduction reproduction, reproduce(*container, image, fleet));
    readings.push_back({std::move(one), std::move(reproduction)});
  }
  return readings;
}

}  // namespace

base::Result<Proposal> propose(const crds::ServiceName& service, const crds::NodeName& node,
                               const crds::Fleet& fleet,
                               const std::set<reconciler::ContainerId>& ours,
                               RuntimeDocuments& podman) {
  MCP_TRY(const std::string list, podman.containers_document());
  MCP_TRY(Candidates candidates, find_candidates(list, service.str(), ours));
  MCP_TRY(const auto ports, ports_of_all(list));
  Proposal out;
  out.others = std::move(candidates.others);
  MCP_TRY(auto readings, read_all(std::move(candidates.found), fleet, podman, out));
  out.definition.name = service;
  out.definition.node = node;
  // Both are pointed into below.
  out.parts.reserve(readings.size());
  out.definition.components.reserve(readings.size());
  std::map<std::string, std::vector<Member>> pods;
  for (Reading& reading : readings) {
    auto& [container, reproduction] = reading;
    reproduction.component.name = crds::ComponentName(container.component);
    add_managers(container, reproduction.podman_restarts, out.managers);
    out.definition.components.push_back(std::move(reproduction.component));
    out.parts.push_back({std::move(container), std::move(reproduction.losses)});
    if (!out.parts.back().container.pod.empty())
      pods[out.parts.back().container.pod].push_back(
          {&out.parts.back(), &out.definition.components.back(), std::move(reproduction.exposed)});
  }
  for (auto& [pod, members] : pods)
    share_out_ports(members, ports.at(members.front().part->container.id.str()));
  return out;
}

}  // namespace agent
