#include "base/toml/text_index.h"

#include <algorithm>

namespace base {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

TextIndex::TextIndex(std::string_view text) : size_(text.size()) {
  lines_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  bool ascii = true;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') lines_.push_back(static_cast<uint32_t>(at + 1));
    ascii = ascii && (text[at] & 0x80) == 0;
  }
  if (ascii) return;
  for (size_t at = 0; at < text.size(); ++at)
    if ((text[at] & 0xC0) != 0x80) characters_.push_back(static_cast<uint32_t>(at));
}

size_t TextIndex::line_start(int line) const {
  const size_t index = std::clamp<size_t>(line, 1, lines_.size()) - 1;
  return lines_[index];
}

Place TextIndex::place(size_t offset) const {
  offset = std::max<size_t>(std::min(offset, size_), lines_.front());
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), offset);
  const size_t start = *(after - 1);
  size_t column = offset - start;
  if (!characters_.empty()) {
    const auto character = [&](size_t at) {
      return std::lower_bound(characters_.begin(), characters_.end(), at);
    };
    column = character(offset) - character(start);
  }
  return {static_cast<int>(after - lines_.begin()), static_cast<int>(column) + 1, offset, 0};
}

size_t TextIndex::offset_of_character(int line, int column) const {
  const size_t start = line_start(line);
  const size_t skip = column < 1 ? 0 : column - 1;
  if (characters_.empty()) return std::min(start + skip, size_);
  const size_t first =
      std::lower_bound(characters_.begin(), characters_.end(), start) - characters_.begin();
  return first + skip < characters_.size() ? characters_[first + skip] : size_;
}

size_t TextIndex::offset_of_byte(int line, int column) const {
  return std::min(line_start(line) + (column < 0 ? 0 : column), size_);
}

}  // namespace base
