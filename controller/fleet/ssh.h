#pragma once

#include <memory>
#include <string>

#include "base/core/result.h"
#include "controller/fleet/address.h"

namespace controller {

// A socket on this machine that leads to an agent's on another, through the system's ssh and
// `mcp-agent stdio` there: configuration, keys, agents, jump hosts and known_hosts are ssh's own.
// One connection is shared by all calls, and by commands that follow within half a minute
// (ControlMaster and ControlPersist of ssh_config(5)).
class SshTunnel {
 public:
  // Listens; ssh starts with the first connection.
  static base::Result<std::unique_ptr<SshTunnel>> open(const AgentAddress& address);
  ~SshTunnel();  // ends what still talks through it

  const std::string& socket() const;

  // What the newest ssh said before it ended, for a call that got no answer; empty: nothing. Waits
  // for its end at most a second.
  std::string complaint() const;
  // The same for a person at a terminal: "ssh user@host mcp-agent --version".
  std::string by_hand() const;

 private:
  struct Impl;
  explicit SshTunnel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace controller
