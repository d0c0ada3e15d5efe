#include "controller/cli/prompt.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace controller {
namespace {

// The terminal byte by byte. Signals of keys are off as well: Ctrl-C would end the process and
// leave a terminal that shows nothing.
class RawTerminal {
 public:
  RawTerminal() : file_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    open_ = file_ >= 0 && ::tcgetattr(file_, &before_) == 0;
    if (!open_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    // Flushed: what was typed before the question is no answer to it.
    ::tcsetattr(file_, TCSAFLUSH, &raw);
  }
  ~RawTerminal() {
    if (open_) ::tcsetattr(file_, TCSAFLUSH, &before_);
    if (file_ >= 0) ::close(file_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool open() const { return open_; }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t done = ::write(file_, text.data(), text.size());
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return;
      text.remove_prefix(static_cast<size_t>(done));
    }
  }
  // False: the terminal has gone.
  bool read(char& c) const {
    ssize_t done = 0;
    do done = ::read(file_, &c, 1);
    while (done < 0 && errno == EINTR);
    return done == 1;
  }

 private:
  int file_;
  bool open_ = false;
  termios before_{};
};

constexpr char kCtrlC = 3;
constexpr char kCtrlD = 4;
constexpr char kBackspace = 8;
constexpr char kCtrlU = 21;
constexpr char kDelete = 127;

// The last character, of one to four bytes in UTF-8.
void drop_last(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace

base::Result<std::optional<std::string>> ask_person(const std::string& question, Echo echo) {
  const RawTerminal terminal;
  if (!terminal.open())
    return base::invalid("cannot ask for '" + question + "': there is no terminal");
  terminal.write(question + ": ");
  std::string answer;
  std::optional<std::string> result;
  char c = 0;
  while (terminal.read(c)) {
    if (c == '\n' || c == '\r') {
      result = answer;
      break;
    }
    if (c == kCtrlC || (c == kCtrlD && answer.empty())) break;
    if (c == kDelete || c == kBackspace) {
      if (echo == Echo::kShown && !answer.empty()) terminal.write("\b \b");
      drop_last(answer);
    } else if (c == kCtrlU) {
      if (echo == Echo::kShown) terminal.write("\r\x1b[K" + question + ": ");
      answer.clear();
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      answer += c;
      if (echo == Echo::kShown) terminal.write({&c, 1});
    }
  }
  terminal.write("\n");
  return result;
}

}  // namespace controller
