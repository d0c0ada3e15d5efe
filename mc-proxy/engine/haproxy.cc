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
#include <vector>

#include "base/core/text.h"
#include "mc-proxy/engine/runtime.h"

namespace mc_proxy {
namespace {

using base::Error;
using base::Millis;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr Millis kPoll{10};
constexpr Millis kCheck{30000};
constexpr Millis kStart{30000};

// The lines that say why, without the notices around them.
std::string alerts(const std::string& output) {
  std::vector<std::string> lines;
  for (const std::string& line : base::split(output, '\n'))
    if (const size_t at = line.find("[ALERT]"); at != std::string::npos)
      lines.push_back(line.substr(at + 7));
  if (lines.size() > 3) lines.resize(3);
  std::string text = base::join(lines, ";");
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text.empty() ? "it says nothing" : text;
}

pid_t master_of(const std::string& processes) {
  for (const std::string& line : base::split(processes, '\n')) {
    pid_t pid = -1;
    if (line.find("master") != std::string::npos && !line.starts_with('#') &&
        std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc())
      return pid;
  }
  return -1;
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
}

bool Haproxy::adopt() {
  const auto processes = ask(files_.master_socket(), "show proc");
  const pid_t pid = processes ? master_of(*processes) : -1;
  if (pid <= 0) return false;
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  forget();
  pid_ = pid;
  pidfd_ = fd;
  return true;
}

bool Haproxy::alive() {
  if (pidfd_ < 0) return false;
  if (!readable(pidfd_, Millis(0))) return true;
  if (child_) child_->wait(Millis(0));
  forget();
  return false;
}

std::string Haproxy::last_words() const {
  std::ifstream in(files_.log());
  return alerts(std::string(std::istreambuf_iterator<char>(in), {}));
}

Result<> Haproxy::check() const {
  MCP_TRY(const auto done, base::run_command({{binary_, "-c", "-f", files_.config()}}, "", kCheck));
  if (done.ok()) return {};
  return base::make_error(base::Code::kInternal,
                          "HAProxy refuses its configuration: " + alerts(done.out + done.err));
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
  MCP_CHECK(check());
  std::error_code ignored;
  std::filesystem::remove(files_.log(), ignored);
  MCP_TRY(base::Child child,
          base::Child::spawn({{binary_, "-W", "-db", "-S", files_.master_socket() + ",mode,600",
                               "-f", files_.config()}},
                             {.output_file = files_.log()}));
  forget();
  pid_ = child.pid();
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  child_.emplace(std::move(child));
  const auto started = wait_for(description, kStart);
  if (!started) {
    child_->terminate(Millis(1000));
    forget();
  }
  return started;
}

Result<> Haproxy::reload(const std::string& description) {
  MCP_CHECK(check());
  MCP_TRY(const std::string answer, ask(files_.master_socket(), "reload"));
  static_cast<void>(answer);  // 2.6 says nothing
  return wait_for(description, kStart);
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
