#include "crds/codec/value.h"

#include <cstdio>
#include <optional>

#include "base/core/text.h"
#include "base/toml/text_index.h"

namespace crds {
namespace {

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

ParsedFile parse_file(std::string_view path, std::string_view bytes) {
  if (auto bad = find_bad_byte(bytes)) {
    // What comes before is sound, so its lines and characters can be counted.
    const Place at = base::TextIndex(bytes.substr(0, bad->at)).place(bad->at);
    return {{}, {{{std::string(path), at.line, at.column}, "", bad->message, bad->hint}}};
  }
  return path.ends_with(".toml") ? parse_toml(path, bytes) : parse_yaml(path, bytes);
}

}  // namespace crds
