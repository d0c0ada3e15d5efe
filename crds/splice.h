#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crds/codec/value.h"

// Where and how a scalar is written into a text, in both formats.
namespace crds {

struct Literal {
  enum class Kind { kBool, kString, kTime, kTable };  // kTable: as it is to be written
  Kind kind;
  std::string text;
};

// The text with one field of one table changed or added.
struct FieldEdit {
  const Value& table;
  std::string key;
  Literal literal;
  // An absent field goes after the first of these that the table has, else to its start.
  std::vector<std::string> after;
  // Where the table's own key stands; only needed when `after` may name nothing.
  const Place* header = nullptr;
};

std::string splice(std::string_view text, bool yaml, const FieldEdit& edit);

// The text without the field, and without its line where nothing else stands on it. The table has
// the field.
std::string cut(std::string_view text, const Value& table, std::string_view key);

// The extent of the YAML document that holds `offset`, with the "---" that starts it.
struct Extent {
  size_t begin;
  size_t end;
};
Extent document_extent(std::string_view text, size_t offset);

}  // namespace crds
