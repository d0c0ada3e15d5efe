#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"

// Other programs. Every process gets a group of its own (unless it is to ask the user), default
// signal handling, and no descriptor of ours but its standard ones.
namespace base {

struct Command {
  std::vector<std::string> argv;                // argv[0] without '/' is looked up in PATH
  std::map<std::string, std::string> env = {};  // over what this process has; empty value: unset
  std::string folder = {};                      // to run in; empty: this process's
  std::string text() const;                     // for messages: the words, joined
};

struct Finished {
  int exit_code = 0;  // 128 + N when signal N ended it
  std::string out;
  std::string err;
  bool ok() const { return exit_code == 0; }
};

// Runs a program to its end, `input` as its standard input. Any exit code is success here.
// kNotFound: no such program. kTimeout: not done within `deadline`; the whole group has been
// killed. Output beyond `max_output` bytes a stream is dropped. What a background process of it
// writes later is not waited for.
Result<Finished> run_command(const Command& command, const std::string& input, Millis deadline,
                             size_t max_output = 16 << 20);

// A long-lived child; standard input is /dev/null, output goes where this process's goes. Used by
// one thread at a time.
class Child {
 public:
  struct Options {
    // SIGKILL when the THREAD that spawned it ends, however that happens (prctl(2),
    // PR_SET_PDEATHSIG): spawn from one that lives as long as the child should.
    bool die_with_thread = false;
    std::string output_file = {};  // stdout and stderr are appended to it; empty: inherited
    int socket = -1;               // when given: its stdin and stdout; stays the caller's
    // In this process's group: it may ask on the terminal, and Ctrl-C reaches it.
    bool may_ask = false;
  };
  static Result<Child> spawn(const Command& command, const Options& options);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();  // terminate(0)

  pid_t pid() const { return pid_; }
  // A pidfd (pidfd_open(2)): readable once it has ended. -1 after it was reaped.
  int pidfd() const { return pidfd_; }

  // Its exit code once it has ended and within `timeout`, else none.
  std::optional<int> wait(Millis timeout);
  // Lets it live on when this object and this process end; its pid goes to init then.
  void release();
  // SIGTERM to it and its group, SIGKILL after `grace`, and reaps. Returns its exit code.
  int terminate(Millis grace);

 private:
  Child(pid_t pid, int pidfd, bool group) : pid_(pid), pidfd_(pidfd), group_(group) {}
  void signal(int number) const;

  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool group_ = true;  // it leads one
  std::optional<int> exit_code_;
};

}  // namespace base
