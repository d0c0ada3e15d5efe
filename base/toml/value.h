#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/toml/position.h"

// TOML, or any format that has its types, as a tree in which everything knows where it stands. The
// only home of toml++. Pure; any thread.
namespace base {

struct Place {
  int line = 0;    // from 1
  int column = 0;  // from 1, in characters
  // Byte offsets in the file. For a scalar exactly its own text with its quotes; `end` is 0 where
  // that is not known (a YAML scalar over several lines, a table or list of YAML).
  size_t begin = 0;
  size_t end = 0;
};

struct Member;

struct Value {
  enum class Type { kNull, kBool, kInteger, kNumber, kString, kTime, kArray, kTable };
  Type type = Type::kNull;
  Place at;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;  // kString; kTime: as it is written in RFC 3339
  std::vector<Value> items;
  std::vector<Member> members;  // in the order of the file
  // An inline table or array of TOML; flow style of YAML.
  bool flow = false;

  const Value* find(std::string_view key) const;
};

struct Member {
  std::string key;
  Place key_at;
  Value value;
};

// "the string 'x'", "the number 8080", "a table": what a person would call it in "found …".
std::string describe(const Value& value);

struct ParsedFile {
  std::vector<Value> documents;  // a TOML file is one; YAML documents without content are left out
  std::vector<Diagnostic> problems;
};

// Limits that no definition of a person meets; what exceeds them is refused with its place.
inline constexpr size_t kMaxDepth = 64;
inline constexpr size_t kMaxValues = 100'000;  // after aliases are resolved
inline constexpr size_t kMaxKeyParts = 16;     // a.b.c

// One document, or none when there are problems. A syntax error says "not valid TOML: …" with the
// library's words. Bytes that are no TOML, control characters say, are the caller's to look for.
ParsedFile parse_toml(std::string_view path, std::string_view bytes);

}  // namespace base
