#include <algorithm>

#include "agent/adopt/parts.h"
#include "base/core/text.h"

namespace agent {
namespace {

std::string text_of(const PodmanJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array() && !value.is_object()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& [key, entry] : value.items())
    parts.push_back(value.is_object() ? key + "=" + text_of(entry) : text_of(entry));
  return base::join(parts, ", ");
}

bool is_nothing(const PodmanJson& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         (value.is_structured() && value.empty());
}

// What podman has there, beside nothing, when nobody has asked for anything
// (https://docs.podman.io/en/latest/markdown/podman-run.1.html).
struct Setting {
  const char* group;  // Config | HostConfig
  const char* key;
  const char* option;  // as podman run calls it
  std::vector<PodmanJson> usual = {};
  const char* consequence = "is not set any more";
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings = {
      {"Config", "Domainname", "domainname"},
      {"Config", "Tty", "tty", {}, "it has no terminal any more"},
      {"Config", "OpenStdin", "interactive", {}, "its standard input is closed"},
      {"Config", "Timeout", "timeout", {}, "it is not ended after that time"},
      {"HostConfig", "AutoRemove", "rm", {}, "what has ended is kept until MCP removes it"},
      {"HostConfig", "BlkioWeight", "blkio-weight"},
      {"HostConfig", "CgroupParent", "cgroup-parent"},
      {"HostConfig", "Cgroups", "cgroups", {"default", "enabled"}},
      {"HostConfig", "CpuShares", "cpu-shares"},
      {"HostConfig", "CpusetCpus", "cpuset-cpus"},
      {"HostConfig", "CpusetMems", "cpuset-mems"},
      {"HostConfig", "Dns", "dns", {}, "it asks the name servers of its network or of the node"},
      {"HostConfig", "DnsOptions", "dns-option"},
      {"HostConfig", "DnsSearch", "dns-search"},
      {"HostConfig", "ExtraHosts", "add-host", {}, "those names are not in its /etc/hosts"},
      {"HostConfig", "GroupAdd", "group-add", {}, "its process is not in those groups"},
      {"HostConfig", "IpcMode", "ipc", {"shareable", "private"}},
      {"HostConfig", "MemoryReservation", "memory-reservation"},
      {"HostConfig", "OomKillDisable", "oom-kill-disable"},
      {"HostConfig", "OomScoreAdj", "oom-score-adj"},
      {"HostConfig", "PidMode", "pid", {"private"}},
      {"HostConfig", "PidsLimit", "pids-limit", {2048, -1}, "podman's usual limit holds"},
      {"HostConfig", "ReadonlyRootfs", "read-only", {}, "its root can be written to"},
      {"HostConfig", "SecurityOpt", "security-opt", {}, "podman's usual profiles hold"},
      {"HostConfig", "ShmSize", "shm-size", {65536000, 64 << 20}, "/dev/shm has podman's 64 MB"},
      {"HostConfig", "Tmpfs", "tmpfs", {}, "what is written there is kept in the container"},
      {"HostConfig", "UTSMode", "uts", {"private"}},
      {"HostConfig", "UsernsMode", "userns", {"private", "host"}},
      {"HostConfig", "VolumesFrom", "volumes-from"},
  };
  return kSettings;
}

void add_settings(const Inspected& in, std::vector<Loss>& losses) {
  // What a pod's members share is told once, of the pod.
  const auto shared = [&](const PodmanJson& value) {
    return in.in_pod() && value.is_string() &&
           (value.get<std::string>().starts_with("container:") ||
            value.get<std::string>().find(field_of<std::string>(in.container, "Pod")) !=
                std::string::npos);
  };
  for (const Setting& setting : settings()) {
    const PodmanJson value = part_of(part_of(in.container, setting.group), setting.key);
    const bool usual =
        std::find(setting.usual.begin(), setting.usual.end(), value) != setting.usual.end();
    if (!is_nothing(value) && !usual && !shared(value))
      losses.push_back({setting.option, text_of(value), setting.consequence});
  }
}

// podman gives every container limits of its own: only those that were asked for count.
void add_ulimits(const Inspected& in, std::vector<Loss>& losses) {
  const bool asked = asked_for(in, "--ulimit");
  const PodmanJson limits = part_of(in.host, "Ulimits");
  std::vector<std::string> values;
  for (const PodmanJson& limit : limits.is_array() ? limits : PodmanJson::array()) {
    const std::string name = field_of<std::string>(limit, "Name");
    if (!asked && (name == "RLIMIT_NOFILE" || name == "RLIMIT_NPROC")) continue;
    values.push_back(name + "=" + std::to_string(field_of<int64_t>(limit, "Soft")) + ":" +
                     std::to_string(field_of<int64_t>(limit, "Hard")));
  }
  if (!values.empty())
    losses.push_back({"ulimit", base::join(values, ", "), "podman's usual limits hold"});
}

void add_names(const Inspected& in, std::vector<Loss>& losses) {
  const std::string id = field_of<std::string>(in.container, "Id").substr(0, 12);
  const std::string hostname = field_of<std::string>(in.config, "Hostname");
  const bool shared = in.in_pod() || field_of<std::string>(in.host, "NetworkMode") == "host";
  if (!shared && !hostname.empty() && hostname != id)
    losses.push_back({"hostname", hostname, "its host name is podman's id of it"});
}

// Signals and folders that the image does not say as well.
void add_start_and_stop(const Inspected& in, std::vector<Loss>& losses) {
  const PodmanJson& config = in.config;
  const PodmanJson& of_image = in.image_config;
  const auto folder = [](const PodmanJson& from) {
    const auto found = field_of<std::string>(from, "WorkingDir");
    return found.empty() ? std::string("/") : found;
  };
  if (folder(config) != folder(of_image))
    losses.push_back({"workdir", folder(config), "it starts in " + folder(of_image)});
  const std::string signal = text_of(part_of(config, "StopSignal"));
  const bool usual = signal == "15" || signal == "SIGTERM" || signal == "null" || signal == "0";
  if (!usual && field_of<std::string>(of_image, "StopSignal").empty())
    losses.push_back({"stop-signal", signal, "it is stopped by SIGTERM"});
  if (field_of<std::string>(part_of(config, "Annotations"), "io.podman.annotations.init") == "TRUE")
    losses.push_back({"init", "true", "its first process has to reap others itself"});
  const std::string on_failure = field_of<std::string>(config, "HealthcheckOnFailureAction");
  if (!on_failure.empty() && on_failure != "none")
    losses.push_back({"health-on-failure", on_failure, "MCP restarts what is unhealthy"});
}

void add_labels(const Inspected& in, std::vector<Loss>& losses) {
  const auto of_image = field_of<Map>(in.image, "Labels");
  std::vector<std::string> values;
  for (const auto& [label, value] : field_of<Map>(in.config, "Labels")) {
    const bool known = label.starts_with("com.docker.compose.") ||
                       label.starts_with("io.podman.compose.") || label == "PODMAN_SYSTEMD_UNIT";
    const auto same = of_image.find(label);
    if (!known && (same == of_image.end() || same->second != value))
      values.push_back(label + "=" + value);
  }
  if (!values.empty())
    losses.push_back(
        {"label", base::join(values, ", "), "whatever looks for it does not find it any more"});
}

}  // namespace

Words create_options(const Inspected& in) {
  auto words = field_of<Words>(in.config, "CreateCommand");
  const auto own = field_of<Words>(in.config, "Cmd");
  if (own.size() < words.size() && std::equal(own.rbegin(), own.rend(), words.rbegin()))
    words.resize(words.size() - own.size());
  return words;
}

bool asked_for(const Inspected& in, const std::string& option) {
  const Words words = create_options(in);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word == option || word.starts_with(option + "=");
  });
}

void add_losses(const Inspected& in, Reproduction& out) {
  add_start_and_stop(in, out.losses);
  add_names(in, out.losses);
  add_settings(in, out.losses);
  add_ulimits(in, out.losses);
  add_labels(in, out.losses);
}

}  // namespace agent
