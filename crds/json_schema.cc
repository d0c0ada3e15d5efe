#include <nlohmann/json.hpp>

#include "crds/explain.h"
#include "crds/schema.h"

namespace crds {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Value& value) {
  Json out;
  switch (value.type) {
    case Value::Type::kNull:
      return out;
    case Value::Type::kBool:
      return value.boolean;
    case Value::Type::kInteger:
      return value.integer;
    case Value::Type::kNumber:
      return value.number;
    case Value::Type::kString:
    case Value::Type::kTime:
      return value.text;
    case Value::Type::kArray:
      out = Json::array();
      for (const Value& item : value.items) out.push_back(to_json(item));
      return out;
    case Value::Type::kTable:
      out = Json::object();
      for (const Member& member : value.members) out[member.key] = to_json(member.value);
      return out;
  }
  return out;
}

Json to_json(const Schema& schema);

void add_limits(const Schema& schema, Json& out) {
  if (!schema.format.empty()) out["format"] = schema.format;
  if (!schema.pattern.empty()) out["pattern"] = schema.pattern.source();
  for (const Value& value : schema.allowed) out["enum"].push_back(to_json(value));
  if (schema.minimum) out["minimum"] = *schema.minimum;
  if (schema.maximum) out["maximum"] = *schema.maximum;
  if (schema.min_length) out["minLength"] = *schema.min_length;
  if (schema.max_length) out["maxLength"] = *schema.max_length;
  if (schema.min_items) out["minItems"] = *schema.min_items;
  if (schema.max_items) out["maxItems"] = *schema.max_items;
}

void add_table(const Schema& schema, Json& out) {
  for (const Property& property : schema.properties)
    out["properties"][property.name] = to_json(property.schema);
  if (!schema.required.empty()) out["required"] = schema.required;
  if (schema.additional != nullptr)
    out["additionalProperties"] = to_json(*schema.additional);
  else
    out["additionalProperties"] = false;
  if (schema.keys != nullptr) out["propertyNames"] = to_json(*schema.keys);
  for (const std::string& name : schema.exactly_one)
    out["oneOf"].push_back(Json{{"required", Json::array({name})}});
  if (!schema.exclusive.empty()) out["not"] = Json{{"required", schema.exclusive}};
}

Json to_json(const Schema& schema) {
  Json out = Json::object();
  if (!schema.description.empty()) out["description"] = schema.description;
  if (!schema.type.empty()) out["type"] = schema.type;
  add_limits(schema, out);
  if (schema.type == "object") add_table(schema, out);
  if (schema.items != nullptr) out["items"] = to_json(*schema.items);
  for (const Schema& alternative : schema.one_of) out["oneOf"].push_back(to_json(alternative));
  if (schema.fallback) out["default"] = to_json(*schema.fallback);
  if (schema.example) out["examples"] = Json::array({to_json(*schema.example)});
  return out;
}

}  // namespace

base::Result<std::string> json_schema(std::string_view kind, Form form) {
  MCP_TRY(const std::string name, find_kind(std::string(kind)));
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", name}};
  out.update(to_json(*find_schema(name, form)));
  return out.dump(2) + "\n";
}

}  // namespace crds
