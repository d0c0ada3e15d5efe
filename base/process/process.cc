#include "base/process/process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/core/text.h"
#include "base/process/spawn.h"

namespace base {
namespace {

using Clock = std::chrono::steady_clock;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return make_error(Code::kExhausted, std::string("cannot make a pipe: ") + std::strerror(errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void never_block(const Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// Reads what is there. Closes at the end.
void drain(Fd& fd, std::string& text, size_t max) {
  std::array<char, 65536> buffer;
  while (fd.get() >= 0) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) return fd.reset();
    text.append(buffer.data(), std::min(static_cast<size_t>(got), max - text.size()));
  }
}

// Writes what fits. Closes when all is written or nobody reads.
void feed(Fd& fd, const std::string& input, size_t& written) {
  while (written < input.size()) {
    const ssize_t put = ::write(fd.get(), input.data() + written, input.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) break;
    written += static_cast<size_t>(put);
  }
  fd.reset();
}

// A program that does not read its input must not end us.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before_);
  }
  ~NoSigpipe() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    const timespec now{};
    if (!sigismember(&before_, SIGPIPE)) ::sigtimedwait(&pipe, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_;
};

}  // namespace

std::string Command::text() const {
  return join(argv, " ");
}

Result<Finished> run_command(const Command& command, const std::string& input, Millis deadline,
                             size_t max_output) {
  const auto until = Clock::now() + deadline;
  MCP_TRY(Pipe in, make_pipe());
  MCP_TRY(Pipe out, make_pipe());
  MCP_TRY(Pipe err, make_pipe());
  MCP_TRY(const Started started,
          start_process(command, {in.read.get(), out.write.get(), err.write.get()}, {}));
  const Fd pidfd(started.pidfd);
  in.read.reset();
  out.write.reset();
  err.write.reset();
  for (const Fd* fd : {&in.write, &out.read, &err.read}) never_block(*fd);
  const NoSigpipe guard;

  Finished finished;
  size_t written = 0;
  feed(in.write, input, written);
  while (true) {
    std::array<pollfd, 4> waits{pollfd{pidfd.get(), POLLIN, 0}, pollfd{out.read.get(), POLLIN, 0},
                                pollfd{err.read.get(), POLLIN, 0},
                                pollfd{in.write.get(), POLLOUT, 0}};
    const auto left = std::chrono::ceil<Millis>(until - Clock::now());
    const int ready =
        left.count() > 0 ? ::poll(waits.data(), waits.size(), static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(-started.pid, SIGKILL);
      reap(started.pid);
      return make_error(Code::kTimeout,
                        command.text() + ": not done within " + to_duration(deadline));
    }
    drain(out.read, finished.out, max_output);
    drain(err.read, finished.err, max_output);
    if (waits[3].revents) feed(in.write, input, written);
    if (waits[0].revents) break;
  }
  // What it wrote before it ended.
  drain(out.read, finished.out, max_output);
  drain(err.read, finished.err, max_output);
  finished.exit_code = reap(started.pid);
  return finished;
}

Result<Child> Child::spawn(const Command& command, const Options& options) {
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd file;
  if (!options.output_file.empty()) {
    file = Fd(::open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (file.get() < 0)
      return make_error(Code::kDenied,
                        "cannot write " + options.output_file + ": " + std::strerror(errno));
  }
  Standard standard{nothing.get(), STDOUT_FILENO, STDERR_FILENO};
  if (file.get() >= 0) standard.out = standard.err = file.get();
  if (options.socket >= 0) standard.in = standard.out = options.socket;
  MCP_TRY(const Started started,
          start_process(command, standard, {options.die_with_thread, !options.may_ask}));
  return Child(started.pid, started.pidfd, !options.may_ask);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      group_(other.group_),
      exit_code_(other.exit_code_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(group_, other.group_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Child::~Child() {
  if (pid_ > 0) terminate(Millis(0));
}

std::optional<int> Child::wait(Millis timeout) {
  if (exit_code_) return exit_code_;
  if (!ended_within(pidfd_, timeout)) return std::nullopt;
  exit_code_ = reap(pid_);
  ::close(std::exchange(pidfd_, -1));
  return exit_code_;
}

void Child::release() {
  if (pidfd_ >= 0) ::close(std::exchange(pidfd_, -1));
  pid_ = -1;
}

void Child::signal(int number) const {
  ::kill(group_ ? -pid_ : pid_, number);
}

int Child::terminate(Millis grace) {
  if (!exit_code_) {
    signal(SIGTERM);
    if (!ended_within(pidfd_, grace)) signal(SIGKILL);
    while (!wait(Millis(60000))) {
    }
  }
  return *exit_code_;
}

}  // namespace base
