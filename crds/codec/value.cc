#include "crds/codec/value.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/core/text.h"
#include "crds/codec/text_index.h"

namespace crds {
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

std::string hex(char byte) {
  char out[8];
  std::snprintf(out, sizeof out, "0x%02X", static_cast<unsigned char>(byte));
  return out;
}

// The first byte that no definition may hold, in either format.
struct BadByte {
  size_t at;
  std::string message;
  std::string hint;
};
std::optional<BadByte> find_bad_byte(std::string_view bytes) {
  size_t bad = 0;
  if (!base::is_utf8(bytes, &bad))
    return BadByte{bad, "the byte " + hex(bytes[bad]) + " is not UTF-8",
                   "save the file in the encoding UTF-8"};
  for (size_t at = 0; at < bytes.size(); ++at) {
    const unsigned char byte = bytes[at];
    if (byte == '\r' && bytes.substr(at + 1, 1) != "\n")
      return BadByte{at, "a carriage return that ends no line", "end lines with LF or with CR LF"};
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F)
      return BadByte{at, "the control character " + hex(bytes[at]), "remove it"};
  }
  return std::nullopt;
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

ParsedFile parse_file(std::string_view path, std::string_view bytes) {
  if (auto bad = find_bad_byte(bytes)) {
    // What comes before is sound, so its lines and characters can be counted.
    const Place at = TextIndex(bytes.substr(0, bad->at)).place(bad->at);
    return {{}, {{{std::string(path), at.line, at.column}, "", bad->message, bad->hint}}};
  }
  return path.ends_with(".toml") ? parse_toml(path, bytes) : parse_yaml(path, bytes);
}

}  // namespace crds
