#include "reconciler/normalise.h"

#include <algorithm>

#include "base/core/text.h"

namespace reconciler {
namespace {

std::string port_text(const crds::PortMapping& port) {
  return port.host_ip + ":" + std::to_string(port.host_port) + ":" +
         std::to_string(port.container_port) + "/" + port.protocol;
}

std::string health_text(const crds::Health& health) {
  struct Text {
    std::string operator()(const crds::HttpCheck& check) const { return "http " + check.path; }
    std::string operator()(const crds::TcpCheck&) const { return "tcp"; }
    std::string operator()(const crds::CmdCheck& check) const {
      return "cmd " + base::join(check.argv, " ");
    }
  };
  return std::visit(Text{}, health.check) + " port=" + health.port +
         " interval=" + base::to_duration(health.interval) +
         " timeout=" + base::to_duration(health.timeout) +
         " retries=" + std::to_string(health.retries) +
         " start_period=" + base::to_duration(health.start_period);
}

std::string restart_text(const crds::Restart& restart) {
  switch (restart.policy) {
    case crds::Restart::Policy::kNo:
      return "no";
    case crds::Restart::Policy::kAlways:
      return "always";
    case crds::Restart::Policy::kUnlessStopped:
      return "unless-stopped";
    case crds::Restart::Policy::kOnFailure:
      break;
  }
  return restart.max_retries ? "on-failure:" + std::to_string(*restart.max_retries) : "on-failure";
}

void add(Fields& fields, std::string field, std::string value) {
  if (!value.empty()) fields.emplace_back(std::move(field), std::move(value));
}

bool has_tag_or_digest(const std::string& image) {
  return image.find('@') != std::string::npos ||
         image.find(':', image.rfind('/') == std::string::npos ? 0 : image.rfind('/')) !=
             std::string::npos;
}

std::string complete_image(const crds::Component& component, const crds::Service& service,
                           const crds::Fleet& fleet) {
  std::string image = component.image;
  if (image.empty()) {
    if (fleet.registry.empty()) return "";
    image = fleet.registry + "/" + service.name.str();
    if (service.components.size() > 1) image += "-" + component.name.str();
  }
  if (!has_tag_or_digest(image) && !service.version.empty()) image += ":" + service.version;
  return image;
}

}  // namespace

Fields container_fields(const crds::Component& component,
                        const std::optional<TimePoint>& restarted_at) {
  Fields fields;
  add(fields, "image", component.image);
  add(fields, "network", component.network);
  add(fields, "user", component.user);
  for (const crds::PortMapping& port : component.ports) add(fields, "ports", port_text(port));
  for (const crds::Volume& volume : component.volumes)
    add(fields, "volumes",
        volume.source + ":" + volume.target + ":" + base::join(volume.options, ","));
  // Each argument on its own, with its length: ["a b"] and ["a", "b"] differ.
  for (const std::string& arg : component.cmd)
    fields.emplace_back("cmd", std::to_string(arg.size()) + " " + arg);
  for (const auto& [variable, value] : component.env) fields.emplace_back("env." + variable, value);
  for (const crds::Secret& secret : component.secrets)
    add(fields, "secrets." + secret.name, secret.target);
  if (component.memory_bytes != 0) add(fields, "memory", std::to_string(component.memory_bytes));
  if (component.cpus != 0) add(fields, "cpus", std::to_string(component.cpus));
  if (component.privileged) add(fields, "privileged", "true");
  for (const std::string& name : component.cap_add) add(fields, "cap_add", name);
  for (const std::string& name : component.cap_drop) add(fields, "cap_drop", name);
  for (const crds::Device& device : component.devices)
    add(fields, "devices", device.source + ":" + device.target + ":" + device.permissions);
  if (component.health)
    if (const auto* cmd = std::get_if<crds::CmdCheck>(&component.health->check))
      for (const std::string& arg : cmd->argv)
        fields.emplace_back("health.cmd", std::to_string(arg.size()) + " " + arg);
  for (const crds::Route& route : component.routes)
    add(fields, "routes." + route.name + ".target_port", std::to_string(route.target_port));
  if (restarted_at) add(fields, "restarted_at", base::to_rfc3339(*restarted_at));
  return fields;
}

Fields agent_fields(const crds::Component& component) {
  Fields fields;
  if (component.restart) add(fields, "restart", restart_text(*component.restart));
  if (component.stop_timeout)
    add(fields, "stop_timeout", base::to_duration(*component.stop_timeout));
  for (const ComponentName& other : component.depends_on) add(fields, "depends_on", other.str());
  if (component.strategy != crds::Strategy::kAutomatic)
    add(fields, "strategy",
        component.strategy == crds::Strategy::kRolling ? "rolling" : "recreate");
  if (component.health) add(fields, "health", health_text(*component.health));
  const crds::RolloutSettings usual;
  if (component.rollout.watch != usual.watch)
    add(fields, "rollout.watch", base::to_duration(component.rollout.watch));
  if (component.rollout.drain != usual.drain)
    add(fields, "rollout.drain", base::to_duration(component.rollout.drain));
  if (component.rollout.hold != usual.hold)
    add(fields, "rollout.hold", base::to_duration(component.rollout.hold));
  for (const crds::Route& route : component.routes)
    add(fields, "routes." + route.name,
        (route.mode == crds::Route::Mode::kL4 ? "l4 " : "l7 ") + route.hostname + ":" +
            std::to_string(route.port) + (route.edge.empty() ? "" : " edge " + route.edge) +
            (route.backend_tls.value_or(false) ? " backend_tls" : "") +
            (route.backend_protocol == crds::Route::Protocol::kH2c ? " h2c" : ""));
  return fields;
}

std::string spec_hash(const Fields& fields) {
  std::string canonical;
  for (const auto& [field, value] : fields)
    canonical += field + '\0' + std::to_string(value.size()) + '\0' + value + '\n';
  return base::sha256_hex(canonical).substr(0, 16);
}

std::vector<FieldChange> diff(const Fields& from, const Fields& to) {
  // Repeated fields (ports, volumes, cmd) are compared and shown as one value.
  const auto merged = [](const Fields& fields) {
    std::map<std::string, std::string> out;
    for (const auto& [field, value] : fields) {
      std::string& all = out[field];
      const size_t text =
          field.ends_with("cmd") && !field.starts_with("env.") ? value.find(' ') + 1 : 0;
      all += (all.empty() ? "" : " ") + value.substr(text);
    }
    return out;
  };
  const auto before = merged(from), after = merged(to);
  std::vector<FieldChange> changes;
  for (const auto& [field, value] : before) {
    const auto now = after.find(field);
    if (now == after.end())
      changes.push_back({field, value, ""});
    else if (now->second != value)
      changes.push_back({field, value, now->second});
  }
  for (const auto& [field, value] : after)
    if (!before.contains(field)) changes.push_back({field, "", value});
  std::sort(changes.begin(), changes.end(),
            [](const auto& a, const auto& b) { return a.field < b.field; });
  return changes;
}

std::string text(const std::vector<FieldChange>& changes) {
  std::vector<std::string> parts;
  for (const FieldChange& change : changes) {
    // A variable may hold a password, and what is said here is kept and shown in many places.
    if (change.field.starts_with("env.")) {
      parts.push_back(change.field + (change.from.empty() ? " is set"
                                      : change.to.empty() ? " is unset"
                                                          : " changed"));
      continue;
    }
    parts.push_back(change.field + ": " + (change.from.empty() ? "(none)" : change.from) + " -> " +
                    (change.to.empty() ? "(none)" : change.to));
  }
  return base::join(parts, ", ");
}

crds::Component complete(const crds::Component& component, const crds::Service& service,
                         const crds::Fleet& fleet) {
  crds::Component out = component;
  out.image = complete_image(component, service, fleet);
  if (out.network.empty()) out.network = fleet.network;
  if (out.user.empty()) out.user = fleet.user;
  if (!out.restart) out.restart = fleet.restart.value_or(crds::Restart{});
  if (!out.stop_timeout) out.stop_timeout = fleet.stop_timeout.value_or(std::chrono::seconds(10));
  for (crds::Route& route : out.routes) {
    if (route.hostname.empty() && !fleet.domain.empty())
      route.hostname = service.name.str() + "." + fleet.domain;
    route.hostname = base::lower(route.hostname);
    // backend_protocol stays as it is written: filled in, it would make every route that an earlier
    // release completed look changed.
    route.backend_tls = route.protocol() == crds::Route::Protocol::kTls;
  }
  return out;
}

bool can_roll(const crds::Component& component) {
  const bool fixed_port =
      std::any_of(component.ports.begin(), component.ports.end(),
                  [](const crds::PortMapping& port) { return port.host_port != 0; });
  return component.strategy != crds::Strategy::kRecreate && !fixed_port &&
         component.network != "host";
}

bool same_image(const std::string& a, const std::string& b) {
  const auto ends_with_path = [](const std::string& whole, const std::string& tail) {
    return whole.size() > tail.size() && whole.ends_with(tail) &&
           whole[whole.size() - tail.size() - 1] == '/';
  };
  // Beside a digest a tag says nothing, and podman leaves it out.
  const auto tagged = [](const std::string& image) {
    if (!has_tag_or_digest(image)) return image + ":latest";
    const size_t at = image.find('@');
    if (at == std::string::npos) return image;
    const std::string named = image.substr(0, at);
    return (has_tag_or_digest(named) ? named.substr(0, named.rfind(':')) : named) +
           image.substr(at);
  };
  const std::string left = tagged(a), right = tagged(b);
  return left == right || ends_with_path(left, right) || ends_with_path(right, left);
}

}  // namespace reconciler
