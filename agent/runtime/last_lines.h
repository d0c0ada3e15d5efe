#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

// For this folder and its tests.
namespace agent {

// Keeps the end of a log, as Podman::last_lines says, in little memory.
class LastLines {
 public:
  static constexpr int kMost = 100;
  static constexpr size_t kMaxLine = 500;

  explicit LastLines(int count);
  size_t limit() const { return limit_; }
  // Empty pieces count for nothing; an empty line is "\n".
  void add(std::string_view line);
  std::vector<std::string> take();

 private:
  const size_t limit_;
  std::deque<std::string> lines_;
};

}  // namespace agent
