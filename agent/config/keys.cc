#include "agent/config/keys.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

#include "agent/config/alerts.h"
#include "agent/config/identity.h"
#include "base/core/text.h"
#include "crds/fields.h"

namespace agent {
namespace {

using base::Result;
using crds::Value;

// A setter for a string member: text<&Config::source, &Config::Source::url>.
template <auto Section, auto Member>
Result<> text(Config& config, const Value& value) {
  config.*Section.*Member = value.text;
  return {};
}

template <auto Section, auto Member>
Result<> duration(Config& config, const Value& value) {
  MCP_TRY(const auto parsed, base::parse_duration(value.text));
  if (parsed < std::chrono::seconds(1))
    return base::invalid("'" + value.text + "' is too short", "at least 1s");
  config.*Section.*Member = parsed;
  return {};
}

Result<> node_name(Config& config, const Value& value) {
  MCP_TRY(config.node.name, parse_node_name(value.text));
  return {};
}

Result<> not_empty_branch(Config& config, const Value& value) {
  if (value.text.empty()) return base::invalid("a branch has a name", "leave it out for main");
  config.source.branch = value.text;
  return {};
}

Result<> source_report(Config& config, const Value& value) {
  config.source.report = value.boolean;
  return {};
}

Result<> drift_heal(Config& config, const Value& value) {
  config.drift.heal = value.boolean;
  return {};
}

Result<> verify_mode(Config& config, const Value& value) {
  if (value.text == "off" || value.text.empty())
    config.source.verify = VerifyMode::kOff;
  else if (value.text == "ssh")
    config.source.verify = VerifyMode::kSsh;
  else if (value.text == "gpg")
    config.source.verify = VerifyMode::kGpg;
  else
    return base::invalid("'" + value.text + "' is no way to verify", "off, ssh or gpg");
  return {};
}

Result<> keep_events(Config& config, const Value& value) {
  if (value.integer < 100 || value.integer > 10'000'000)
    return base::invalid(std::to_string(value.integer) + " is out of range", "100 to 10000000");
  config.registry.keep_events = static_cast<int>(value.integer);
  return {};
}

Result<> registries(Config& config, const Value& value) {
  config.podman.registries.clear();
  for (const Value& table : value.items) {
    Config::Podman::Registry one;
    const std::pair<std::string_view, std::string*> fields[] = {
        {"host", &one.host}, {"username", &one.username}, {"password_file", &one.password_file}};
    for (const crds::Member& member : table.members) {
      const auto field = std::find_if(std::begin(fields), std::end(fields),
                                      [&](const auto& f) { return f.first == member.key; });
      if (field == std::end(fields) || member.value.type != Value::Type::kString)
        return base::invalid("line " + std::to_string(member.key_at.line) + ": '" + member.key +
                                 "' is not a string that is known here",
                             "host, username and password_file");
      *field->second = member.value.text;
    }
    if (one.host.empty() || one.username.empty() || one.password_file.empty())
      return base::invalid("a registry needs host, username and password_file");
    if (one.host.find("://") != std::string::npos)
      return base::invalid("'" + one.host + "' is not the name of a registry",
                           "as in images: registry.example.net:5000, without https://");
    while (one.host.ends_with('/')) one.host.pop_back();
    config.podman.registries.push_back(std::move(one));
  }
  return {};
}

Result<> data_root(Config& config, const Value& value) {
  if (!value.text.starts_with('/') || value.text == "/")
    return base::invalid("'" + value.text + "' is not the absolute path of a folder",
                         "the services' folders are made in it");
  config.data.root = value.text;
  while (config.data.root.ends_with('/')) config.data.root.pop_back();
  return {};
}

Result<> log_level(Config& config, const Value& value) {
  MCP_TRY(config.log.level, base::log::parse_level(value.text));
  return {};
}

Result<> log_format(Config& config, const Value& value) {
  MCP_TRY(config.log.format, base::log::parse_format(value.text));
  return {};
}

using reconciler::Policy;

template <auto Member>
Result<> texts(Config& config, const Value& value) {
  (config.policy.*Member).clear();
  for (const Value& item : value.items) (config.policy.*Member).push_back(item.text);
  return {};
}

template <auto Member>
Result<> flag(Config& config, const Value& value) {
  config.policy.*Member = value.boolean;
  return {};
}

Result<> volume_roots(Config& config, const Value& value) {
  for (const Value& item : value.items) {
    const auto parts = base::split(item.text, '/');
    if (!item.text.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end())
      return base::invalid("'" + item.text + "' is not an absolute path without '..'");
  }
  return texts<&Policy::volume_roots>(config, value);
}

Result<> capabilities(Config& config, const Value& value) {
  config.policy.capabilities.clear();
  for (const Value& item : value.items)
    config.policy.capabilities.push_back(crds::capability(item.text));
  return {};
}

Result<> publish(Config& config, const Value& value) {
  unsigned char address[sizeof(in6_addr)];
  for (const Value& item : value.items)
    if (item.text != "*" && ::inet_pton(AF_INET, item.text.c_str(), address) != 1 &&
        ::inet_pton(AF_INET6, item.text.c_str(), address) != 1)
      return base::invalid("'" + item.text + "' is not an IP address", "or \"*\" for any");
  return texts<&Policy::publish>(config, value);
}

Result<uint64_t> bytes(const std::string& text) {
  const size_t unit = text.find_first_not_of("0123456789");
  constexpr std::string_view kUnits[] = {"",    "b", "k",  "kb",  "kib", "m",  "mb",
                                         "mib", "g", "gb", "gib", "t",   "tb", "tib"};
  const std::string word = unit == std::string::npos ? "" : base::lower(text.substr(unit));
  if (unit == 0 || std::find(std::begin(kUnits), std::end(kUnits), word) == std::end(kUnits))
    return base::invalid("'" + text + "' is no amount of bytes", "write it as 256MiB, 512M or 1g");
  return crds::parse_memory(text);
}

Result<> max_memory(Config& config, const Value& value) {
  config.policy.max_memory_bytes = 0;
  if (value.text.empty()) return {};
  MCP_TRY(config.policy.max_memory_bytes, bytes(value.text));
  return {};
}

Result<> max_file_size(Config& config, const Value& value) {
  MCP_TRY(config.data.max_file_bytes, bytes(value.text));
  return {};
}

// MCIAS judges by them at the login, which `mcp login` does; nothing is left to do with them here.
Result<> left_to_login(Config&, const Value&) {
  return {};
}

using C = Config;
constexpr Key kKeys[] = {
    {"node", "name", Shape::kText, node_name},
    {"source", "url", Shape::kText, text<&C::source, &C::Source::url>},
    {"source", "branch", Shape::kText, not_empty_branch},
    {"source", "path", Shape::kText, text<&C::source, &C::Source::path>},
    {"source", "interval", Shape::kDuration, duration<&C::source, &C::Source::interval>},
    {"source", "username", Shape::kText, text<&C::source, &C::Source::username>},
    {"source", "password_file", Shape::kText, text<&C::source, &C::Source::password_file>},
    {"source", "ca_file", Shape::kText, text<&C::source, &C::Source::ca_file>},
    {"source", "ssh_key", Shape::kText, text<&C::source, &C::Source::ssh_key>},
    {"source", "known_hosts", Shape::kText, text<&C::source, &C::Source::known_hosts>},
    {"source", "report", Shape::kFlag, source_report},
    {"source.verify", "mode", Shape::kText, verify_mode},
    {"source.verify", "allowed_signers", Shape::kText,
     text<&C::source, &C::Source::allowed_signers>},
    {"source.verify", "keyring", Shape::kText, text<&C::source, &C::Source::keyring>},
    {"podman", "socket", Shape::kText, text<&C::podman, &C::Podman::socket>},
    {"podman", "auth_file", Shape::kText, text<&C::podman, &C::Podman::auth_file>},
    {"podman", "registries", Shape::kTables, registries},
    {"podman", "list_interval", Shape::kDuration, duration<&C::podman, &C::Podman::list_interval>},
    {"mcproxy", "socket", Shape::kText, text<&C::mcproxy, &C::McProxy::socket>},
    {"mcproxy", "cert_dir", Shape::kText, text<&C::mcproxy, &C::McProxy::cert_dir>},
    {"mcias", "server_url", Shape::kText, text<&C::mcias, &MciasOptions::server_url>},
    {"mcias", "ca_cert", Shape::kText, text<&C::mcias, &MciasOptions::ca_cert>},
    {"mcias", "service_name", Shape::kText, left_to_login},
    {"mcias", "tags", Shape::kTexts, left_to_login},
    {"oidc", "issuer", Shape::kText, text<&C::oidc, &C::Oidc::issuer>},
    {"oidc", "audience", Shape::kText, text<&C::oidc, &C::Oidc::audience>},
    {"oidc", "ca_cert", Shape::kText, text<&C::oidc, &C::Oidc::ca_cert>},
    {"oidc", "roles_claim", Shape::kText, text<&C::oidc, &C::Oidc::roles_claim>},
    {"oidc", "roles", Shape::kTable, set_oidc_roles},
    {"oidc", "trust", Shape::kTables, set_oidc_trust},
    {"api", "socket", Shape::kText, text<&C::api, &C::Api::socket>},
    {"api", "group", Shape::kText, text<&C::api, &C::Api::group>},
    {"api", "listen", Shape::kText, text<&C::api, &C::Api::listen>},
    {"api", "tls_cert", Shape::kText, text<&C::api, &C::Api::tls_cert>},
    {"api", "tls_key", Shape::kText, text<&C::api, &C::Api::tls_key>},
    {"metrics", "listen", Shape::kText, text<&C::metrics, &C::Metrics::listen>},
    {"registry", "path", Shape::kText, text<&C::registry, &C::Registry::path>},
    {"registry", "keep_events", Shape::kCount, keep_events},
    {"data", "root", Shape::kText, data_root},
    {"data", "max_file_size", Shape::kText, max_file_size},
    {"drift", "heal", Shape::kFlag, drift_heal},
    {"policy", "images", Shape::kTexts, texts<&Policy::images>},
    {"policy", "volume_roots", Shape::kTexts, volume_roots},
    {"policy", "host_network", Shape::kFlag, flag<&Policy::host_network>},
    {"policy", "privileged", Shape::kFlag, flag<&Policy::privileged>},
    {"policy", "capabilities", Shape::kTexts, capabilities},
    {"policy", "devices", Shape::kTexts, texts<&Policy::devices>},
    {"policy", "publish", Shape::kTexts, publish},
    {"policy", "max_memory", Shape::kText, max_memory},
    {"log", "level", Shape::kText, log_level},
    {"log", "format", Shape::kText, log_format},
};

}  // namespace

std::string_view wanted(Shape shape) {
  switch (shape) {
    case Shape::kText:
      return "a string";
    case Shape::kDuration:
      return "a duration such as \"30s\"";
    case Shape::kCount:
      return "a whole number";
    case Shape::kFlag:
      return "true or false";
    case Shape::kTexts:
      return "a list of strings";
    case Shape::kTable:
      return "a table";
    case Shape::kTables:
      return "a list of tables";
  }
  return "a value";
}

std::span<const Key> config_keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> keys(std::begin(kKeys), std::end(kKeys));
    keys.insert(keys.end(), alert_keys().begin(), alert_keys().end());
    return keys;
  }();
  return all;
}

}  // namespace agent
