#pragma once

#include <string_view>

#include "base/toml/value.h"
#include "crds/types/position.h"

// TOML and YAML as one tree in which everything knows where it stands. The only home of yaml-cpp.
// Pure; any thread.
namespace crds {

using base::describe;
using base::kMaxDepth;
using base::kMaxValues;
using base::Member;
using base::parse_toml;
using base::ParsedFile;
using base::Place;
using base::Value;

// The file's name decides the format: .toml, .yaml, .yml. Documents before a syntax error are kept.
// A syntax error says "not valid TOML: …" or "not valid YAML: …" with the library's words.
// Refused: bytes that are not UTF-8, control characters, a carriage return without line feed; in
// YAML also duplicate keys, merge keys ("<<"), tags other than YAML's own and tabs that indent.
// A YAML alias is a copy of what it names; only the place of the copy's top is the alias's own.
ParsedFile parse_file(std::string_view path, std::string_view bytes);
ParsedFile parse_yaml(std::string_view path, std::string_view bytes);

}  // namespace crds
