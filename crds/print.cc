#include "crds/print.h"

#include <algorithm>
#include <charconv>

#include "base/core/text.h"
#include "base/core/time.h"
#include "crds/fields.h"
#include "crds/quote.h"
#include "crds/types/names.h"

namespace crds {
namespace {

std::string number(double value) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, value).ptr};
}

std::string key(const std::string& text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  return bare ? text : in_quotes(text);
}

// One entry a line when there are several long ones.
std::string list(const std::vector<std::string>& entries) {
  size_t length = 0;
  for (const std::string& entry : entries) length += entry.size();
  const bool lines = entries.size() > 1 && length > 70;
  std::string out = "[";
  for (const std::string& entry : entries)
    out += (lines ? "\n  " : &entry == entries.data() ? "" : ", ") + entry + (lines ? "," : "");
  return out + (lines ? "\n]" : "]");
}

std::string list_of_strings(std::vector<std::string> texts) {
  for (std::string& text : texts) text = in_quotes(text);
  return list(texts);
}

std::string inline_table(const std::map<std::string, std::string>& entries) {
  std::string out = "{";
  for (const auto& [name, value] : entries)
    out += (out.size() > 1 ? ", " : " ") + key(name) + " = " + in_quotes(value);
  return out + (entries.empty() ? "}" : " }");
}

std::string suspend_text(const Suspend& suspend) {
  std::vector<std::string> parts;
  if (suspend.until) parts.push_back("until = " + base::to_rfc3339(*suspend.until));
  if (!suspend.reason.empty()) parts.push_back("reason = " + in_quotes(suspend.reason));
  return parts.empty() ? "{}" : "{ " + base::join(parts, ", ") + " }";
}

template <class Entries, class ToText>
std::vector<std::string> texts(const Entries& entries, ToText to_text) {
  std::vector<std::string> out;
  for (const auto& entry : entries) out.push_back(to_text(entry));
  return out;
}

class Printer {
 public:
  std::string print(const Service& service) {
    line("name", in_quotes(service.name.str()));
    if (!service.node.empty()) line("node", in_quotes(service.node.str()));
    if (!service.placement.empty())
      line("placement", "{ labels = " + inline_table(service.placement) + " }");
    if (!service.active) line("active", "false");
    text("version", service.version);
    strings("depends_on", texts(service.depends_on, [](const auto& id) { return id.str(); }));
    if (service.restarted_at) line("restarted_at", base::to_rfc3339(*service.restarted_at));
    if (service.suspend) line("suspend", suspend_text(*service.suspend));
    if (service.heal_drift)
      line("drift", std::string("{ heal = ") + (*service.heal_drift ? "true" : "false") + " }");
    text("path", service.path);
    if (!service.labels.empty()) line("labels", inline_table(service.labels));
    if (!service.annotations.empty()) line("annotations", inline_table(service.annotations));
    if (!service.build_images.empty()) {
      out_ += "\n[build.images]\n";
      for (const auto& [image, file] : service.build_images) line(key(image), in_quotes(file));
    }
    for (const Component& component : service.components) print(component);
    return std::move(out_);
  }

 private:
  void line(const std::string& name, const std::string& value) {
    out_ += name + " = " + value + "\n";
  }
  void text(const std::string& name, const std::string& value) {
    if (!value.empty()) line(name, in_quotes(value));
  }
  void strings(const std::string& name, const std::vector<std::string>& values) {
    if (!values.empty()) line(name, list_of_strings(values));
  }
  void duration(const std::string& name, base::Millis value, base::Millis fallback) {
    if (value != fallback) line(name, in_quotes(base::to_duration(value)));
  }

  void print(const Component& component) {
    out_ += "\n[[components]]\n";
    line("name", in_quotes(component.name.str()));
    text("image", component.image);
    text("network", component.network);
    text("user", component.user);
    if (component.restart) line("restart", in_quotes(to_text(*component.restart)));
    strings("ports", texts(component.ports, [](const auto& port) { return to_text(port); }));
    strings("volumes", texts(component.volumes, [](const auto& v) { return to_text(v); }));
    strings("cmd", component.cmd);
    strings("env", texts(component.env, [](const auto& v) { return v.first + "=" + v.second; }));
    if (!component.secrets.empty())
      line("secrets", list(texts(component.secrets, [](const Secret& secret) {
             return "{ name = " + in_quotes(secret.name) +
                    ", target = " + in_quotes(secret.target) + " }";
           })));
    if (component.memory_bytes != 0) line("memory", in_quotes(memory_text(component.memory_bytes)));
    if (component.cpus != 0) line("cpus", number(component.cpus));
    if (component.privileged) line("privileged", "true");
    strings("cap_add", component.cap_add);
    strings("cap_drop", component.cap_drop);
    strings("devices", texts(component.devices, [](const auto& v) { return to_text(v); }));
    if (component.stop_timeout)
      line("stop_timeout", in_quotes(base::to_duration(*component.stop_timeout)));
    strings("depends_on", texts(component.depends_on, [](const auto& id) { return id.str(); }));
    if (component.strategy != Strategy::kAutomatic)
      line("strategy", component.strategy == Strategy::kRolling ? "\"rolling\"" : "\"recreate\"");
    print(component.rollout);
    if (component.health) print(*component.health);
    for (const Route& route : component.routes) print(route);
  }

  void print(const RolloutSettings& rollout) {
    const RolloutSettings fallback;
    if (rollout == fallback) return;
    out_ += "\n[components.rollout]\n";
    duration("watch", rollout.watch, fallback.watch);
    duration("drain", rollout.drain, fallback.drain);
    duration("hold", rollout.hold, fallback.hold);
  }

  void print(const Health& health) {
    const Health fallback;
    out_ += "\n[components.health]\n";
    if (const auto* http = std::get_if<HttpCheck>(&health.check))
      line("http", in_quotes(http->path));
    else if (const auto* cmd = std::get_if<CmdCheck>(&health.check))
      line("cmd", list_of_strings(cmd->argv));
    else
      line("tcp", "true");
    text("port", health.port);
    duration("interval", health.interval, fallback.interval);
    duration("timeout", health.timeout, fallback.timeout);
    if (health.retries != fallback.retries) line("retries", std::to_string(health.retries));
    duration("start_period", health.start_period, fallback.start_period);
  }

  void print(const Route& route) {
    out_ += "\n[[components.routes]]\n";
    text("name", route.name);
    line("port", std::to_string(route.port));
    line("mode", route.mode == Route::Mode::kL4 ? "\"l4\"" : "\"l7\"");
    text("hostname", route.hostname);
    if (route.target_port != 0) line("target_port", std::to_string(route.target_port));
    if (route.backend_tls) line("backend_tls", *route.backend_tls ? "true" : "false");
    if (route.backend_protocol) line("backend_protocol", in_quotes(name(*route.backend_protocol)));
    text("edge", route.edge);
  }

  std::string out_;
};

}  // namespace

std::string to_toml(const Service& service) {
  return Printer().print(service);
}

}  // namespace crds
