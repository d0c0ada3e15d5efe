#include "base/process/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/core/text.h"

extern char** environ;

namespace base {
namespace {

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::vector<std::string> environment(const Command& command) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    if (!command.env.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : command.env)
    if (!value.empty()) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

struct Plan {
  const char* program;
  char** argv;
  char** envp;
  const char* folder;
  Standard standard;
  Manner manner;
  pid_t parent;
  int report;
};

// Between fork and exec only async-signal-safe calls are allowed (signal-safety(7)).
[[noreturn]] void become(const Plan& plan) {
  if (plan.manner.own_group) ::setpgid(0, 0);
  if (plan.manner.die_with_thread) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // it ended before we asked
  }
  struct sigaction standard_action{};
  standard_action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard_action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // All three are above 2, so that none overwrites another.
  const bool placed = ::dup2(plan.standard.in, 0) >= 0 && ::dup2(plan.standard.out, 1) >= 0 &&
                      ::dup2(plan.standard.err, 2) >= 0;
  // Libraries open descriptors without O_CLOEXEC, or set it a moment later.
  ::syscall(SYS_close_range, 3u, UINT_MAX, 4u /* CLOSE_RANGE_CLOEXEC */);
  if (placed && (!*plan.folder || ::chdir(plan.folder) == 0))
    ::execve(plan.program, plan.argv, plan.envp);
  const int error = errno;
  [[maybe_unused]] const ssize_t told = ::write(plan.report, &error, sizeof(error));
  ::_exit(127);
}

// Copies above 2, so that the child can put them in place in any order.
int raised(int fd) {
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

Result<Started> start_process(const Command& command, const Standard& standard,
                              const Manner& manner) {
  const std::string program = command.argv.empty() ? "" : find_program(command.argv[0]);
  if (program.empty())
    return not_found("cannot run " + command.text() + ": no such program",
                     "install it, or mend PATH");
  std::vector<std::string> words = command.argv;
  std::vector<std::string> env = environment(command);
  std::vector<char*> argv = pointers(words);
  std::vector<char*> envp = pointers(env);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0)
    return make_error(Code::kExhausted,
                      "cannot run " + command.text() + ": " + std::strerror(errno));
  const int report_end = raised(report[1]);
  ::close(report[1]);
  const Standard copies{raised(standard.in), raised(standard.out), raised(standard.err)};
  const Plan plan{program.c_str(), argv.data(), envp.data(), command.folder.c_str(),
                  copies,          manner,      ::getpid(),  report_end};

  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  const int fork_error = errno;
  for (const int fd : {copies.in, copies.out, copies.err, report_end}) ::close(fd);
  int error = 0;
  const ssize_t told = pid > 0 ? ::read(report[0], &error, sizeof(error)) : 0;
  ::close(report[0]);
  if (pid < 0)
    return make_error(Code::kExhausted,
                      "cannot run " + command.text() + ": " + std::strerror(fork_error));
  if (told == sizeof(error)) {
    reap(pid);
    return make_error(error == ENOENT ? Code::kNotFound : Code::kDenied,
                      "cannot run " + command.text() + ": " + std::strerror(error));
  }
  return Started{pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool ended_within(int pidfd, Millis timeout) {
  pollfd waited{pidfd, POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left = std::chrono::ceil<Millis>(until - std::chrono::steady_clock::now());
    const int ready = ::poll(&waited, 1, static_cast<int>(std::max(Millis(0), left).count()));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace base
