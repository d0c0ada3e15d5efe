#include "controller/cli/editor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace controller {
namespace {

// Ignores the terminal's signals while it lives, as system(3) does.
class IgnoreInterrupts {
 public:
  IgnoreInterrupts() : int_(std::signal(SIGINT, SIG_IGN)), quit_(std::signal(SIGQUIT, SIG_IGN)) {}
  ~IgnoreInterrupts() {
    std::signal(SIGINT, int_);
    std::signal(SIGQUIT, quit_);
  }
  IgnoreInterrupts(const IgnoreInterrupts&) = delete;
  IgnoreInterrupts& operator=(const IgnoreInterrupts&) = delete;

 private:
  void (*int_)(int);
  void (*quit_)(int);
};

}  // namespace

base::Result<> open_editor(const std::string& editor, const std::filesystem::path& file) {
  const std::string script = editor + " \"$@\"";
  const std::string name = file.string();
  const IgnoreInterrupts ignore;
  const pid_t child = fork();
  if (child < 0)
    return base::make_error(base::Code::kExhausted,
                            std::string("cannot start the editor: ") + std::strerror(errno));
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGQUIT, SIG_DFL);
    std::signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", script.c_str(), editor.c_str(), name.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return base::make_error(
      base::Code::kInternal,
      "the editor '" + editor + "' did not end well" +
          (WIFEXITED(status) ? " (exit code " + std::to_string(WEXITSTATUS(status)) + ")" : ""),
      "set VISUAL or EDITOR to one that works");
}

}  // namespace controller
