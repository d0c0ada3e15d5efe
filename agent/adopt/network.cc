#include <algorithm>
#include <cstdlib>

#include "agent/adopt/parts.h"
#include "base/core/text.h"

namespace agent {
namespace {

class Network {
 public:
  Network(const Inspected& in, Reproduction& out) : in_(in), out_(out) {}

  void read() {
    add_network();
    if (!in_.in_pod()) add_ports();
  }

 private:
  crds::Component& component() { return out_.component; }

  void add_network() {
    const auto mode = field_of<std::string>(in_.host, "NetworkMode");
    if (mode == "host") {
      component().network = "host";
      return;
    }
    if (mode == "none" || mode.starts_with("ns:") ||
        (mode.starts_with("container:") && !in_.in_pod())) {
      out_.lose("network", mode, "it is on podman's default network");
      return;
    }
    Words names;
    const PodmanJson networks = part_of(part_of(in_.container, "NetworkSettings"), "Networks");
    for (const auto& [name, unused] : networks.items())
      if (name != "podman") names.push_back(name);
    if (!names.empty()) component().network = names.front();
    for (size_t i = 1; i < names.size(); ++i)
      out_.lose("network", names[i], "it is on " + names.front() + " alone");
    if (!names.empty() && !in_.in_pod()) add_aliases(part_of(networks, names.front().c_str()));
    if (names.empty() && !in_.fleet.network.empty())
      out_.lose("network", "podman's default",
                "it is on the fleet's network, " + in_.fleet.network);
  }

  void add_aliases(const PodmanJson& network) {
    const auto id = field_of<std::string>(in_.container, "Id");
    Words aliases;
    for (const std::string& alias : field_of<Words>(network, "Aliases"))
      if (!id.starts_with(alias) && alias != field_of<std::string>(in_.container, "Name"))
        aliases.push_back(alias);
    if (!aliases.empty())
      out_.lose("network-alias", base::join(aliases, ", "),
                "others find it as <service>-<component>, or as <service> if it is the only one");
    const std::string address =
        field_of<std::string>(part_of(network, "IPAMConfig"), "IPv4Address");
    if (!address.empty() || asked_for(in_, "--ip"))
      out_.lose("ip", field_of<std::string>(network, "IPAddress"), "podman chooses its address");
  }

  void add_ports() {
    const PodmanJson bindings = part_of(in_.host, "PortBindings");
    for (const auto& [target, sources] : bindings.items()) {
      const size_t slash = target.find('/');
      for (const PodmanJson& source : sources)
        component().ports.push_back(
            {field_of<std::string>(source, "HostIp"),
             static_cast<uint16_t>(std::atoi(field_of<std::string>(source, "HostPort").c_str())),
             static_cast<uint16_t>(std::atoi(target.c_str())),
             slash == std::string::npos ? "tcp" : target.substr(slash + 1)});
    }
    std::sort(component().ports.begin(), component().ports.end());
  }

  const Inspected& in_;
  Reproduction& out_;
};

}  // namespace

void add_network(const Inspected& in, Reproduction& out) {
  Network(in, out).read();
}

}  // namespace agent
