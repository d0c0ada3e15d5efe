#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace controller {

// Members stand in the order in which they were written.
using Json = nlohmann::ordered_json;

// YAML 1.2 of the same value: block style; a string is quoted where a reader could take it for
// something else.
std::string to_yaml(const Json& value);

// Two spaces an indent; bytes that are not UTF-8 become U+FFFD.
std::string to_json(const Json& value);
std::string to_json_line(const Json& value);

}  // namespace controller
