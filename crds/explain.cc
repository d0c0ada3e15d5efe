#include "crds/explain.h"

#include <algorithm>
#include <sstream>

#include "base/core/text.h"
#include "crds/describe.h"
#include "crds/schema.h"
#include "crds/suggest.h"

namespace crds {
namespace {

constexpr size_t kWidth = 80;

std::string wrapped(const std::string& text, const std::string& indent) {
  std::istringstream words(text);
  std::string out, line, word;
  while (words >> word) {
    if (!line.empty() && indent.size() + line.size() + 1 + word.size() > kWidth) {
      out += indent + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? out : out + indent + line + "\n";
}

std::string default_and_example(const Schema& schema, const std::string& indent) {
  std::string out;
  if (schema.fallback) out += wrapped("Default: " + toml_text(*schema.fallback), indent);
  if (schema.example) out += wrapped("Example: " + toml_text(*schema.example), indent);
  return out;
}

bool is_required(const Schema& table, const std::string& name) {
  return std::find(table.required.begin(), table.required.end(), name) != table.required.end();
}

std::string fields(const Schema& table) {
  std::string out = "FIELDS:\n";
  for (const Property& property : table.properties) {
    out += "  " + property.name + "\t<" + type_text(property.schema) + ">" +
           (is_required(table, property.name) ? " -required-" : "") + "\n";
    out += wrapped(property.schema.description, "    ") + "\n";
  }
  return out;
}

// The field that the parts name below `schema`; `unknown` gets the first that is none.
const Schema* walk(const Schema& schema, std::span<const std::string> parts, const Schema*& table,
                   std::string& unknown) {
  const Schema* at = &schema;
  for (const std::string& part : parts) {
    table = table_of(*at);
    unknown = part.substr(0, part.find('['));
    at = table == nullptr ? nullptr : table->find(unknown);
    if (at == nullptr) return nullptr;
  }
  return at;
}

base::Error unknown_field(const Schema* table, const std::string& unknown,
                          const std::string& path) {
  const std::string message = "no field '" + unknown + "' in " + path;
  if (table == nullptr) return base::not_found(message, "the field before it has none");
  std::vector<std::string> names;
  for (const Property& property : table->properties) names.push_back(property.name);
  return base::not_found(message, suggest(unknown, names, "fields"));
}

}  // namespace

base::Result<std::string> find_kind(const std::string& word) {
  std::vector<std::string> names;
  for (const std::string& kind : kinds()) {
    names.push_back(base::lower(kind));
    if (base::lower(word) == names.back() || base::lower(word) == names.back() + "s") return kind;
  }
  return base::not_found("no kind is named '" + word + "'",
                         suggest(base::lower(word), names, "kinds"));
}

std::vector<std::string> kinds() {
  return {"Service", "Node", "Fleet"};
}

base::Result<std::string> explain(std::string_view path) {
  const auto parts = base::split(path, '.');
  MCP_TRY(const std::string kind, find_kind(parts.front()));
  const std::span<const std::string> names = std::span(parts).subspan(1);
  const Schema* table = nullptr;
  const Schema* other = nullptr;
  std::string unknown, ignored;
  const Schema* schema = walk(*find_schema(kind, Form::kToml), names, table, unknown);
  // `service.spec.components` means the YAML form.
  if (schema == nullptr) schema = walk(*find_schema(kind, Form::kYaml), names, other, ignored);
  if (schema == nullptr) return unknown_field(table, unknown, std::string(path));

  std::string out = "KIND:     " + kind + "\nVERSION:  mcp.metacircular.net/v1\n\n";
  if (!names.empty()) out += "FIELD:    " + names.back() + " <" + type_text(*schema) + ">\n\n";
  out += "DESCRIPTION:\n" + wrapped(schema->description, "  ");
  const Schema* inner = table_of(*schema);
  if (inner != nullptr && inner != schema) out += wrapped(limits_text(*inner), "  ");
  out += wrapped(limits_text(*schema), "  ") + default_and_example(*schema, "  ");
  if (inner != nullptr) out += "\n" + fields(*inner);
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace crds
