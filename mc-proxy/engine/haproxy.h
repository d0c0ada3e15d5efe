#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/process/process.h"
#include "mc-proxy/engine/layout.h"

namespace mc_proxy {

// The process: a master that outlives this program, and its workers. One thread at a time.
class Haproxy {
 public:
  Haproxy(std::string binary, EngineFiles files);
  ~Haproxy();  // the process goes on
  Haproxy(const Haproxy&) = delete;
  Haproxy& operator=(const Haproxy&) = delete;

  // Finds the master that a former mc-proxy has left. False: there is none.
  bool adopt();
  // True while the master lives. Once it has ended its worker is ended as well: that goes by
  // itself, but holds the ports until it does.
  bool alive();
  // A pidfd of the master, readable once it has ended; -1: none runs.
  int pidfd() const { return pidfd_; }

  // Whether the program was built with Lua. None: it cannot be asked now.
  std::optional<bool> has_lua() const;
  // The workers of before a reload that still have connections.
  base::Result<std::vector<pid_t>> former_workers() const;

  // Whether HAProxy would take the files ("haproxy -c"). kAfterChange: no; the error names the file
  // that it refuses.
  base::Result<> check() const;
  // Starts a master with the files, and waits for a worker with this description. The error says
  // what HAProxy does not like about them.
  base::Result<> start(const std::string& description);
  // A new worker with the files; the old one ends when its connections do. On failure the old one
  // goes on.
  base::Result<> reload(const std::string& description);
  // Ends it: SIGUSR1 lets connections finish (at most `grace`), then SIGTERM.
  void stop(base::Millis grace);

 private:
  base::Result<> wait_for(const std::string& description, base::Millis patience);
  std::string last_words() const;
  void forget();
  void know_workers();
  void end_workers();

  std::string binary_;
  EngineFiles files_;
  std::optional<base::Child> child_;  // when it is ours
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::vector<int> workers_;  // pidfds of those that hold the ports
};

}  // namespace mc_proxy
