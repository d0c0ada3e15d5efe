#pragma once

#include <string>

#include "crds/schema.h"

// A field in words, for `mcp explain` and for the pages.
namespace crds {

// string, number, boolean, table, [string], [table], {string}; "a | b" for alternatives.
std::string type_text(const Schema& schema);

// A default or example as TOML.
std::string toml_text(const Value& value);

// Every limit in a sentence: "One of l4, l7.", "From 1 to 65535."; empty when there is none.
std::string limits_text(const Schema& schema);

// What a field of this schema holds when it is a table or a list of tables; else null.
const Schema* table_of(const Schema& schema);

}  // namespace crds
