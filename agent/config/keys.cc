#include "agent/config/keys.h"

#include "base/core/text.h"

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

Result<> keep_events(Config& config, const Value& value) {
  if (value.integer < 100 || value.integer > 10'000'000)
    return base::invalid(std::to_string(value.integer) + " is out of range", "100 to 10000000");
  config.registry.keep_events = static_cast<int>(value.integer);
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
    {"source.verify", "mode", Shape::kText},
    {"source.verify", "allowed_signers", Shape::kText},
    {"source.verify", "keyring", Shape::kText},
    {"podman", "socket", Shape::kText, text<&C::podman, &C::Podman::socket>},
    {"podman", "auth_file", Shape::kText, text<&C::podman, &C::Podman::auth_file>},
    {"podman", "list_interval", Shape::kDuration, duration<&C::podman, &C::Podman::list_interval>},
    {"mcproxy", "socket", Shape::kText, text<&C::mcproxy, &C::McProxy::socket>},
    {"mcproxy", "cert_dir", Shape::kText, text<&C::mcproxy, &C::McProxy::cert_dir>},
    {"mcias", "server_url", Shape::kText},
    {"mcias", "ca_cert", Shape::kText},
    {"mcias", "service_name", Shape::kText},
    {"mcias", "tags", Shape::kTexts},
    {"oidc", "issuer", Shape::kText},
    {"oidc", "audience", Shape::kText},
    {"oidc", "roles", Shape::kTable},
    {"api", "socket", Shape::kText, text<&C::api, &C::Api::socket>},
    {"api", "group", Shape::kText, text<&C::api, &C::Api::group>},
    {"api", "listen", Shape::kText},
    {"api", "tls_cert", Shape::kText},
    {"api", "tls_key", Shape::kText},
    {"registry", "path", Shape::kText, text<&C::registry, &C::Registry::path>},
    {"registry", "keep_events", Shape::kCount, keep_events},
    {"data", "root", Shape::kText},
    {"policy", "images", Shape::kTexts},
    {"policy", "volume_roots", Shape::kTexts},
    {"policy", "host_network", Shape::kFlag},
    {"policy", "privileged", Shape::kFlag},
    {"alerts", "*", Shape::kAny},
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
    case Shape::kAny:
      break;
  }
  return "a value";
}

std::span<const Key> config_keys() {
  return kKeys;
}

}  // namespace agent
