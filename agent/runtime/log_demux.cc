#include "agent/runtime/log_demux.h"

#include <utility>

namespace agent {
namespace {

constexpr size_t kHeader = 8;

bool is_header(std::string_view bytes) {
  return bytes[0] >= 0 && bytes[0] <= 2 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0;
}

size_t frame_size(std::string_view header) {
  size_t size = 0;
  for (size_t i = 4; i < kHeader; ++i) size = size << 8 | static_cast<unsigned char>(header[i]);
  return size;
}

}  // namespace

bool LogDemux::feed(std::string_view bytes) {
  raw_ += bytes;
  if (mode_ == Mode::kUnknown && raw_.size() >= kHeader)
    mode_ = is_header(raw_) ? Mode::kFrames : Mode::kBare;
  if (mode_ == Mode::kFrames) return take_frames();
  if (mode_ == Mode::kUnknown) return true;
  lines_[0] += raw_;
  raw_.clear();
  return take_lines(lines_[0]);
}

bool LogDemux::take_frames() {
  size_t at = 0;
  bool wanted = true;
  while (wanted && raw_.size() - at >= kHeader) {
    const std::string_view rest = std::string_view(raw_).substr(at);
    const size_t size = frame_size(rest);
    if (rest.size() < kHeader + size) break;
    std::string& lines = lines_[rest[0] == 2 ? 1 : 0];
    lines += rest.substr(kHeader, size);
    at += kHeader + size;
    wanted = take_lines(lines);
  }
  raw_.erase(0, at);
  return wanted;
}

bool LogDemux::take_lines(std::string& text) {
  size_t at = 0;
  for (size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    if (!sink_(std::string_view(text).substr(at, end + 1 - at))) return false;
  text.erase(0, at);
  if (text.size() <= kMaxLine) return true;
  const std::string line = std::move(text) + "\n";
  text.clear();
  return sink_(line);
}

bool LogDemux::finish() {
  if (mode_ == Mode::kUnknown) lines_[0] += raw_;
  for (std::string& text : lines_) {
    if (text.empty()) continue;
    const std::string line = std::exchange(text, {}) + "\n";
    if (!sink_(line)) return false;
  }
  return true;
}

}  // namespace agent
