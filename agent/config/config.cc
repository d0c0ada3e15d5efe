#include "agent/config/config.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/config/alerts.h"
#include "agent/config/identity.h"
#include "agent/config/keys.h"
#include "base/core/text.h"

namespace agent {
namespace {

using crds::Diagnostic;
using crds::Value;

bool has_shape(const Value& value, Shape shape) {
  using Type = Value::Type;
  switch (shape) {
    case Shape::kText:
    case Shape::kDuration:
      return value.type == Type::kString;
    case Shape::kCount:
      return value.type == Type::kInteger;
    case Shape::kFlag:
      return value.type == Type::kBool;
    case Shape::kTexts:
      return value.type == Type::kArray &&
             std::all_of(value.items.begin(), value.items.end(),
                         [](const Value& item) { return item.type == Type::kString; });
    case Shape::kTable:
      return value.type == Type::kTable;
    case Shape::kTables:
      return value.type == Type::kArray;
  }
  return true;
}

class Reader {
 public:
  Reader(const std::string& file, LoadedConfig& out) : file_(file), out_(out) {}

  void read(const Value& root) {
    for (const crds::Member& section : root.members) {
      if (!is_section(section.key))
        report(out_.problems, section.key_at, section.key, "unknown section",
               suggestion(section.key, section_names()));
      else if (section.value.type != Value::Type::kTable)
        report(out_.problems, section.value.at, section.key,
               "found " + describe(section.value) + ", wanted a table",
               "write [" + section.key + "]");
      else
        read_section(section.key, section.value);
    }
  }

 private:
  void read_section(const std::string& section, const Value& table) {
    for (const crds::Member& member : table.members) {
      const std::string field = section + "." + member.key;
      if (is_section(field) && member.value.type == Value::Type::kTable)
        read_section(field, member.value);
      else if (const Key* key = find(section, member.key))
        take(*key, field, member);
      else
        report(out_.problems, member.key_at, field, "unknown key",
               suggestion(member.key, key_names(section)));
    }
  }

  void take(const Key& key, const std::string& field, const crds::Member& member) {
    const Value& value = member.value;
    if (!has_shape(value, key.shape))
      return report(out_.problems, value.at, field,
                    "found " + describe(value) + ", wanted " + std::string(wanted(key.shape)), "");
    if (const auto done = key.set(out_.config, value); !done)
      report(out_.problems, value.at, field, done.error().message, done.error().hint);
  }

  void report(std::vector<Diagnostic>& to, const crds::Place& at, const std::string& field,
              std::string message, std::string hint) {
    to.push_back({{file_, at.line, at.column}, field, std::move(message), std::move(hint)});
  }

  static const Key* find(std::string_view section, std::string_view name) {
    for (const Key& key : config_keys())
      if (key.section == section && key.name == name) return &key;
    return nullptr;
  }

  static bool is_section(std::string_view name) {
    return std::any_of(config_keys().begin(), config_keys().end(),
                       [&](const Key& key) { return key.section == name; });
  }

  static std::vector<std::string> section_names() {
    std::vector<std::string> names;
    for (const Key& key : config_keys())
      if (names.empty() || names.back() != key.section) names.emplace_back(key.section);
    return names;
  }

  static std::vector<std::string> key_names(std::string_view section) {
    std::vector<std::string> names;
    for (const Key& key : config_keys())
      if (key.section == section) names.emplace_back(key.name);
    return names;
  }

  static std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
    if (const auto meant = base::nearest(word, known)) return "did you mean '" + *meant + "'?";
    return "known: " + base::join(known, ", ");
  }

  const std::string& file_;
  LoadedConfig& out_;
};

// The host's name as a node name: its first label in lower case, what is not allowed as '-'.
std::string node_name_of(const std::string& host_name) {
  std::string name = host_name.substr(0, host_name.find('.')).substr(0, 63);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = '-';
  }
  while (name.starts_with('-')) name.erase(0, 1);
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "localhost" : name;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string Config::state_dir() const {
  const auto folder = std::filesystem::path(registry.path).parent_path().string();
  return folder.empty() ? "." : folder;
}

base::Result<crds::NodeName> parse_node_name(const std::string& text) {
  if (base::is_dns_label(text)) return crds::NodeName(text);
  return base::invalid("'" + text + "' is not a node name",
                       "1 to 63 of a-z, 0-9 and '-', no '-' at either end");
}

Environment Environment::current() {
  char host_name[HOST_NAME_MAX + 1] = {};
  ::gethostname(host_name, sizeof host_name - 1);
  return {.host_name = host_name,
          .root = ::geteuid() == 0,
          .home = variable("HOME"),
          .state_home = variable("XDG_STATE_HOME"),
          .runtime_dir = variable("XDG_RUNTIME_DIR"),
          .mcp_group = ::getgrnam("mcp") != nullptr};
}

Config default_config(const Environment& environment) {
  Config config;
  config.node.name = crds::NodeName(node_name_of(environment.host_name));
  const std::string home =
      environment.home.empty() && environment.root ? "/root" : environment.home;
  const std::string state =
      environment.state_home.empty() ? home + "/.local/state" : environment.state_home;
  config.registry.path = state + "/mcp/mcp.db";
  if (environment.root && environment.mcp_group) config.api.group = "mcp";
  if (environment.root)
    config.api.socket = "/run/mcp/agent.sock";
  else if (!environment.runtime_dir.empty())
    config.api.socket = environment.runtime_dir + "/mcp/agent.sock";
  else
    config.api.socket = state + "/mcp/agent.sock";
  return config;
}

LoadedConfig parse_config(std::string_view text, const std::string& file,
                          const Environment& environment) {
  LoadedConfig loaded{default_config(environment), {}};
  crds::ParsedFile parsed = crds::parse_toml(file, text);
  loaded.problems = std::move(parsed.problems);
  for (const Value& document : parsed.documents) Reader(file, loaded).read(document);
  if (const auto checked = check_identity(loaded.config); !checked)
    loaded.problems.push_back({{file, 0, 0}, "", checked.error().message, checked.error().hint});
  if (const auto checked = check_alerts(loaded.config); !checked)
    loaded.problems.push_back({{file, 0, 0}, "", checked.error().message, checked.error().hint});
  const Config::Source& source = loaded.config.source;
  const bool ssh = source.verify == VerifyMode::kSsh;
  if (source.verify != VerifyMode::kOff && (ssh ? source.allowed_signers : source.keyring).empty())
    loaded.problems.push_back({{file, 1, 1},
                               "source.verify.mode",
                               std::string("needs ") + (ssh ? "allowed_signers" : "keyring"),
                               "name the file of the keys that may sign"});
  const Config defaults = default_config(environment);
  // An empty path asks for the default.
  if (loaded.config.registry.path.empty()) loaded.config.registry.path = defaults.registry.path;
  if (loaded.config.api.socket.empty()) loaded.config.api.socket = defaults.api.socket;
  return loaded;
}

base::Result<LoadedConfig> load_config(const std::string& path, const Environment& environment) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  std::ifstream in(path, std::ios::binary);
  if (folder || !in)
    return base::invalid(
        "cannot read the configuration " + path + ": " + std::strerror(folder ? EISDIR : errno),
        "check --config");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return parse_config(text, path, environment);
}

}  // namespace agent
