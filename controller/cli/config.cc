#include "controller/cli/config.h"

#include <functional>

#include "base/core/text.h"
#include "controller/cli/file.h"
#include "crds/codec/value.h"

namespace controller {
namespace {

using crds::Value;

// Reads one table by a list of keys; what is not in the list is a problem.
class Reader {
 public:
  Reader(std::string file, std::string home) : file_(std::move(file)), home_(std::move(home)) {}

  struct Key {
    std::string name;
    std::function<void(const std::string& path, const Value&)> read;
  };

  void table(const std::string& path, const Value& value, const std::vector<Key>& keys) {
    if (value.type != Value::Type::kTable)
      return problem(value.at, path, "found " + describe(value) + ", a table is wanted");
    for (const crds::Member& member : value.members) {
      const std::string inner = path.empty() ? member.key : path + "." + member.key;
      bool known = false;
      for (const Key& key : keys) {
        if (key.name != member.key) continue;
        key.read(inner, member.value);
        known = true;
      }
      if (!known) unknown(member, inner, keys);
    }
  }

  auto text(std::string& target) {
    return [this, &target](const std::string& path, const Value& value) {
      if (value.type == Value::Type::kString)
        target = value.text;
      else
        problem(value.at, path, "found " + describe(value) + ", a string is wanted");
    };
  }

  // A string that names a file.
  auto path(std::string& target) {
    return [this, &target](const std::string& path, const Value& value) {
      text(target)(path, value);
      if (target.starts_with("~/")) target = home_ + target.substr(1);
    };
  }

  auto texts(std::vector<std::string>& target) {
    return [this, &target](const std::string& path, const Value& value) {
      if (value.type != Value::Type::kArray)
        return problem(value.at, path, "found " + describe(value) + ", a list is wanted");
      for (const Value& item : value.items) text(target.emplace_back())(path, item);
    };
  }

  void problem(const crds::Place& at, const std::string& key, const std::string& message,
               const std::string& hint = {}) {
    problems.push_back(crds::Diagnostic{{file_, at.line, at.column}, key, message, hint}.text());
  }

  std::vector<std::string> problems;

 private:
  void unknown(const crds::Member& member, const std::string& path, const std::vector<Key>& keys) {
    std::vector<std::string> names;
    for (const Key& key : keys) names.push_back(key.name);
    const auto near = base::nearest(member.key, names);
    problem(member.key_at, path, "unknown key",
            near ? "did you mean '" + *near + "'?" : "known are: " + base::join(names, ", "));
  }

  std::string file_;
  std::string home_;
};

void read_nodes(Reader& reader, const std::string& path, const Value& value,
                std::vector<KnownNode>& nodes) {
  if (value.type != Value::Type::kArray)
    return reader.problem(value.at, path, "found " + describe(value) + ", [[nodes]] is wanted");
  for (const Value& item : value.items) {
    KnownNode node;
    const size_t before = reader.problems.size();
    reader.table(path, item,
                 {{"name", reader.text(node.name)},
                  {"address", reader.text(node.address)},
                  {"ca_file", reader.path(node.ca_file)}});
    if (reader.problems.size() == before && (node.name.empty() || node.address.empty()))
      reader.problem(item.at, path, "a node needs a name and an address");
    nodes.push_back(std::move(node));
  }
}

}  // namespace

base::Result<Config> parse_config(const std::string& file, std::string_view text,
                                  const std::string& home) {
  const crds::ParsedFile parsed = crds::parse_toml(file, text);
  Config config;
  config.file = file;
  Reader reader(file, home);
  for (const crds::Diagnostic& one : parsed.problems) reader.problems.push_back(one.text());
  const auto section = [&](std::vector<Reader::Key> keys) {
    return [&reader, keys = std::move(keys)](const std::string& path, const Value& value) {
      reader.table(path, value, keys);
    };
  };
  if (!parsed.documents.empty())
    reader.table("", parsed.documents.front(),
                 {{"services", section({{"dir", reader.path(config.services.dir)}})},
                  {"mcias", section({{"server_url", reader.text(config.mcias.server_url)},
                                     {"ca_cert", reader.path(config.mcias.ca_cert)},
                                     {"service_name", reader.text(config.mcias.service_name)},
                                     {"tags", reader.texts(config.mcias.tags)}})},
                  {"oidc", section({{"issuer", reader.text(config.oidc.issuer)},
                                    {"client_id", reader.text(config.oidc.client_id)},
                                    {"ca_cert", reader.path(config.oidc.ca_cert)},
                                    {"scopes", reader.texts(config.oidc.scopes)}})},
                  {"auth", section({{"token_path", reader.path(config.auth.token_path)},
                                    {"ca_file", reader.path(config.auth.ca_file)}})},
                  {"repo", section({{"url", reader.text(config.repo.url)},
                                    {"path", reader.path(config.repo.path)},
                                    {"branch", reader.text(config.repo.branch)}})},
                  {"nodes", [&](const std::string& path, const Value& value) {
                     read_nodes(reader, path, value, config.nodes);
                   }}});
  if (reader.problems.empty()) return config;
  return base::invalid("cannot use the configuration:\n" + base::join(reader.problems, "\n"));
}

base::Result<Config> load_config(const Environment& environment) {
  const bool named = !environment.config.empty();
  const std::string file = named ? environment.config : environment.config_home + "/mcp/mcp.toml";
  auto text = read_file(file);
  if (text) return parse_config(file, *text, environment.home);
  if (!named && text.error().code == base::Code::kNotFound) return Config{};
  return text.error().within("cannot read the configuration");
}

}  // namespace controller
