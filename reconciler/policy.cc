#include "reconciler/policy.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>

#include "base/core/text.h"

namespace reconciler {
namespace {

using Path = std::vector<std::string>;

// The parts of an absolute path; none when it climbs or is not absolute.
std::optional<Path> parts_of(const std::string& text) {
  if (!text.starts_with('/')) return std::nullopt;
  Path out;
  for (std::string& part : base::split(text, '/')) {
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") out.push_back(std::move(part));
  }
  return out;
}

bool inside(const Path& path, const Path& root) {
  return path.size() >= root.size() && std::equal(root.begin(), root.end(), path.begin());
}

bool in_a_root(const std::string& path, const Policy& policy) {
  const auto parts = parts_of(path);
  if (!parts) return false;
  return std::any_of(policy.volume_roots.begin(), policy.volume_roots.end(), [&](const auto& root) {
    const auto allowed = parts_of(root);
    return allowed && inside(*parts, *allowed);
  });
}

// The path of the agent's own that a container would see there, or nothing.
std::string own_path(const std::string& path, const Policy& policy) {
  const auto parts = parts_of(path);
  for (const std::string& own : policy.own_paths) {
    const auto kept = parts_of(own);
    if (parts && kept && (inside(*parts, *kept) || inside(*kept, *parts))) return own;
  }
  return "";
}

bool matches(const std::string& text, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return ::fnmatch(glob.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
  });
}

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string or_nothing(const std::vector<std::string>& list) {
  return list.empty() ? "none" : base::join(list, ", ");
}

class Check {
 public:
  Check(const crds::Component& component, const Policy& policy)
      : component_(component), policy_(policy) {}

  std::vector<std::string> run() && {
    if (!matches(component_.image, policy_.images))
      add("image", component_.image, "images", or_nothing(policy_.images));
    if (component_.network == "host" && !policy_.host_network)
      add("network", "the host's network", "host_network", "none of it");
    if (component_.privileged && !policy_.privileged)
      add("privileged", "all rights", "privileged", "none of it");
    for (const crds::Volume& volume : component_.volumes) check_volume(volume);
    for (const std::string& capability : component_.cap_add)
      if (!has(policy_.capabilities, "ALL") && !has(policy_.capabilities, capability))
        add("cap_add", capability, "capabilities", or_nothing(policy_.capabilities));
    for (const crds::Device& device : component_.devices) check_device(device);
    for (const crds::PortMapping& port : component_.ports) check_port(port);
    check_memory();
    return std::move(found_);
  }

 private:
  void add(const std::string& field, const std::string& asked, const std::string& rule,
           const std::string& allowed) {
    found_.push_back(field + ": asks for " + asked + ", policy." + rule + " allows " + allowed);
  }

  void check_volume(const crds::Volume& volume) {
    if (!volume.source.starts_with('/')) return;
    if (const std::string own = own_path(volume.source, policy_); !own.empty())
      found_.push_back("volumes: asks for " + volume.source + ", which would show " + own +
                       ", the agent's own folder");
    else if (!in_a_root(volume.source, policy_))
      add("volumes", volume.source, "volume_roots", or_nothing(policy_.volume_roots));
  }

  void check_device(const crds::Device& device) {
    const auto parts = parts_of(device.source);
    if (!parts || !matches("/" + base::join(*parts, "/"), policy_.devices))
      add("devices", device.source, "devices", or_nothing(policy_.devices));
  }

  // A port without an address is published at all of them.
  void check_port(const crds::PortMapping& port) {
    const std::string& ip = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
    if (!has(policy_.publish, "*") && !has(policy_.publish, ip))
      add("ports",
          port.host_ip.empty() ? "every address for port " + std::to_string(port.container_port)
                               : ip,
          "publish", or_nothing(policy_.publish));
  }

  void check_memory() {
    const uint64_t most = policy_.max_memory_bytes;
    if (most == 0 || (component_.memory_bytes != 0 && component_.memory_bytes <= most)) return;
    add("memory",
        component_.memory_bytes == 0 ? "as much as there is"
                                     : std::to_string(component_.memory_bytes) + " bytes",
        "max_memory", "at most " + std::to_string(most) + " bytes");
  }

  const crds::Component& component_;
  const Policy& policy_;
  std::vector<std::string> found_;
};

}  // namespace

Policy Policy::anything() {
  return {.images = {"*"},
          .volume_roots = {"/"},
          .host_network = true,
          .privileged = true,
          .capabilities = {"ALL"},
          .devices = {"*"},
          .publish = {"*"},
          .max_memory_bytes = 0,
          .own_paths = {}};
}

bool may_be_given(const std::string& path, const Policy& policy) {
  return in_a_root(path, policy) && own_path(path, policy).empty();
}

std::vector<std::string> violations(const crds::Component& component, const Policy& policy) {
  return Check(component, policy).run();
}

std::string summary(const Policy& policy) {
  const auto word = [](bool allowed) { return allowed ? "yes" : "no"; };
  std::string out = "images " + or_nothing(policy.images) + "; volumes in " +
                    or_nothing(policy.volume_roots) + "; host network " +
                    word(policy.host_network) + "; privileged " + word(policy.privileged) +
                    "; capabilities " + or_nothing(policy.capabilities) + "; devices " +
                    or_nothing(policy.devices) + "; ports at " + or_nothing(policy.publish);
  if (policy.max_memory_bytes != 0)
    out += "; memory at most " + std::to_string(policy.max_memory_bytes) + " bytes";
  return out;
}

}  // namespace reconciler
