#include <algorithm>

#include "base/core/text.h"
#include "base/core/time.h"
#include "crds/schema.h"
#include "crds/suggest.h"

namespace crds {
namespace {

using Type = Value::Type;

// "a string", as in "expected a string".
std::string wanted(const Schema& schema) {
  if (!schema.one_of.empty()) {
    std::vector<std::string> parts;
    for (const Schema& alternative : schema.one_of) parts.push_back(wanted(alternative));
    return base::join(parts, " or ");
  }
  if (schema.type == "boolean") return "true or false";
  if (schema.type == "integer") return "a whole number";
  if (schema.type == "number") return "a number";
  if (schema.type == "array") return "a list";
  if (schema.type == "object") return "a table";
  return schema.format == "date-time" ? "a date-time" : "a string";
}

bool fits_type(const Schema& schema, const Value& value) {
  switch (value.type) {
    case Type::kNull:
      return false;
    case Type::kBool:
      return schema.type == "boolean";
    case Type::kInteger:
      return schema.type == "integer" || schema.type == "number";
    case Type::kNumber:
      return schema.type == "number";
    case Type::kString:
      return schema.type == "string";
    case Type::kTime:
      return schema.type == "string" && schema.format == "date-time";
    case Type::kArray:
      return schema.type == "array";
    case Type::kTable:
      return schema.type == "object";
  }
  return false;
}

std::string plain(const Value& value) {
  return value.type == Type::kString ? value.text : describe(value);
}

std::string plain(double number) {
  std::string out = std::to_string(number);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.ends_with('.')) out.pop_back();
  return out;
}

size_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

class Walker {
 public:
  explicit Walker(std::string_view file) : file_(file) {}

  void walk(const Schema& schema, const Value& value, const std::string& path) {
    if (problems_.size() >= kMaxProblems) return;
    if (!schema.one_of.empty()) return walk_one_of(schema, value, path);
    if (!fits_type(schema, value)) return wrong_type(schema, value, path);
    if (value.type == Type::kTable) {
      walk_table(schema, value, path);
    } else if (value.type == Type::kArray) {
      walk_list(schema, value, path);
    } else {
      check_scalar(schema, value, path);
    }
  }

  std::vector<Diagnostic> take() { return std::move(problems_); }

 private:
  void add(const Place& at, const std::string& path, std::string message, std::string hint = {}) {
    problems_.push_back(
        {{std::string(file_), at.line, at.column}, path, std::move(message), std::move(hint)});
  }

