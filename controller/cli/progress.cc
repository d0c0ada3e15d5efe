#include "controller/cli/progress.h"

#include <algorithm>
#include <array>
#include <ostream>

namespace controller {

Progress::Progress(std::ostream& out, const Terminal& terminal, Mode mode)
    : out_(out), terminal_(terminal), mode_(mode) {}

Progress::~Progress() {
  finish();
}

void Progress::say(const std::string& line) {
  if (mode_ == Mode::kQuiet) return;
  clear();
  out_ << line << "\n";
  draw();
  out_.flush();
}

void Progress::show(const std::vector<Row>& rows) {
  if (mode_ == Mode::kLive) {
    clear();
    rows_ = rows;
    ++frame_;
    draw();
  } else if (mode_ == Mode::kPlain) {
    for (const Row& row : rows) {
      auto [it, added] = said_.emplace(row.key, row.text);
      if (!added && it->second == row.text) continue;
      it->second = row.text;
      out_ << row.key << ": " << row.text << "\n";
    }
  }
  out_.flush();
}

void Progress::finish() {
  rows_.clear();
  drawn_ = 0;
  said_.clear();
  out_.flush();
}

// The cursor stands below the rows; ECMA-48: CUU moves it up, ED clears from there on.
void Progress::clear() {
  if (drawn_ > 0) out_ << "\x1b[" << drawn_ << "A\r\x1b[J";
  drawn_ = 0;
}

void Progress::draw() {
  for (const Row& row : rows_) out_ << line(row) << "\n";
  drawn_ = rows_.size();
}

std::string Progress::line(const Row& row) const {
  constexpr std::array kFrames = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  size_t width = 0;
  for (const Row& one : rows_) width = std::max(width, display_width(one.key));
  std::string mark = terminal_.paint(Colour::kBlue, kFrames[frame_ % kFrames.size()]);
  if (row.state == State::kDone) mark = terminal_.paint(Colour::kGreen, "✓");
  if (row.state == State::kFailed) mark = terminal_.paint(Colour::kRed, "✗");
  const std::string key = row.key + std::string(width - display_width(row.key), ' ');
  // A line that wraps would be two on the screen, and clear() would take back too few.
  return clip(mark + " " + key + "  " + row.text, static_cast<size_t>(terminal_.width));
}

}  // namespace controller
