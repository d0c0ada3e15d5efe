#pragma once

#include "base/process/process.h"

// For this folder alone.
namespace base {

struct Started {
  pid_t pid = -1;
  int pidfd = -1;
};

// Descriptors 0, 1 and 2 of the new process; they stay the caller's.
struct Standard {
  int in = -1;
  int out = -1;
  int err = -1;
};

struct Manner {
  bool die_with_thread = false;
  bool own_group = true;
};

Result<Started> start_process(const Command& command, const Standard& standard,
                              const Manner& manner);

// Blocks until it has ended; reaps it.
int reap(pid_t pid);

// Whether the pidfd's process ends within `timeout`.
bool ended_within(int pidfd, Millis timeout);

}  // namespace base