  static std::string join(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  void wrong_type(const Schema& schema, const Value& value, const std::string& path) {
    std::string hint = schema.hint;
    if (value.type == Type::kNull)
      hint = "write a value, or remove the line";
    else if (schema.type == "string" && value.type != Type::kArray && value.type != Type::kTable)
      hint = "put it in quotes";
    else if ((schema.type == "array" || schema.type == "object") && schema.items != nullptr &&
             value.type == Type::kString)
      hint = "put it in [ ]";
    add(value.at, path, "found " + describe(value) + ", expected " + wanted(schema), hint);
  }

  void walk_one_of(const Schema& schema, const Value& value, const std::string& path) {
    for (const Schema& alternative : schema.one_of)
      if (fits_type(alternative, value)) return walk(alternative, value, path);
    wrong_type(schema, value, path);
  }

  void walk_list(const Schema& schema, const Value& value, const std::string& path) {
    if (schema.max_items && value.items.size() > *schema.max_items)
      return add(value.at, path,
                 "found " + std::to_string(value.items.size()) + " entries, expected at most " +
                     std::to_string(*schema.max_items));
    if (schema.min_items && value.items.size() < *schema.min_items)
      add(value.at, path,
          "found " + std::to_string(value.items.size()) + " entries, expected at least " +
              std::to_string(*schema.min_items));
    for (size_t i = 0; i < value.items.size(); ++i)
      walk(*schema.items, value.items[i], path + "[" + std::to_string(i) + "]");
  }

  void walk_table(const Schema& schema, const Value& value, const std::string& path) {
    for (const Member& member : value.members) {
      if (problems_.size() >= kMaxProblems) return;
      const std::string field = join(path, member.key);
      if (const Schema* known = schema.find(member.key)) {
        walk(*known, member.value, field);
      } else if (schema.additional != nullptr) {
        check_key(schema, member, field);
        walk(*schema.additional, member.value, field);
      } else {
        unknown_field(schema, member, field);
      }
    }
    for (const std::string& name : schema.required)
      if (value.find(name) == nullptr)
        add(value.at, join(path, name), "a required field is missing", example_of(schema, name));
    check_choices(schema, value, path);
  }

  void check_key(const Schema& schema, const Member& member, const std::string& field) {
    if (schema.keys == nullptr) return;
    Value key;
    key.type = Type::kString;
    key.text = member.key;
    key.at = member.key_at;
    check_scalar(*schema.keys, key, field);
  }

  void unknown_field(const Schema& schema, const Member& member, const std::string& field) {
    std::vector<std::string> names;
    for (const Property& property : schema.properties) names.push_back(property.name);
    add(member.key_at, field, "unknown field", suggest(member.key, names, "known here"));
  }

  static std::string example_of(const Schema& schema, const std::string& name) {
    const Schema* property = schema.find(name);
    if (property == nullptr || !property->example || property->example->type != Type::kString)
      return {};
    return "for example '" + property->example->text + "'";
  }

  void check_choices(const Schema& schema, const Value& value, const std::string& path) {
    const auto present = [&](const std::vector<std::string>& names) {
      std::vector<std::string> out;
      for (const std::string& name : names)
        if (value.find(name) != nullptr) out.push_back(name);
      return out;
    };
    if (!schema.exactly_one.empty()) {
      const auto found = present(schema.exactly_one);
      if (found.size() != 1)
        add(value.at, path,
            "found " + (found.empty() ? "none" : base::join(found, " and ")) +
                ", expected exactly one of " + base::join(schema.exactly_one, ", "));
    }
    if (!schema.exclusive.empty() && present(schema.exclusive).size() == schema.exclusive.size())
      add(value.at, path, base::join(schema.exclusive, " and ") + " exclude each other",
          "remove one of them");
  }

  void check_scalar(const Schema& schema, const Value& value, const std::string& path) {
    if (!schema.allowed.empty()) return check_enum(schema, value, path);
    if (value.type == Type::kInteger || value.type == Type::kNumber)
      return check_range(schema, value, path);
    if (value.type == Type::kString || value.type == Type::kTime) check_text(schema, value, path);
  }

  void check_enum(const Schema& schema, const Value& value, const std::string& path) {
    std::vector<std::string> names;
    for (const Value& allowed : schema.allowed) {
      names.push_back(plain(allowed));
      if (allowed.type == value.type && names.back() == plain(value)) return;
    }
    const auto near = base::nearest(plain(value), names);
    add(value.at, path,
        "found " + describe(value) + ", expected " + (names.size() > 1 ? "one of " : "") +
            base::join(names, ", "),
        near && names.size() > 1 ? "did you mean '" + *near + "'?" : schema.hint);
  }

  void check_range(const Schema& schema, const Value& value, const std::string& path) {
    const double number =
        value.type == Type::kInteger ? static_cast<double>(value.integer) : value.number;
    // Written so that NaN is refused as well.
    if (schema.minimum && !(number >= *schema.minimum))
      add(value.at, path,
          "found " + describe(value) + ", expected at least " + plain(*schema.minimum));
    else if (schema.maximum && !(number <= *schema.maximum))
      add(value.at, path,
          "found " + describe(value) + ", expected at most " + plain(*schema.maximum));
  }

  void check_text(const Schema& schema, const Value& value, const std::string& path) {
    const size_t length = characters(value.text);
    if (value.text.find('\0') != std::string::npos)
      add(value.at, path, "found a NUL character", "remove it");
    else if (schema.max_length && length > *schema.max_length)
      add(value.at, path,
          "found " + std::to_string(length) + " characters, expected at most " +
              std::to_string(*schema.max_length));
    else if (schema.min_length && length < *schema.min_length)
      add(value.at, path, "found an empty string", "write a value, or remove the field");
    else if ((!schema.pattern.empty() && !schema.pattern.matches(value.text)) ||
             (schema.format == "date-time" && !base::parse_rfc3339(value.text)))
      add(value.at, path, "found " + describe(value), schema.hint);
  }

  std::string_view file_;
  std::vector<Diagnostic> problems_;
};

}  // namespace

std::vector<Diagnostic> validate(const Schema& schema, const Value& root, std::string_view file) {
  Walker walker(file);
  walker.walk(schema, root, "");
  return walker.take();
}

}  // namespace crds
