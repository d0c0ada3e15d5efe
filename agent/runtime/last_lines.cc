#include "agent/runtime/last_lines.h"

#include <algorithm>

#include "base/core/text.h"

namespace agent {
namespace {

bool is_control(char c) {
  return (c >= 0 && c < ' ') || c == '\x7f';
}

// What a terminal and a JSON document can bear.
std::string readable(std::string_view bytes) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.remove_suffix(1);
  std::string text(bytes.substr(0, LastLines::kMaxLine));
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  for (size_t bad = 0; !base::is_utf8(text, &bad);) text[bad] = '?';
  // The other control characters, U+0080 to U+009F: some terminals obey them.
  for (size_t at = text.find('\xC2'); at != text.npos; at = text.find('\xC2', at + 1))
    if (static_cast<unsigned char>(text[at + 1]) < 0xA0) text.replace(at, 2, "?");
  return text;
}

}  // namespace

LastLines::LastLines(int count) : limit_(static_cast<size_t>(std::clamp(count, 1, kMost))) {}

void LastLines::add(std::string_view line) {
  if (line.empty()) return;
  if (lines_.size() == limit_) lines_.pop_front();
  lines_.push_back(readable(line));
}

std::vector<std::string> LastLines::take() {
  std::vector<std::string> result(std::make_move_iterator(lines_.begin()),
                                  std::make_move_iterator(lines_.end()));
  lines_.clear();
  return result;
}

}  // namespace agent
