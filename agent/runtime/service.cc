#include "agent/runtime/service.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/process/process.h"

namespace agent {
namespace {

using base::Millis;

constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{10000};
constexpr Millis kStableLife{30000};  // after it the back-off begins anew
constexpr Millis kLook{20};
constexpr Millis kGrace{5000};

}  // namespace

bool answers(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof(address.sun_path)) return false;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return connected;
}

PodmanService::PodmanService(std::string socket)
    : socket_(std::move(socket)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

PodmanService::~PodmanService() {
  thread_.request_stop();
  thread_.join();
  ::unlink(socket_.c_str());
}

base::Result<> PodmanService::wait_ready(Millis timeout) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, timeout, [this] { return ready_ || !problem_.empty(); }) && ready_)
    return {};
  return base::unavailable(
      "podman's service does not run: " + (problem_.empty() ? "no answer yet" : problem_),
      "try `podman info` as this user, or set [podman] socket");
}

void PodmanService::run(const std::stop_token& stop) {
  Millis pause = kFirstPause;
  while (!stop.stop_requested()) {
    const auto begin = std::chrono::steady_clock::now();
    live(stop);
    if (std::chrono::steady_clock::now() - begin > kStableLife) pause = kFirstPause;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, pause, [] { return false; });
    pause = std::min(pause * 2, kLongestPause);
  }
}

void PodmanService::live(const std::stop_token& stop) {
  ::unlink(socket_.c_str());  // of a life that was killed
  auto child =
      base::Child::spawn({.argv = {"podman", "system", "service", "--time=0", "unix://" + socket_}},
                         {.die_with_thread = true});
  if (!child) return note(child.error().text());
  std::optional<int> code;
  while (!stop.stop_requested() && !code && !answers(socket_)) code = child->wait(kLook);
  if (!code) {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    problem_.clear();
    changed_.notify_all();
  }
  const std::stop_callback end(stop, [&] { ::kill(child->pid(), SIGTERM); });
  while (!code && !stop.stop_requested()) code = child->wait(std::chrono::hours(1));
  if (code) return note("it ended with code " + std::to_string(*code));
  // The service alone, not its group: helpers of containers may share that.
  if (!child->wait(kGrace)) {
    ::kill(child->pid(), SIGKILL);
    child->wait(kGrace);
  }
}

void PodmanService::note(std::string problem) {
  const std::lock_guard lock(mutex_);
  ready_ = false;
  problem_ = std::move(problem);
  changed_.notify_all();
}

}  // namespace agent
