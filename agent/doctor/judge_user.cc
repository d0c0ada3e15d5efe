#include "agent/doctor/facts.h"
#include "base/core/text.h"

namespace agent::doctor {
namespace {

using Level = Finding::Level;

// One full range of an image's users (subuid(5)).
constexpr uint64_t kFullRange = 65536;

}  // namespace

std::vector<Finding> judge_linger(const User& user) {
  if (!user.rootless) return {{Level::kOk, "linger", "podman runs as root, which no logout ends"}};
  if (!user.linger)
    return {{Level::kOk, "linger", "no systemd-logind here: no logout ends containers"}};
  if (*user.linger) return {{Level::kOk, "linger", "user " + user.name + " lingers"}};
  return {{Level::kError, "linger",
           "user " + user.name +
               " does not linger: systemd ends its containers when its last session ends",
           "loginctl enable-linger " + user.name}};
}

std::vector<Finding> judge_subids(const User& user) {
  if (!user.rootless) return {{Level::kOk, "subids", "podman runs as root, which needs none"}};
  const std::string hint = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " +
                           user.name + ", then `podman system migrate` as " + user.name;
  std::vector<Finding> out;
  for (const auto& [file, count] :
       {std::pair("/etc/subuid", user.subuids), std::pair("/etc/subgid", user.subgids)}) {
    if (count >= kFullRange) continue;
    const bool none = count == 0;
    out.push_back(
        {none ? Level::kError : Level::kWarning, "subids",
         std::string(file) + (none ? " has no range for " + user.name +
                                         ": images with more than one user cannot be unpacked"
                                   : " gives " + user.name + " " + std::to_string(count) +
                                         " ids; images may have users up to 65535"),
         hint});
  }
  if (out.empty())
    out.push_back({Level::kOk, "subids",
                   user.name + " has " + std::to_string(user.subuids) + " user and " +
                       std::to_string(user.subgids) + " group ids"});
  return out;
}

std::vector<Finding> judge_cgroups(const Cgroups& cgroups) {
  if (cgroups.version == 0)
    return {{Level::kWarning, "cgroups", "podman does not say which version it uses",
             "`podman info` as its user"}};
  if (cgroups.version == 1) {
    if (!cgroups.rootless)
      return {{Level::kOk, "cgroups", "version 1; memory and cpus are limited as defined"}};
    return {{Level::kWarning, "cgroups",
             "version 1: podman ignores memory and cpus of a rootless container",
             "boot with systemd.unified_cgroup_hierarchy=1"}};
  }
  std::vector<std::string> missing;
  for (const char* one : {"cpu", "memory", "pids"})
    if (!cgroups.controllers.contains(one)) missing.emplace_back(one);
  if (missing.empty()) return {{Level::kOk, "cgroups", "version 2, with cpu, memory and pids"}};
  return {{Level::kWarning, "cgroups",
           "version 2, and podman may not use the controller " + base::join(missing, ", ") +
               ": such limits have no effect or fail",
           cgroups.rootless
               ? "write `[Service]` and `Delegate=cpu cpuset io memory pids` into "
                 "/etc/systemd/system/user@.service.d/delegate.conf, then systemctl daemon-reload "
                 "and log in anew"
               : "enable them in the cgroup that the agent runs in (Delegate=yes in its unit)"}};
}

std::vector<Finding> judge_ports(const Ports& ports) {
  if (!ports.rootless) return {{Level::kOk, "ports", "podman runs as root and may publish any"}};
  const std::string first = std::to_string(ports.first_unprivileged);
  std::vector<Finding> out;
  for (const auto& [port, component] : ports.wanted)
    if (port < ports.first_unprivileged)
      out.push_back({Level::kError, "ports",
                     component + " wants port " + std::to_string(port) +
                         ", and rootless podman may publish ports from " + first + " on",
                     "sysctl net.ipv4.ip_unprivileged_port_start=" + std::to_string(port) +
                         " (and in /etc/sysctl.d), another port, or a route of mc-proxy"});
  if (out.empty())
    out.push_back({Level::kOk, "ports", "those from " + first + " on can be published"});
  return out;
}

}  // namespace agent::doctor
