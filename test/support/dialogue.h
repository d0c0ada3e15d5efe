#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace test {

// A program on a terminal of its own, and the person in front of it.
class Dialogue {
 public:
  Dialogue(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env);
  ~Dialogue();
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  // Reads until `text` stands on the screen; false: the program ended, or 30 s are over.
  bool see(const std::string& text);
  void type(const std::string& text) const;
  // Whether the terminal would show what is typed now.
  bool shows_typing() const;
  int end();  // waits for it: the exit code, 128 + N for signal N
  const std::string& screen() const { return screen_; }  // everything so far

 private:
  bool read_more(int timeout_ms);
  int terminal_ = -1;
  pid_t pid_ = -1;
  size_t seen_ = 0;
  std::string screen_;
};

}  // namespace test
