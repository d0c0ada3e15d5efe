#include "crds/convert.h"

#include <algorithm>

#include "base/core/time.h"
#include "crds/fields.h"
#include "crds/types/names.h"

namespace crds {
namespace {

std::string indexed(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

const std::vector<Value>& items(const Value& table, std::string_view key) {
  static const std::vector<Value> kNone;
  const Value* list = table.find(key);
  return list == nullptr ? kNone : list->items;
}

// Reads the entries of a list of strings that have a small language of their own.
template <class Entry, class Parse>
void read_entries(const Value& table, const std::string& key, const std::string& path, Parse parse,
                  std::vector<Entry>& out, Findings& findings) {
  const auto& list = items(table, key);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string field = path + indexed(key, i);
    findings.note(list[i].at, field);
    if (auto entry = parse(list[i].text)) {
      out.push_back(std::move(*entry));
    } else {
      findings.entries_lost = true;
      findings.add(list[i].at, field, entry.error().message, entry.error().hint);
    }
  }
}

void read_memory(const Value& table, const std::string& path, uint64_t& out, Findings& findings) {
  const Value* value = table.find("memory");
  if (value == nullptr) return;
  if (auto bytes = parse_memory(value->text))
    out = *bytes;
  else
    findings.add(value->at, path + "memory", bytes.error().message);
}

void read_env(const Value& table, const std::string& path, Component& out, Findings& findings) {
  read(table, "env", out.env);
  const auto& list = items(table, "env");
  for (size_t i = 0; i < list.size(); ++i) {
    const size_t equals = list[i].text.find('=');
    const std::string key = list[i].text.substr(0, equals);
    if (!out.env.emplace(key, list[i].text.substr(equals + 1)).second)
      findings.add(list[i].at, path + indexed("env", i), "'" + key + "' is set twice",
                   "remove one of them");
  }
}

Health to_health(const Value& table) {
  Health out;
  if (const Value* http = table.find("http")) {
    out.check = HttpCheck{http->text};
  } else if (const Value* cmd = table.find("cmd")) {
    CmdCheck check;
    if (cmd->type == Value::Type::kString)
      check.argv = {"/bin/sh", "-c", cmd->text};
    else
      read(table, "cmd", check.argv);
    out.check = std::move(check);
  } else {
    out.check = TcpCheck{};
  }
  read(table, "port", out.port);
  read(table, "interval", out.interval);
  read(table, "timeout", out.timeout);
  read(table, "retries", out.retries);
  read(table, "start_period", out.start_period);
  return out;
}

Route to_route(const Value& table) {
  Route out;
  read(table, "name", out.name);
  read(table, "port", out.port);
  std::string mode;
  read(table, "mode", mode);
  if (mode == "l7") out.mode = Route::Mode::kL7;
  read(table, "hostname", out.hostname);
  // Host names are compared without case (RFC 4343).
  std::transform(out.hostname.begin(), out.hostname.end(), out.hostname.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  read(table, "target_port", out.target_port);
  if (const Value* backend_tls = table.find("backend_tls")) out.backend_tls = backend_tls->boolean;
  if (const Value* protocol = table.find("backend_protocol"))
    out.backend_protocol = parse_protocol(protocol->text);
  read(table, "edge", out.edge);
  return out;
}

Suspend to_suspend(const Value& table) {
  Suspend out;
  if (const Value* until = table.find("until"))
    if (const auto at = base::parse_rfc3339(until->text)) out.until = *at;
  read(table, "reason", out.reason);
  return out;
}

std::optional<bool> to_heal(const Value& drift) {
  const Value* heal = drift.find("heal");
  return heal == nullptr ? std::nullopt : std::optional(heal->boolean);
}

Component to_component(const Value& table, const std::string& path, Findings& findings) {
  Component out;
  read(table, "name", out.name);
  read(table, "image", out.image);
  read(table, "network", out.network);
  read(table, "user", out.user);
  if (const Value* restart = table.find("restart")) out.restart = parse_restart(restart->text);
  read_entries(table, "ports", path, parse_port, out.ports, findings);
  read_entries(table, "volumes", path, parse_volume, out.volumes, findings);
  read(table, "cmd", out.cmd);
  read_env(table, path, out, findings);
  for (const Value& secret : items(table, "secrets")) {
    Secret& entry = out.secrets.emplace_back();
    read(secret, "name", entry.name);
    read(secret, "target", entry.target);
  }
  read_memory(table, path, out.memory_bytes, findings);
  read(table, "cpus", out.cpus);
  read(table, "privileged", out.privileged);
  for (const Value& name : items(table, "cap_add")) out.cap_add.push_back(capability(name.text));
  for (const Value& name : items(table, "cap_drop")) out.cap_drop.push_back(capability(name.text));
  read_entries(table, "devices", path, parse_device, out.devices, findings);
  if (table.find("stop_timeout") != nullptr)
    read(table, "stop_timeout", out.stop_timeout.emplace());
  read(table, "depends_on", out.depends_on);
  std::string strategy;
  read(table, "strategy", strategy);
  if (!strategy.empty())
    out.strategy = strategy == "rolling" ? Strategy::kRolling : Strategy::kRecreate;
  if (const Value* rollout = table.find("rollout")) {
    read(*rollout, "watch", out.rollout.watch);
    read(*rollout, "drain", out.rollout.drain);
    read(*rollout, "hold", out.rollout.hold);
  }
  if (const Value* health = table.find("health")) out.health = to_health(*health);
  const auto& routes = items(table, "routes");
  for (size_t i = 0; i < routes.size(); ++i) {
    findings.note(routes[i].at, path + indexed("routes", i));
    out.routes.push_back(to_route(routes[i]));
  }
  return out;
}

}  // namespace

void Findings::add(const Place& at, const std::string& field, std::string message,
                   std::string hint) {
  problems.push_back(
      {{file, at.line, at.column}, prefix + field, std::move(message), std::move(hint)});
}

void Findings::note(const Place& at, const std::string& field) {
  fields.push_back({field, at.line, at.column});
}

Service to_service(const DocumentParts& document, Findings& findings) {
  const Value& spec = document.spec;
  findings.prefix = document.spec_path;
  Service out;
  read(document.metadata, "name", out.name);
  read(document.metadata, "labels", out.labels);
  read(document.metadata, "annotations", out.annotations);
  read(spec, "node", out.node);
  if (const Value* node = spec.find("node")) findings.note(node->at, "node");
  if (const Value* placement = spec.find("placement")) read(*placement, "labels", out.placement);
  read(spec, "active", out.active);
  read(spec, "version", out.version);
  read(spec, "depends_on", out.depends_on);
  const auto& dependencies = items(spec, "depends_on");
  for (size_t i = 0; i < dependencies.size(); ++i)
    findings.note(dependencies[i].at, indexed("depends_on", i));
  if (const Value* time = spec.find("restarted_at"))
    if (const auto at = base::parse_rfc3339(time->text)) out.restarted_at = *at;
  if (const Value* suspend = spec.find("suspend")) out.suspend = to_suspend(*suspend);
  if (const Value* drift = spec.find("drift")) out.heal_drift = to_heal(*drift);
  read(spec, "path", out.path);
  if (const Value* build = spec.find("build")) read(*build, "images", out.build_images);
  const auto& components = items(spec, "components");
  for (size_t i = 0; i < components.size(); ++i) {
    findings.note(components[i].at, indexed("components", i));
    out.components.push_back(to_component(components[i], indexed("components", i) + ".", findings));
  }
  if (!findings.entries_lost) check_service(out, spec, findings);
  std::sort(findings.fields.begin(), findings.fields.end(),
            [](const FieldPlace& a, const FieldPlace& b) { return a.field < b.field; });
  return out;
}

Node to_node(const DocumentParts& document, Findings& findings) {
  findings.prefix = document.spec_path;
  Node out;
  read(document.metadata, "name", out.name);
  read(document.metadata, "labels", out.labels);
  if (const Value* labels = document.spec.find("labels");
      &document.spec != &document.metadata && labels)
    for (const Member& label : labels->members)
      if (!out.labels.emplace(label.key, label.value.text).second)
        findings.add(label.key_at, "labels." + label.key, "this label is in metadata, too",
                     "remove one of them");
  read(document.spec, "address", out.address);
  read(document.spec, "agent", out.agent);
  read(document.spec, "schedulable", out.schedulable);
  if (const Value* capacity = document.spec.find("capacity")) {
    read(*capacity, "cpus", out.cpus);
    read_memory(*capacity, "capacity.", out.memory_bytes, findings);
  }
  return out;
}

Fleet to_fleet(const DocumentParts& document) {
  const Value& spec = document.spec;
  Fleet out;
  read(document.metadata, "name", out.name);
  read(spec, "registry", out.registry);
  read(spec, "domain", out.domain);
  if (const Value* prune = spec.find("prune")) {
    read(*prune, "max", out.prune_max);
    read(*prune, "percent", out.prune_percent);
  }
  if (const Value* defaults = spec.find("defaults")) {
    read(*defaults, "network", out.network);
    read(*defaults, "user", out.user);
    if (const Value* restart = defaults->find("restart"))
      out.restart = parse_restart(restart->text);
    if (defaults->find("stop_timeout") != nullptr)
      read(*defaults, "stop_timeout", out.stop_timeout.emplace());
    if (const Value* drift = defaults->find("drift")) out.heal_drift = to_heal(*drift);
  }
  return out;
}

}  // namespace crds
