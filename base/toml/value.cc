#include "base/toml/value.h"

#include <algorithm>
#include <cstdio>

namespace base {
namespace {

// Long texts are cut at a character's start, so that a message stays one readable line.
std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 60;
  std::string out = "'";
  for (char c : text.substr(0, kLongest)) out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  if (text.size() > kLongest) {
    while ((out.back() & 0xC0) == 0x80) out.pop_back();
    if ((out.back() & 0x80) != 0) out.pop_back();
    out += "…";
  }
  return out + "'";
}

std::string shortest(double number) {
  char out[40];
  std::snprintf(out, sizeof out, "%.15g", number);
  return out;
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string describe(const Value& value) {
  switch (value.type) {
    case Value::Type::kNull:
      return "nothing";
    case Value::Type::kBool:
      return value.boolean ? "true" : "false";
    case Value::Type::kInteger:
      return "the number " + std::to_string(value.integer);
    case Value::Type::kNumber:
      return "the number " + shortest(value.number);
    case Value::Type::kString:
      return "the string " + quoted(value.text);
    case Value::Type::kTime:
      return "the date-time " + value.text;
    case Value::Type::kArray:
      return "a list";
    case Value::Type::kTable:
      return "a table";
  }
  return "nothing";
}

}  // namespace base
