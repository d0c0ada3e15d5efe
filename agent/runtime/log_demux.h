#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace agent {

// Turns podman's log stream into whole lines, each with its '\n'. The stream is multiplexed: frames
// of one byte stream number, three zero bytes, four bytes length (big-endian), payload; that of a
// container with a terminal is bare text. What a container writes without an end of line is handed
// on once it is longer than kMaxLine.
class LogDemux {
 public:
  static constexpr size_t kMaxLine = 64 * 1024;
  using Sink = std::function<bool(std::string_view)>;

  explicit LogDemux(Sink sink) : sink_(std::move(sink)) {}
  // False: the sink said so.
  bool feed(std::string_view bytes);
  // Hands on lines that have not ended.
  bool finish();

 private:
  bool take_frames();
  bool take_lines(std::string& text);

  Sink sink_;
  enum class Mode { kUnknown, kFrames, kBare } mode_ = Mode::kUnknown;
  std::string raw_;
  std::string lines_[2];  // stdout and stderr, each up to its last unfinished line
};

}  // namespace agent
