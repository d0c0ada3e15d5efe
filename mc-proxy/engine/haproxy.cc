#include "mc-proxy/engine/haproxy.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "base/core/text.h"
#include "mc-proxy/engine/runtime.h"

namespace mc_proxy {
namespace {

using base::Millis;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr Millis kPoll{10};
constexpr Millis kCheck{30000};
constexpr Millis kStart{30000};
constexpr Millis kCounted{2000};
constexpr Millis kKilled{2000};
constexpr size_t kLineLength = 1000;  // some list every word that HAProxy knows

// The lines that say why, without the notices around them.
std::string alerts(const std::string& output) {
  std::vector<std::string> lines;
  for (const std::string& line : base::split(output, '\n'))
    if (const size_t at = line.find("[ALERT]"); at != std::string::npos)
      lines.push_back(line.substr(at + 7, kLineLength));
  if (lines.size() > 3) lines.resize(3);
  std::string text = base::join(lines, ";");
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text.empty() ? "it says nothing" : text;
}

// Of "show proc": the pids of a kind below a heading ("#<PID>" heads the master).
std::vector<pid_t> processes_of(const std::string& shown, std::string_view heading,
                                std::string_view kind) {
  std::vector<pid_t> pids;
  bool below = false;
  for (const std::string& line : base::split(shown, '\n')) {
    if (line.starts_with('#')) below = line.starts_with(heading);
    pid_t pid = -1;
    if (below && line.find(kind) != std::string::npos &&
        std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc())
      pids.push_back(pid);
  }
  return pids;
}

bool readable(int fd, Millis timeout) {
  pollfd waited{fd, POLLIN, 0};
  return ::poll(&waited, 1, static_cast<int>(timeout.count())) > 0;
}

}  // namespace

Haproxy::Haproxy(std::string binary, EngineFiles files)
    : binary_(std::move(binary)), files_(std::move(files)) {}

Haproxy::~Haproxy() {
  forget();
}

void Haproxy::forget() {
  if (child_) child_->release();
  child_.reset();
  if (pidfd_ >= 0) ::close(pidfd_);
  pidfd_ = -1;
  pid_ = -1;
  for (const int worker : workers_) ::close(worker);
  workers_.clear();
}

// A master that has just begun executes itself once more, and does not answer until it has.
void Haproxy::know_workers() {
  for (const int worker : std::exchange(workers_, {})) ::close(worker);
  const auto until = Clock::now() + kCounted;
  do {
    const std::string processes = ask(files_.master_socket(), "show proc").value_or("");
    for (const pid_t pid : processes_of(processes, "# workers", "worker"))
      if (const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); fd >= 0)
        workers_.push_back(fd);
  } while (workers_.empty() && Clock::now() < until && !readable(pidfd_, kPoll));
}

void Haproxy::end_workers() {
  for (const int worker : workers_) ::syscall(SYS_pidfd_send_signal, worker, SIGKILL, nullptr, 0);
  for (const int worker : workers_) readable(worker, kKilled);
}

bool Haproxy::adopt() {
  const auto processes = ask(files_.master_socket(), "show proc");
  if (!processes) return false;
  const std::vector<pid_t> masters = processes_of(*processes, "#<PID>", "master");
  if (masters.empty()) return false;
  const pid_t pid = masters.front();
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  forget();
  pid_ = pid;
  pidfd_ = fd;
  know_workers();
  return true;
}

bool Haproxy::alive() {
  if (pidfd_ < 0) return false;
  if (!readable(pidfd_, Millis(0))) return true;
  if (child_) child_->wait(Millis(0));
  end_workers();
  forget();
  return false;
}

std::string Haproxy::last_words() const {
  std::ifstream in(files_.log());
  return alerts(std::string(std::istreambuf_iterator<char>(in), {}));
}

std::optional<bool> Haproxy::has_lua() const {
  const auto told = base::run_command({{binary_, "-vv"}}, "", kCheck);
  if (!told || !told->ok()) return std::nullopt;
  return told->out.find("+LUA") != std::string::npos;
}

Result<std::vector<pid_t>> Haproxy::former_workers() const {
  MCP_TRY(const std::string processes, ask(files_.master_socket(), "show proc"));
  return processes_of(processes, "# old workers", "worker");
}

Result<> Haproxy::check() const {
  MCP_TRY(const auto done, base::run_command({{binary_, "-c", "-f", files_.config()}}, "", kCheck));
  if (done.ok()) return {};
  base::Error refused = base::make_error(
      base::Code::kInternal, "HAProxy refuses its configuration: " + alerts(done.out + done.err));
  refused.retry = base::Retry::kAfterChange;
  return refused;
}

Result<> Haproxy::wait_for(const std::string& description, Millis patience) {
  const Runtime runtime(files_);
  const auto until = Clock::now() + patience;
  while (Clock::now() < until) {
    if (const auto now = runtime.description(); now && *now == description) return {};
    if (readable(pidfd_, kPoll)) return base::unavailable("HAProxy ended: " + last_words());
  }
  return base::make_error(base::Code::kTimeout,
                          "HAProxy has not taken its configuration: " + last_words());
}

Result<> Haproxy::start(const std::string& description) {
  std::error_code ignored;
  std::filesystem::remove(files_.log(), ignored);
  std::filesystem::remove(files_.worker_socket(), ignored);  // nobody of before answers there
  MCP_TRY(base::Child child,
          base::Child::spawn({{binary_, "-W", "-db", "-S", files_.master_socket() + ",mode,600",
                               "-f", files_.config()}},
                             {.output_file = files_.log()}));
  forget();
  pid_ = child.pid();
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  child_.emplace(std::move(child));
  const auto started = wait_for(description, kStart);
  if (started) {
    know_workers();
    return {};
  }
  if (!alive()) return base::unavailable("HAProxy refuses to start: " + last_words());
  child_->terminate(Millis(1000));
  forget();
  return started;
}

Result<> Haproxy::reload(const std::string& description) {
  MCP_CHECK(check());
  MCP_TRY(const std::string before, ask(files_.master_socket(), "show proc"));
  MCP_TRY(const std::string answer, ask(files_.master_socket(), "reload"));
  static_cast<void>(answer);  // 2.6 says nothing
  MCP_CHECK(wait_for(description, kStart));
  // The master is the last to know; until then it cannot pass anything on to the former worker.
  const std::vector<pid_t> replaced = processes_of(before, "# workers", "worker");
  const auto known = [&](const std::vector<pid_t>& former) {
    return std::all_of(replaced.begin(), replaced.end(), [&](pid_t pid) {
      return std::find(former.begin(), former.end(), pid) != former.end() || ::kill(pid, 0) != 0;
    });
  };
  const auto until = Clock::now() + kCounted;
  while (Clock::now() < until) {
    const auto former = former_workers();
    if ((former && known(*former)) || readable(pidfd_, kPoll)) break;
  }
  know_workers();
  return {};
}

void Haproxy::stop(Millis grace) {
  if (pidfd_ < 0) return;
  ::kill(pid_, SIGUSR1);
  if (!readable(pidfd_, grace)) {
    ::kill(pid_, SIGTERM);
    readable(pidfd_, Millis(5000));
  }
  alive();
}

}  // namespace mc_proxy
