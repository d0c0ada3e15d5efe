#include "mc-proxy/config/config.h"

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/core/text.h"
#include "base/toml/value.h"

namespace mc_proxy {
namespace {

using base::Member;
using base::Result;
using base::Value;

struct Key {
  std::string name;
  Value::Type type;
  std::function<Result<>(const Value&)> take;
};

std::string wanted(Value::Type type) {
  switch (type) {
    case Value::Type::kString:
      return "a string";
    case Value::Type::kBool:
      return "true or false";
    case Value::Type::kInteger:
      return "a whole number";
    case Value::Type::kTable:
      return "a table";
    default:
      return "a list of tables ([[listeners]])";
  }
}

Key text(std::string name, std::string& target) {
  return {std::move(name), Value::Type::kString, [&target](const Value& value) -> Result<> {
            if (!value.text.empty()) target = value.text;  // an empty one asks for the default
            return {};
          }};
}

class Reader {
 public:
  Reader(std::string file, LoadedConfig& out) : file_(std::move(file)), out_(out) {}

  void read(const Value& root) {
    Config& c = out_.config;
    const auto section = [this](const char* name, std::vector<Key> keys) {
      return Key{name, Value::Type::kTable, [this, name, keys](const Value& value) -> Result<> {
                   table(name, value, keys);
                   return {};
                 }};
    };
    table("", root,
          {{"listeners", Value::Type::kArray,
            [this](const Value& value) -> Result<> {
              listeners(value);
              return {};
            }},
           section("api", {text("socket", c.socket), text("group", c.group)}),
           section("metrics", {text("listen", c.metrics)}),
           section("database", {text("path", c.database)}),
           section("certificates",
                   {text("dir", c.cert_dir), text("roots", c.roots), text("dev_ca", c.dev_ca)}),
           section("haproxy", {text("binary", c.haproxy),
                               {"max_connections", Value::Type::kInteger,
                                [&c](const Value& value) -> Result<> {
                                  if (value.integer < 1 || value.integer > 10'000'000)
                                    return base::invalid(
                                        std::to_string(value.integer) + " is out of range",
                                        "1 to 10000000, or leave it out");
                                  c.max_connections = static_cast<int>(value.integer);
                                  return {};
                                }}}),
           section("log", {{"level", Value::Type::kString,
                            [&c](const Value& value) -> Result<> {
                              MCP_TRY(c.log_level, base::log::parse_level(value.text));
                              return {};
                            }},
                           {"format", Value::Type::kString, [&c](const Value& value) -> Result<> {
                              MCP_TRY(c.log_format, base::log::parse_format(value.text));
                              return {};
                            }}})});
    if (c.listeners.empty() && out_.problems.empty())
      report(root.at, "listeners", "no listener is named",
             "add [[listeners]] with address = \":443\"");
  }

 private:
  void table(const std::string& path, const Value& value, const std::vector<Key>& keys) {
    for (const Member& member : value.members) {
      const std::string field = path.empty() ? member.key : path + "." + member.key;
      const Key* key = nullptr;
      std::vector<std::string> names;
      for (const Key& candidate : keys) {
        names.push_back(candidate.name);
        if (candidate.name == member.key) key = &candidate;
      }
      if (!key) {
        const auto near = base::nearest(member.key, names);
        report(member.key_at, field, "unknown key",
               near ? "did you mean '" + *near + "'?" : "known: " + base::join(names, ", "));
      } else if (member.value.type != key->type) {
        report(member.value.at, field,
               "found " + describe(member.value) + ", wanted " + wanted(key->type), "");
      } else if (const auto done = key->take(member.value); !done) {
        report(member.value.at, field, done.error().message, done.error().hint);
      }
    }
  }

  void listeners(const Value& list) {
    for (const Value& item : list.items) {
      const std::string field = "listeners[" + std::to_string(out_.config.listeners.size()) + "]";
      if (item.type != Value::Type::kTable) {
        report(item.at, field, "found " + describe(item) + ", wanted a table", "");
        continue;
      }
      Listener listener;
      table(field, item,
            {{"address", Value::Type::kString,
              [&](const Value& value) -> Result<> {
                listener.address = value.text;
                return check(listener);
              }},
             {"proxy_protocol", Value::Type::kBool, [&](const Value& value) -> Result<> {
                listener.proxy_protocol = value.boolean;
                return {};
              }}});
      if (!item.find("address"))
        report(item.at, field, "a listener has an address", "address = \":443\"");
      out_.config.listeners.push_back(listener);
    }
  }

  Result<> check(const Listener& listener) const {
    const std::string host = listener.address.substr(0, listener.address.rfind(':'));
    const bool plain = host.find_first_not_of("0123456789.") == std::string::npos;
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']' &&
                           host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1;
    if (listener.port() == 0 || (!plain && !bracketed))
      return base::invalid("'" + listener.address + "' is no address to listen on",
                           "\":443\", \"192.0.2.1:443\" or \"[2001:db8::1]:443\"");
    for (const Listener& other : out_.config.listeners)
      if (other.address == listener.address)
        return base::invalid("'" + listener.address + "' is listed twice", "remove one");
    return {};
  }

  void report(const base::Place& at, const std::string& field, std::string message,
              std::string hint) {
    out_.problems.push_back(
        {{file_, at.line, at.column}, field, std::move(message), std::move(hint)});
  }

  std::string file_;
  LoadedConfig& out_;
};

}  // namespace

uint16_t Listener::port() const {
  const size_t colon = address.rfind(':');
  uint16_t port = 0;
  if (colon == std::string::npos) return 0;
  const char* end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  return parsed.ec == std::errc() && parsed.ptr == end ? port : 0;
}

std::string Config::engine_dir() const {
  const auto folder = std::filesystem::absolute(database).parent_path();
  return (folder / "haproxy").string();
}

LoadedConfig parse_config(std::string_view text, const std::string& file) {
  LoadedConfig loaded;
  base::ParsedFile parsed = base::parse_toml(file, text);
  loaded.problems = std::move(parsed.problems);
  for (const Value& document : parsed.documents) Reader(file, loaded).read(document);
  return loaded;
}

Result<LoadedConfig> load_config(const std::string& path) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  std::ifstream in(path, std::ios::binary);
  if (folder || !in)
    return base::invalid(
        "cannot read the configuration " + path + ": " + std::strerror(folder ? EISDIR : errno),
        "check --config");
  return parse_config(std::string(std::istreambuf_iterator<char>(in), {}), path);
}

}  // namespace mc_proxy
