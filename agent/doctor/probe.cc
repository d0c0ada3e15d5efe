#include "agent/doctor/probe.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/core/text.h"

namespace agent::doctor {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// What podman says of itself.
struct Engine {
  bool rootless = false;
  uid_t uid = 0;
  std::string graph_root;
  Cgroups cgroups;
};

base::Result<Engine> ask_engine(const Config& config, Podman& podman) {
  MCP_TRY(const std::string text, podman.info_document());
  const Json document = Json::parse(text, nullptr, false);
  const auto at = [&](const char* pointer) {
    const Json::json_pointer where(pointer);
    return document.is_object() && document.contains(where) ? document.at(where) : Json();
  };
  const auto word = [&](const char* pointer) {
    const Json found = at(pointer);
    return found.is_string() ? found.get<std::string>() : std::string();
  };
  Engine out;
  out.rootless = at("/host/security/rootless") == true;
  out.graph_root = word("/store/graphRoot");
  out.cgroups.rootless = out.rootless;
  const std::string version = word("/host/cgroupVersion");
  out.cgroups.version = version == "v2" ? 2 : version == "v1" ? 1 : 0;
  for (const Json& one : at("/host/cgroupControllers"))
    if (one.is_string()) out.cgroups.controllers.insert(one.get<std::string>());
  struct stat socket{};
  const bool others = ::stat(config.podman.socket.c_str(), &socket) == 0;
  out.uid = !out.rootless ? 0 : others ? socket.st_uid : ::geteuid();
  return out;
}

std::string user_name(uid_t uid) {
  const passwd* entry = ::getpwuid(uid);
  return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  const group* entry = ::getgrgid(gid);
  return entry != nullptr ? entry->gr_name : std::to_string(gid);
}

User user_of(const Engine& engine) {
  User out{.name = user_name(engine.uid), .rootless = engine.rootless};
  std::error_code failed;
  if (fs::exists("/run/systemd/system", failed))
    out.linger = fs::exists("/var/lib/systemd/linger/" + out.name, failed);
  out.subuids = count_subids("/etc/subuid", out.name, engine.uid);
  out.subgids = count_subids("/etc/subgid", out.name, engine.uid);
  return out;
}

Ports ports_of(const Engine& engine, const std::map<uint16_t, std::string>& wanted) {
  Ports out{.rootless = engine.rootless, .wanted = wanted};
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> out.first_unprivileged;
  return out;
}

base::Result<Helpers> helpers_of(const Engine& engine, Podman& podman) {
  Helpers out;
  // Before the list: a container that is made meanwhile is in it.
  out.helpers = find_helpers("/proc", engine.uid, engine.graph_root);
  MCP_TRY(const auto containers, podman.list());
  for (const reconciler::ObservedContainer& one : containers) {
    out.containers.insert(one.id.str());
    // A paused one keeps its forwarders.
    if (one.state != reconciler::ContainerState::kRunning &&
        one.state != reconciler::ContainerState::kPaused)
      continue;
    for (const crds::PortMapping& port : one.ports) out.published.insert(port.host_port);
  }
  return out;
}

AuthFile auth_file(const std::string& path) {
  struct stat info{};
  AuthFile out{.path = path, .readable = ::access(path.c_str(), R_OK) == 0};
  if (::stat(path.c_str(), &info) == 0) out.mode = info.st_mode & 07777;
  return out;
}

Clock clock_now() {
  Clock out{.now = std::chrono::floor<base::Millis>(std::chrono::system_clock::now())};
  struct stat self{};
  if (::stat("/proc/self/exe", &self) == 0)
    out.built = base::TimePoint(std::chrono::seconds(self.st_mtim.tv_sec));
  timex state{};
  const int answer = ::adjtimex(&state);
  if (answer >= 0) out.synchronised = answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  return out;
}

void add_disk(std::vector<Disk>& disks, const std::string& what, const std::string& path) {
  struct statvfs info{};
  if (path.empty() || ::statvfs(path.c_str(), &info) != 0) return;
  disks.push_back({what, path, uint64_t{info.f_bavail} * info.f_frsize,
                   uint64_t{info.f_blocks} * info.f_frsize, info.f_favail, info.f_files});
}

Socket api_socket(const Config& config) {
  Socket out{.path = config.api.socket, .wanted_group = config.api.group};
  out.group_known = config.api.group.empty() || ::getgrnam(config.api.group.c_str()) != nullptr;
  struct stat info{};
  out.exists = ::stat(config.api.socket.c_str(), &info) == 0;
  if (!out.exists) return out;
  out.mode = info.st_mode & 07777;
  out.group = group_name(info.st_gid);
  return out;
}

void append(std::vector<Finding>& to, std::vector<Finding> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

uint64_t count_subids(const std::string& file, const std::string& user, uid_t uid) {
  std::ifstream in(file);
  uint64_t count = 0;
  for (std::string line; std::getline(in, line);) {
    const auto fields = base::split(line, ':');  // name or uid, first, how many
    if (fields.size() == 3 && (fields[0] == user || fields[0] == std::to_string(uid)))
      count += std::strtoull(fields[2].c_str(), nullptr, 10);
  }
  return count;
}

std::vector<Finding> examine_machine(const Config& config, Podman& podman,
                                     const std::map<uint16_t, std::string>& wanted,
                                     const std::vector<reconciler::ObservedRoute>* routes) {
  std::vector<Finding> out;
  std::vector<Disk> disks;
  // Without podman nothing is known about whose containers it runs; that it is away is said by
  // whoever asks it first.
  if (const auto engine = ask_engine(config, podman)) {
    const User user = user_of(*engine);
    append(out, judge_linger(user));
    append(out, judge_subids(user));
    append(out, judge_cgroups(engine->cgroups));
    append(out, judge_ports(ports_of(*engine, wanted)));
    if (const auto helpers = helpers_of(*engine, podman)) append(out, judge_helpers(*helpers));
    add_disk(disks, "images and containers", engine->graph_root);
  }
  append(out, judge_auth_file(auth_file(config.podman.auth_file)));
  const Clock clock = clock_now();
  append(out, judge_clock(clock));
  add_disk(disks, "registry", config.state_dir());
  add_disk(disks, "data of services", config.data.root);
  append(out, judge_disks(disks));
  append(out, judge_socket(api_socket(config)));
  if (!config.api.listen.empty())
    append(out, judge_certificates({read_certificate(config.api.tls_cert, config.api.tls_key)},
                                   clock.now));
  if (routes != nullptr) append(out, judge_routes(*routes, clock.now));
  return out;
}

}  // namespace agent::doctor
