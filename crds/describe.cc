#include "crds/describe.h"

#include <charconv>

#include "base/core/text.h"
#include "crds/quote.h"

namespace crds {
namespace {

std::string number(double value) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, value, std::chars_format::fixed).ptr};
}

std::string plain(const Value& value) {
  return value.type == Value::Type::kString ? value.text : toml_text(value);
}

}  // namespace

std::string type_text(const Schema& schema) {
  if (!schema.one_of.empty()) {
    std::vector<std::string> parts;
    for (const Schema& alternative : schema.one_of) parts.push_back(type_text(alternative));
    return base::join(parts, " | ");
  }
  if (schema.type == "array") return "[" + type_text(*schema.items) + "]";
  if (schema.additional != nullptr) return "{" + type_text(*schema.additional) + "}";
  if (schema.type == "object") return "table";
  return schema.format.empty() ? schema.type : schema.format;
}

std::string toml_text(const Value& value) {
  std::vector<std::string> parts;
  switch (value.type) {
    case Value::Type::kBool:
      return value.boolean ? "true" : "false";
    case Value::Type::kInteger:
      return std::to_string(value.integer);
    case Value::Type::kNumber:
      return number(value.number);
    case Value::Type::kArray:
      for (const Value& item : value.items) parts.push_back(toml_text(item));
      return "[" + base::join(parts, ", ") + "]";
    case Value::Type::kTable:
      for (const Member& member : value.members)
        parts.push_back(member.key + " = " + toml_text(member.value));
      return "{ " + base::join(parts, ", ") + " }";
    default:
      return in_quotes(value.text);
  }
}

std::string limits_text(const Schema& schema) {
  std::vector<std::string> sentences;
  std::vector<std::string> allowed;
  for (const Value& value : schema.allowed) allowed.push_back(plain(value));
  if (allowed.size() == 1) sentences.push_back("Always " + allowed.front() + ".");
  if (allowed.size() > 1) sentences.push_back("One of " + base::join(allowed, ", ") + ".");
  if (schema.minimum && schema.maximum)
    sentences.push_back("From " + number(*schema.minimum) + " to " + number(*schema.maximum) + ".");
  const Schema& entry = schema.items != nullptr ? *schema.items : schema;
  if (std::string hint = entry.hint; !hint.empty()) {
    if (hint.front() >= 'a' && hint.front() <= 'z') hint.front() -= 'a' - 'A';
    sentences.push_back(hint + ".");
  }
  if (schema.keys != nullptr) sentences.push_back("Keys: " + schema.keys->hint + ".");
  if (schema.min_items && schema.max_items)
    sentences.push_back("From " + std::to_string(*schema.min_items) + " to " +
                        std::to_string(*schema.max_items) + " entries.");
  else if (schema.min_items)
    sentences.push_back("At least one entry.");
  if (!schema.exactly_one.empty())
    sentences.push_back("Exactly one of " + base::join(schema.exactly_one, ", ") + ".");
  if (!schema.exclusive.empty())
    sentences.push_back("At most one of " + base::join(schema.exclusive, ", ") + ".");
  return base::join(sentences, " ");
}

const Schema* table_of(const Schema& schema) {
  const Schema* inner = schema.items != nullptr ? schema.items.get() : &schema;
  return inner->properties.empty() ? nullptr : inner;
}

}  // namespace crds
