#pragma once

#include <functional>
#include <stop_token>

#include "base/core/time.h"

namespace controller {

// While it lives, Ctrl-C and SIGTERM do not end the process: they are seen by wait(). Threads that
// are started meanwhile inherit that; child processes should not be started. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Returns when the time is over, wake() was called, or a signal came; true for the signal, then
  // and at every later call.
  bool wait(base::Millis timeout);
  // Ends a wait() under way, or the next one. Any thread.
  void wake();

 private:
  int signals_ = -1;
  int wakes_ = -1;
  bool pressed_ = false;
};

// Does the work on a thread of its own. Ctrl-C and SIGTERM request its stop; it returns when the
// work does: whether one of them came.
bool interruptible(const std::function<void(std::stop_token)>& work);

}  // namespace controller
