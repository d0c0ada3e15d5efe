#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "controller/cli/terminal.h"

namespace controller {

// What goes on, while it goes on. On a terminal the last lines are drawn again and again; in a pipe
// a line is written when it says something new; quiet writes nothing.
class Progress {
 public:
  enum class Mode { kLive, kPlain, kQuiet };
  enum class State { kBusy, kDone, kFailed };
  struct Row {
    std::string key;   // "web/api"
    std::string text;  // "probing: GET /healthz: connection refused"
    State state = State::kBusy;
  };

  Progress(std::ostream& out, const Terminal& terminal, Mode mode);
  ~Progress();  // finish()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  Mode mode() const { return mode_; }
  // A line that stays.
  void say(const std::string& line);
  // How things stand now.
  void show(const std::vector<Row>& rows);
  // Leaves the rows as they are; show() begins anew below.
  void finish();

 private:
  void clear();
  void draw();
  std::string line(const Row& row) const;

  std::ostream& out_;
  const Terminal& terminal_;
  Mode mode_;
  std::vector<Row> rows_;
  size_t drawn_ = 0;  // lines on the screen that clear() takes back
  int frame_ = 0;
  std::map<std::string, std::string> said_;  // kPlain: key -> text
};

}  // namespace controller
