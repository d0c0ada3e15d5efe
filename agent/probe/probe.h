#pragma once

#include "reconciler/ports.h"

namespace agent {

class Podman;

// Whether a container answers, asked the way its definition says. Any thread, many at once.
//   http  GET answered with 2xx or 3xx
//   tcp   a connection that is still open a moment later (rootless forwarders accept before the
//         application listens, and close when they cannot reach it), or on which bytes came
//   cmd   the command, run by podman inside the container, ends with 0
class ContainerProber : public reconciler::Prober {
 public:
  // `podman` outlives this.
  explicit ContainerProber(Podman& podman) : podman_(podman) {}
  base::Result<> probe(const reconciler::Probe& probe) override;

 private:
  Podman& podman_;
};

// From /proc/net/tcp and tcp6 (proc(5)): this process's network namespace, all users.
class ProcHostPorts : public reconciler::HostPorts {
 public:
  // Tests give a folder of their own in place of /proc/net.
  explicit ProcHostPorts(std::string folder = "/proc/net") : folder_(std::move(folder)) {}
  std::set<uint16_t> listening() override;

 private:
  std::string folder_;
};

}  // namespace agent
