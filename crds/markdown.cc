#include <algorithm>

#include "crds/describe.h"
#include "crds/explain.h"
#include "crds/schema.h"

namespace crds {
namespace {

// What would end a table's cell or be taken for HTML.
std::string cell(const std::string& text) {
  std::string out;
  bool code = false;
  for (char c : text) {
    if (c == '`') code = !code;
    if (c == '|')
      out += "\\|";
    else if (c == '<' && !code)
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

std::string code(const std::string& text) {
  return "`" + text + "`";
}

std::string cell_code(const std::string& text) {
  return cell(code(text));
}

void add_table(const Schema& table, const std::string& path, std::string& out) {
  out += "| field | type | default | meaning |\n|---|---|---|---|\n";
  for (const Property& property : table.properties) {
    const Schema& schema = property.schema;
    const bool required = std::find(table.required.begin(), table.required.end(), property.name) !=
                          table.required.end();
    std::string meaning = schema.description;
    if (const std::string limits = limits_text(schema); !limits.empty()) meaning += " " + limits;
    out += "| " + code(property.name) + " | " + cell_code(type_text(schema)) + " | " +
           (required          ? "required"
            : schema.fallback ? cell_code(toml_text(*schema.fallback))
                              : "") +
           " | " + cell(meaning);
    if (schema.example) out += " Example: " + cell_code(toml_text(*schema.example));
    out += " |\n";
  }
  for (const Property& property : table.properties) {
    const Schema* inner = table_of(property.schema);
    if (inner == nullptr) continue;
    const std::string name = path + property.name + (property.schema.items != nullptr ? "[]" : "");
    out += "\n## " + code(name) + "\n\n" + cell(property.schema.description) + "\n\n";
    add_table(*inner, name + ".", out);
  }
}

}  // namespace

base::Result<std::string> markdown(std::string_view kind) {
  const Schema* schema = find_schema(kind, Form::kToml);
  if (schema == nullptr)
    return base::not_found("no kind is named '" + std::string(kind) + "'",
                           "kinds: Service, Node, Fleet");
  const std::string name(kind);
  std::string out = "<!-- Written from crds/*.yaml by the test Pages; do not edit. -->\n# " + name +
                    "\n\n" + schema->description +
                    "\n\nIn TOML these fields stand at the top of the file. In YAML a document has "
                    "`apiVersion: mcp.metacircular.net/v1`, `kind: " +
                    name +
                    "`, `metadata` with `name`, `labels` and `annotations`, and `spec` with the "
                    "rest. `mcp explain " +
                    std::string(1, static_cast<char>(name[0] | 0x20)) + name.substr(1) +
                    "` says the same on a terminal.\n\n";
  add_table(*schema, "", out);
  return out;
}

}  // namespace crds
