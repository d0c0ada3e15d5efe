#include "controller/cli/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <thread>

namespace controller {
namespace {

sigset_t stopping_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = stopping_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wakes_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

Interrupt::~Interrupt() {
  close(signals_);
  close(wakes_);
  const sigset_t set = stopping_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool Interrupt::wait(base::Millis timeout) {
  if (pressed_) return true;
  pollfd fds[] = {{signals_, POLLIN, 0}, {wakes_, POLLIN, 0}};
  if (poll(fds, 2, static_cast<int>(timeout.count())) <= 0) return false;
  uint64_t count = 0;
  signalfd_siginfo info{};
  pressed_ = read(signals_, &info, sizeof info) == sizeof info;
  if (read(wakes_, &count, sizeof count) < 0) return pressed_;  // EAGAIN: it was the signal alone
  return pressed_;
}

bool interruptible(const std::function<void(std::stop_token)>& work) {
  Interrupt interrupt;
  bool pressed = false;
  std::atomic<bool> done = false;
  std::jthread worker([&](const std::stop_token& stop) {
    work(stop);
    done = true;
    interrupt.wake();
  });
  while (!done && !(pressed = interrupt.wait(std::chrono::hours(1)))) continue;
  worker.request_stop();
  worker.join();
  return pressed;
}

void Interrupt::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the wait ends anyway.
  [[maybe_unused]] const auto written = write(wakes_, &one, sizeof one);
}

}  // namespace controller
