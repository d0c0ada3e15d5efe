#include "crds/decode.h"

#include <algorithm>

#include "base/core/text.h"
#include "crds/convert.h"
#include "crds/schema.h"

namespace crds {
namespace {

bool is_yaml(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string stem(std::string_view path) {
  const std::string_view name = file_name(path);
  return std::string(name.substr(0, name.rfind('.')));
}

// The kind that the folder promises.
std::string_view kind_of(std::string_view path) {
  if (path.starts_with("services/")) return "Service";
  if (path.starts_with("nodes/")) return "Node";
  return "Fleet";
}

// The value of "name = x" or "name: x" in one line; empty when it is something else.
std::string name_in(std::string_view line, char separator) {
  const size_t key = line.find("name");
  if (key == std::string_view::npos) return {};
  const size_t sign = line.find_first_not_of(" \t\"'", key + 4);
  if (sign == std::string_view::npos || line[sign] != separator) return {};
  const size_t begin = line.find_first_not_of(" \t\"'", sign + 1);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = line.substr(begin);
  const std::string name(rest.substr(0, rest.find_first_of(" \t\r\"'#,}")));
  return base::is_dns_label(name) ? name : std::string();
}

// The names that a text gives whose syntax is broken, so that exactly those services are held and
// none is taken for removed: in TOML the name before the first table, in YAML the names right
// inside of metadata.
std::vector<std::string> names_in(std::string_view text, bool yaml) {
  std::vector<std::string> out;
  bool in_metadata = false;
  for (const std::string& line : base::split(text, '\n')) {
    const size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos || line[first] == '#') continue;
    std::string_view body = std::string_view(line).substr(first);
    if (!yaml && body.starts_with('[')) break;
    if (yaml && first == 0) in_metadata = body.starts_with("metadata:");
    if (yaml ? !in_metadata : !body.starts_with("name") && !body.starts_with("\"name\"")) continue;
    // Inside of metadata, labels may hold a "name" as well: one too many is held then, which is
    // safe.
    if (std::string name = name_in(body, yaml ? ':' : '='); !name.empty()) out.push_back(name);
  }
  return out;
}

class FileDecoder {
 public:
  FileDecoder(std::string_view path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  DecodedFile decode() {
    if (bytes_.size() > kMaxDefinitionBytes) {
      add({},
          "the file has " + std::to_string(bytes_.size()) + " bytes, expected at most " +
              std::to_string(kMaxDefinitionBytes),
          "split it");
      hold_names({});
      return std::move(out_);
    }
    ParsedFile parsed = parse_file(path_, bytes_);
    for (const Value& document : parsed.documents) decode_document(document);
    if (!parsed.problems.empty()) hold_names(names_in(bytes_, is_yaml(path_)));
    out_.problems.insert(out_.problems.end(), parsed.problems.begin(), parsed.problems.end());
    if (parsed.documents.empty() && parsed.problems.empty()) {
      add({}, "the file holds no definition",
          "remove it, or write a " + std::string(kind_of(path_)));
      hold_names({});
    }
    return std::move(out_);
  }

 private:
  void add(const Place& at, std::string message, std::string hint = {}) {
    out_.problems.push_back(
        {{std::string(path_), at.line, at.column}, "", std::move(message), std::move(hint)});
  }

  // After a syntax error: every name the text gives that no sound document has defined.
  void hold_names(std::vector<std::string> names) {
    if (kind_of(path_) != "Service") return;
    if (names.empty()) names.push_back(stem(path_));
    for (const std::string& name : names) hold(name);
  }

  void hold(const std::string& name) {
    const ServiceName service(name);
    const bool sound = std::any_of(out_.services.begin(), out_.services.end(),
                                   [&](const auto& s) { return s.value.name == service; });
    auto& broken = out_.broken_services;
    if (!sound && std::find(broken.begin(), broken.end(), service) == broken.end())
      broken.push_back(service);
  }

  static const Value& part(const Value& root, std::string_view key) {
    static const Value kEmpty;
    const Value* found = root.find(key);
    return found == nullptr ? kEmpty : *found;
  }

  void decode_document(const Value& root) {
    const bool yaml = is_yaml(path_);
    const std::string kind = yaml ? part(root, "kind").text : std::string(kind_of(path_));
    const Value& metadata = yaml ? part(root, "metadata") : root;
    const DocumentParts parts{root, metadata, yaml ? part(root, "spec") : root,
                              yaml ? "spec." : ""};
    if (std::vector<Diagnostic> problems = check_shape(root, kind, yaml); !problems.empty()) {
      out_.problems.insert(out_.problems.end(), problems.begin(), problems.end());
      if (kind == "Service" || kind_of(path_) == "Service") hold_name(metadata);
      return;
    }
    convert(kind, parts);
  }

  void hold_name(const Value& metadata) {
    const std::string& name = part(metadata, "name").text;
    hold(base::is_dns_label(name) ? name : stem(path_));
  }

  std::vector<Diagnostic> check_shape(const Value& root, const std::string& kind, bool yaml) {
    const Schema* schema = find_schema(kind, yaml ? Form::kYaml : Form::kToml);
    // A document of an unknown kind is told so by the enum of the kind that belongs here.
    if (schema == nullptr) schema = find_schema(kind_of(path_), Form::kYaml);
    auto problems = validate(*schema, root, path_);
    if (problems.empty() && kind != kind_of(path_)) {
      const Place& at = part(root, "kind").at;
      problems.push_back(
          {{std::string(path_), at.line, at.column},
           "kind",
           "found a " + kind + " among definitions of kind " + std::string(kind_of(path_)),
           "move it to " + std::string(kind == "Service" ? "services/"
                                       : kind == "Node"  ? "nodes/"
                                                         : "fleet.yaml")});
    }
    return problems;
  }

  template <class Kind>
  void keep(Kind value, const DocumentParts& parts, Findings& findings,
            std::vector<Located<Kind>>& list) {
    const Value* name = parts.metadata.find("name");
    const Place& at = name == nullptr ? parts.root.at : name->at;
    out_.problems.insert(out_.problems.end(), findings.problems.begin(), findings.problems.end());
    if (!findings.problems.empty()) {
      if constexpr (std::is_same_v<Kind, Service>) hold(value.name.str());
      return;
    }
    list.push_back(
        {std::move(value), {std::string(path_), at.line, at.column}, std::move(findings.fields)});
  }

  void convert(const std::string& kind, const DocumentParts& parts) {
    Findings findings{std::string(path_)};
    if (kind == "Service") {
      keep(to_service(parts, findings), parts, findings, out_.services);
    } else if (kind == "Node") {
      keep(to_node(parts, findings), parts, findings, out_.nodes);
    } else {
      std::vector<Located<Fleet>> fleet;
      keep(to_fleet(parts), parts, findings, fleet);
      if (out_.fleet)
        add(parts.root.at, "the fleet is defined twice", "keep one document");
      else if (!fleet.empty())
        out_.fleet = std::move(fleet.front());
    }
  }

  std::string_view path_;
  std::string_view bytes_;
  DecodedFile out_;
};

}  // namespace

bool is_definition_path(std::string_view path) {
  const std::string_view name = file_name(path);
  if (!(name.ends_with(".toml") || is_yaml(name)) || name.starts_with('.')) return false;
  if (path.starts_with("services/")) return true;
  if (path.starts_with("nodes/")) return path.find('/', 6) == std::string_view::npos;
  return path == name && stem(name) == "fleet";
}

DecodedFile decode_file(std::string_view path, std::string_view bytes) {
  DecodedFile out = FileDecoder(path, bytes).decode();
  std::stable_sort(out.problems.begin(), out.problems.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.at < b.at; });
  if (out.problems.size() > kMaxProblems) {
    out.problems.resize(kMaxProblems);
    out.problems.push_back(
        {{std::string(path), 0, 0},
         "",
         "more than " + std::to_string(kMaxProblems) + " problems, the others are not shown",
         ""});
  }
  return out;
}

}  // namespace crds
