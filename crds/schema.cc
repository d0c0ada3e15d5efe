#include "crds/schema.h"

#include <regex.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "crds/documents.h"

namespace crds {
namespace {

// The documents are part of the program: one that cannot be read is a defect of the build.
[[noreturn]] void broken_document(std::string_view what) {
  std::fprintf(stderr, "an embedded CRD document is not valid: %.*s\n", int(what.size()),
               what.data());
  std::abort();
}

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> out;
  for (const Value& item : list.items) out.push_back(item.text);
  return out;
}

double number(const Value& value) {
  return value.type == Value::Type::kInteger ? static_cast<double>(value.integer) : value.number;
}

Schema read_schema(const Value& node);

void read_one_of(const Value& list, Schema& out) {
  for (const Value& item : list.items) {
    const Value* required = item.find("required");
    if (required != nullptr && item.members.size() == 1 && required->items.size() == 1)
      out.exactly_one.push_back(required->items.front().text);
    else
      out.one_of.push_back(read_schema(item));
  }
}

// True when the keyword is one of those that describe a table or a list.
bool read_structure(const std::string& keyword, const Value& value, Schema& out) {
  if (keyword == "properties") {
    for (const Member& member : value.members)
      out.properties.push_back({member.key, read_schema(member.value)});
  } else if (keyword == "required") {
    out.required = texts(value);
  } else if (keyword == "not") {
    const Value* required = value.find("required");
    if (required == nullptr) broken_document("'not' without 'required'");
    out.exclusive = texts(*required);
  } else if (keyword == "items") {
    out.items = std::make_shared<Schema>(read_schema(value));
  } else if (keyword == "additionalProperties") {
    out.additional = std::make_shared<Schema>(read_schema(value));
  } else if (keyword == "x-mcp-keys") {
    out.keys = std::make_shared<Schema>(read_schema(value));
  } else if (keyword == "oneOf") {
    read_one_of(value, out);
  } else {
    return false;
  }
  return true;
}

bool read_scalar(const std::string& keyword, const Value& value, Schema& out) {
  const auto count = [&] { return static_cast<size_t>(value.integer); };
  if (keyword == "type") {
    out.type = value.text;
  } else if (keyword == "format") {
    out.format = value.text;
  } else if (keyword == "description") {
    out.description = value.text;
  } else if (keyword == "x-mcp-hint") {
    out.hint = value.text;
  } else if (keyword == "default") {
    out.fallback = value;
  } else if (keyword == "example") {
    out.example = value;
  } else if (keyword == "pattern") {
    out.pattern = Pattern(value.text);
  } else if (keyword == "enum") {
    out.allowed = value.items;
  } else if (keyword == "minimum") {
    out.minimum = number(value);
  } else if (keyword == "maximum") {
    out.maximum = number(value);
  } else if (keyword == "minLength") {
    out.min_length = count();
  } else if (keyword == "maxLength") {
    out.max_length = count();
  } else if (keyword == "minItems") {
    out.min_items = count();
  } else if (keyword == "maxItems") {
    out.max_items = count();
  } else {
    return false;
  }
  return true;
}

Schema read_schema(const Value& node) {
  Schema out;
  for (const Member& member : node.members)
    if (!read_structure(member.key, member.value, out) &&
        !read_scalar(member.key, member.value, out))
      broken_document(member.key);
  return out;
}

const Value& step(const Value& node, std::string_view key) {
  const Value* next = node.find(key);
  if (next == nullptr) broken_document(key);
  return *next;
}

// Metadata and spec merged; a field of both (a node's labels) is the spec's.
Schema toml_form(const Schema& yaml) {
  Schema out;
  out.type = "object";
  out.description = yaml.description;
  for (const char* part : {"metadata", "spec"}) {
    const Schema& schema = *yaml.find(part);
    out.required.insert(out.required.end(), schema.required.begin(), schema.required.end());
    if (!schema.exclusive.empty()) out.exclusive = schema.exclusive;
    for (const Property& property : schema.properties) {
      std::erase_if(out.properties, [&](const Property& p) { return p.name == property.name; });
      out.properties.push_back(property);
    }
  }
  return out;
}

struct Forms {
  Schema yaml;
  Schema toml;
};

std::map<std::string, Forms, std::less<>> read_documents() {
  std::map<std::string, Forms, std::less<>> out;
  for (const EmbeddedDocument& document : embedded_documents()) {
    const ParsedFile parsed = parse_yaml(document.file, document.text);
    if (!parsed.problems.empty()) broken_document(parsed.problems.front().text());
    const Value& spec = step(parsed.documents.front(), "spec");
    const Value& version = step(spec, "versions").items.front();
    Forms forms;
    forms.yaml = read_schema(step(step(version, "schema"), "openAPIV3Schema"));
    forms.toml = toml_form(forms.yaml);
    out.emplace(step(step(spec, "names"), "kind").text, std::move(forms));
  }
  return out;
}

}  // namespace

Pattern::Pattern(std::string source) : source_(std::move(source)) {
  auto* compiled = new regex_t;
  if (regcomp(compiled, source_.c_str(), REG_EXTENDED | REG_NOSUB) != 0) broken_document(source_);
  compiled_ = std::shared_ptr<const void>(compiled, [](const void* pointer) {
    auto* regex = static_cast<regex_t*>(const_cast<void*>(pointer));
    regfree(regex);
    delete regex;
  });
}

bool Pattern::matches(const std::string& text) const {
  return regexec(static_cast<const regex_t*>(compiled_.get()), text.c_str(), 0, nullptr, 0) == 0;
}

const Schema* Schema::find(std::string_view property) const {
  const auto found = std::find_if(properties.begin(), properties.end(),
                                  [&](const Property& p) { return p.name == property; });
  return found == properties.end() ? nullptr : &found->schema;
}

const Schema* find_schema(std::string_view kind, Form form) {
  static const auto documents = read_documents();
  const auto found = documents.find(kind);
  if (found == documents.end()) return nullptr;
  return form == Form::kToml ? &found->second.toml : &found->second.yaml;
}

}  // namespace crds
