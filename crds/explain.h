#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"

// What the CRD documents say, for people and editors. Compiled in; no file is read.
namespace crds {

// "Service", "Node", "Fleet".
std::vector<std::string> kinds();

// `mcp explain service.components.image`: kind without case, then field names; arrays need no
// index. Kubectl's layout: KIND, VERSION, FIELD, DESCRIPTION, FIELDS. An unknown field is an error
// with the nearest name.
base::Result<std::string> explain(std::string_view path);

// The kind that a person means with "service" or "Services". kNotFound, with a suggestion.
base::Result<std::string> find_kind(const std::string& word);

// JSON Schema (draft 2020-12) for an editor, of the TOML form (a file is the spec with its name)
// or the YAML form (apiVersion, kind, metadata, spec).
enum class Form { kToml, kYaml };
base::Result<std::string> json_schema(std::string_view kind, Form form);

// docs/kinds/<kind>.md
base::Result<std::string> markdown(std::string_view kind);

}  // namespace crds
