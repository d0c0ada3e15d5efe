#include "agent/adopt/component.h"

#include "agent/adopt/json.h"
#include "agent/adopt/parts.h"
#include "base/core/time.h"

namespace agent {
namespace {

constexpr int64_t kUsualStopTimeout = 10;  // seconds; podman's and MCP's

class Reader {
 public:
  Reader(const Inspected& in, Reproduction& out) : in_(in), out_(out) {}

  void read() {
    add_image();
    add_process(in_, out_);
    add_network(in_, out_);
    add_resources(in_, out_);
    add_restart();
    add_stop_timeout();
    add_health();
    add_losses(in_, out_);
    const PodmanJson exposed = part_of(in_.image_config, "ExposedPorts");
    for (const auto& [port, unused] : exposed.items()) out_.exposed.push_back(port);
  }

 private:
  crds::Component& component() { return out_.component; }

  void add_image() {
    out_.image_names = field_of<Words>(in_.image, "RepoTags");
    for (const std::string& name : field_of<Words>(in_.image, "RepoDigests"))
      out_.image_names.push_back(name);
    const std::string name = field_of<std::string>(in_.container, "ImageName");
    const bool is_id = name.empty() || name.starts_with("sha256:") ||
                       field_of<std::string>(in_.container, "Image").starts_with(name);
    component().image = !is_id                     ? name
                        : out_.image_names.empty() ? std::string()
                                                   : out_.image_names.front();
    if (component().image.empty())
      out_.lose("image", field_of<std::string>(in_.container, "Image").substr(0, 12),
                "its image has no name; give it one with podman tag before you adopt it");
  }

  void add_restart() {
    using Policy = crds::Restart::Policy;
    const PodmanJson policy = part_of(in_.host, "RestartPolicy");
    const auto name = field_of<std::string>(policy, "Name");
    const auto retries = field_of<int>(policy, "MaximumRetryCount");
    const bool by_systemd = !unit_of(field_of<Map>(in_.config, "Labels")).empty();
    if (name == "always") component().restart = {Policy::kAlways, {}};
    if (name == "unless-stopped") component().restart = {Policy::kUnlessStopped, {}};
    if (name == "on-failure")
      component().restart = {Policy::kOnFailure,
                             retries > 0 ? std::optional(retries) : std::nullopt};
    if (component().restart) {
      out_.podman_restarts = name;
      return;
    }
    // Where systemd restarts it podman does not: MCP's usual policy takes systemd's place.
    if (!by_systemd) component().restart = {Policy::kNo, {}};
  }

  void add_stop_timeout() {
    const auto seconds = field_of<int64_t>(in_.config, "StopTimeout");
    if (seconds != kUsualStopTimeout || in_.fleet.stop_timeout)
      component().stop_timeout = std::chrono::seconds(seconds);
  }

  void add_health() {
    const PodmanJson check = part_of(in_.config, "Healthcheck");
    auto test = field_of<Words>(check, "Test");
    if (test.empty() || test[0] == "NONE" || test[0].empty()) return;
    if (test[0] == "CMD")
      test.erase(test.begin());
    else if (test[0] == "CMD-SHELL")
      test = {"/bin/sh", "-c", test.size() > 1 ? test[1] : ""};
    if (test.empty()) return;
    crds::Health health;
    health.check = crds::CmdCheck{std::move(test)};
    const auto duration = [&](const char* key, base::Millis& into) {
      const auto given = std::chrono::duration_cast<base::Millis>(
          std::chrono::nanoseconds(field_of<int64_t>(check, key)));
      if (given.count() > 0) into = given;
    };
    duration("Interval", health.interval);
    duration("Timeout", health.timeout);
    duration("StartPeriod", health.start_period);
    if (const int retries = field_of<int>(check, "Retries"); retries > 0) health.retries = retries;
    component().health = std::move(health);
  }

  const Inspected& in_;
  Reproduction& out_;
};

}  // namespace

base::Result<Reproduction> reproduce(const std::string& container, const std::string& image,
                                     const crds::Fleet& fleet) {
  try {
    const PodmanJson inspected = PodmanJson::parse(container), of_image = PodmanJson::parse(image);
    const PodmanJson config = part_of(inspected, "Config");
    const PodmanJson host = part_of(inspected, "HostConfig");
    const PodmanJson image_config = part_of(of_image, "Config");
    const Inspected in{inspected, config, host, of_image, image_config, fleet};
    Reproduction out;
    Reader(in, out).read();
    return out;
  } catch (const PodmanJson::exception& error) {
    return base::make_error(
        base::Code::kCorrupt,
        std::string("cannot read what podman says of a container: ") + error.what());
  }
}

}  // namespace agent
