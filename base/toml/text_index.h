#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/toml/value.h"

namespace base {

// Line and column against byte offset, for a text that is UTF-8. A byte order mark at the start
// belongs to the offsets and to no column. Every call is at most logarithmic, whatever the text.
class TextIndex {
 public:
  explicit TextIndex(std::string_view text);

  Place place(size_t offset) const;
  // `column` from 1, in characters (toml++).
  size_t offset_of_character(int line, int column) const;
  // `column` from 0, in bytes (yaml-cpp).
  size_t offset_of_byte(int line, int column) const;

 private:
  size_t line_start(int line) const;

  size_t size_;
  std::vector<uint32_t> lines_;       // where each line starts
  std::vector<uint32_t> characters_;  // where each character starts; empty when all are one byte
};

}  // namespace base
