#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/view/finding.h"
#include "base/core/time.h"
#include "reconciler/model.h"

// What the machine is like, as data, and what follows from it. Facts come from probe.h; judging
// them is pure, so that every finding can be tried without the machine that has it.
namespace agent::doctor {

// The user whose containers podman runs.
struct User {
  std::string name;
  bool rootless = false;
  std::optional<bool> linger;  // loginctl(1); none: no systemd-logind here
  uint64_t subuids = 0;        // subuid(5), subgid(5): how many are his
  uint64_t subgids = 0;
};
std::vector<Finding> judge_linger(const User& user);
std::vector<Finding> judge_subids(const User& user);

struct Cgroups {
  bool rootless = false;
  int version = 0;                    // 1 or 2; 0: podman did not say
  std::set<std::string> controllers;  // that podman may use for a container
};
std::vector<Finding> judge_cgroups(const Cgroups& cgroups);

struct Ports {
  bool rootless = false;
  uint16_t first_unprivileged = 1024;      // ip_unprivileged_port_start (ip-sysctl)
  std::map<uint16_t, std::string> wanted;  // fixed host ports, and the component that wants each
};
std::vector<Finding> judge_ports(const Ports& ports);

// A process that serves one container, or the network of several.
struct Helper {
  pid_t pid = 0;
  std::string program;         // "conmon", "rootlessport", "slirp4netns", "pasta"
  std::string container;       // id; empty: it does not say
  std::set<uint16_t> ports;    // of the host, that it listens on
  bool netns_is_gone = false;  // that it was made for
};
struct Helpers {
  std::vector<Helper> helpers;
  std::set<std::string> containers;  // ids that podman knows
  std::set<uint16_t> published;      // by containers that run
};
std::vector<Finding> judge_helpers(const Helpers& helpers);

struct AuthFile {
  std::string path;  // empty: none is configured
  bool readable = false;
  mode_t mode = 0;
};
std::vector<Finding> judge_auth_file(const AuthFile& file);

struct Clock {
  base::TimePoint now;
  base::TimePoint built;             // this program
  std::optional<bool> synchronised;  // adjtimex(2); none: the kernel does not say
};
std::vector<Finding> judge_clock(const Clock& clock);

struct Disk {
  std::string what;  // "registry"
  std::string path;
  uint64_t free_bytes = 0;  // for whom the agent runs as (statvfs(3), f_bavail)
  uint64_t all_bytes = 0;
  uint64_t free_inodes = 0;
  uint64_t all_inodes = 0;  // 0: the file system does not count them
};
std::vector<Finding> judge_disks(const std::vector<Disk>& disks);

struct Socket {
  std::string path;
  bool exists = false;  // the agent runs
  mode_t mode = 0;
  std::string group;         // that it has
  std::string wanted_group;  // [api] group; empty: any
  bool group_known = true;   // the machine has the wanted group
};
std::vector<Finding> judge_socket(const Socket& socket);

struct Certificate {
  std::string file;
  std::string key_file;
  std::string error;  // why it cannot be read; the rest says nothing then
  base::TimePoint from{};
  base::TimePoint until{};
  bool key_fits = true;
  bool chain_complete = true;      // each certificate is signed by the next one, up to a known root
  std::vector<std::string> names;  // hosts and addresses that it is for
  mode_t key_mode = 0600;
};
std::vector<Finding> judge_certificates(const std::vector<Certificate>& certificates,
                                        base::TimePoint now);

// Everybody's routes, as mc-proxy says they are: it has read their certificates.
std::vector<Finding> judge_routes(const std::vector<reconciler::ObservedRoute>& routes,
                                  base::TimePoint now);

}  // namespace agent::doctor
