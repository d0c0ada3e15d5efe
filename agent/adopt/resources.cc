#include <algorithm>

#include "agent/adopt/parts.h"

namespace agent {
namespace {

class Resources {
 public:
  Resources(const Inspected& in, Reproduction& out) : in_(in), out_(out) {}

  void read() {
    add_volumes();
    add_limits();
    add_rights();
  }

 private:
  crds::Component& component() { return out_.component; }

  void add_volumes() {
    auto mounts = field_of<std::vector<PodmanJson>>(in_.container, "Mounts");
    std::sort(mounts.begin(), mounts.end(), [](const PodmanJson& a, const PodmanJson& b) {
      return field_of<std::string>(a, "Destination") < field_of<std::string>(b, "Destination");
    });
    for (const PodmanJson& mount : mounts) add_mount(mount);
  }

  void add_mount(const PodmanJson& mount) {
    const auto type = field_of<std::string>(mount, "Type");
    const bool named = type == "volume";
    const std::string source = field_of<std::string>(mount, named ? "Name" : "Source");
    const std::string target = field_of<std::string>(mount, "Destination");
    if ((!named && type != "bind") || source.find(':') != std::string::npos ||
        target.find(':') != std::string::npos)
      return out_.lose("mount", type + " " + source + " at " + target, "it is not there");
    crds::Volume volume{source, target, {}};
    if (!field_of<bool>(mount, "RW")) volume.options.push_back("ro");
    for (const std::string& option : field_of<Words>(mount, "Options")) {
      const bool usual = option == "rbind" || option == "bind" || option == "rw" ||
                         (named && (option == "nosuid" || option == "nodev"));
      if (!usual) volume.options.push_back(option);
    }
    const auto spread = field_of<std::string>(mount, "Propagation");
    if (!spread.empty() && spread != "rprivate") volume.options.push_back(spread);
    component().volumes.push_back(std::move(volume));
    const bool nameless = named && source.size() == 64 &&
                          source.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (nameless)
      out_.lose(
          "volume", target,
          "it has no name of its own, and podman may remove its data with the last container that "
          "has it: move the data into a named volume");
  }

  void add_limits() {
    component().memory_bytes = field_of<uint64_t>(in_.host, "Memory");
    const auto swap = field_of<int64_t>(in_.host, "MemorySwap");
    if (swap != 0 && swap != static_cast<int64_t>(component().memory_bytes) * 2)
      out_.lose("memory-swap", std::to_string(swap), "it may swap as much as it has memory");
    component().cpus = static_cast<double>(field_of<int64_t>(in_.host, "NanoCpus")) / 1e9;
  }

  void add_rights() {
    if (field_of<bool>(in_.host, "Privileged")) {
      // It has all of them.
      component().privileged = true;
      return;
    }
    const auto names = [&](const char* key) {
      Words out;
      for (const std::string& name : field_of<Words>(in_.host, key))
        out.push_back(name.starts_with("CAP_") ? name.substr(4) : name);
      std::sort(out.begin(), out.end());
      return out;
    };
    component().cap_add = names("CapAdd");
    component().cap_drop = names("CapDrop");
    for (const PodmanJson& device : field_of<std::vector<PodmanJson>>(in_.host, "Devices")) {
      const auto rights = field_of<std::string>(device, "CgroupPermissions");
      const auto path = field_of<std::string>(device, "PathOnHost");
      component().devices.push_back({path, field_of<std::string>(device, "PathInContainer"),
                                     rights.empty() ? "rwm" : rights});
      if (rights.empty())
        out_.lose("device", path, "podman does not say with what rights: rwm is written");
    }
  }

  const Inspected& in_;
  Reproduction& out_;
};

}  // namespace

void add_resources(const Inspected& in, Reproduction& out) {
  Resources(in, out).read();
}

}  // namespace agent
