#include "test/support/dialogue.h"

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace test {

Dialogue::Dialogue(const std::vector<std::string>& argv,
                   const std::map<std::string, std::string>& env) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
  if (pid_ < 0) throw std::runtime_error("no terminal");
  if (pid_ > 0) return;
  for (const auto& [name, value] : env) ::setenv(name.c_str(), value.c_str(), 1);
  ::execv(words[0], words.data());
  ::_exit(127);
}

Dialogue::~Dialogue() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(terminal_);
}

bool Dialogue::read_more(int timeout_ms) {
  pollfd ready{terminal_, POLLIN, 0};
  if (::poll(&ready, 1, timeout_ms) <= 0) return false;
  char bytes[4096];
  const ssize_t size = ::read(terminal_, bytes, sizeof bytes);
  if (size <= 0) return false;  // EIO: nobody has the other side open any more
  screen_.append(bytes, static_cast<size_t>(size));
  return true;
}

bool Dialogue::see(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    if (const size_t at = screen_.find(text, seen_); at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !read_more(static_cast<int>(left.count()))) return false;
  }
}

void Dialogue::type(const std::string& text) const {
  if (::write(terminal_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the terminal takes nothing");
}

bool Dialogue::shows_typing() const {
  termios now{};
  return ::tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ECHO) != 0;
}

int Dialogue::end() {
  while (read_more(30'000)) continue;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace test
