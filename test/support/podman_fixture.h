#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process/process.h"

namespace test {

// A real podman of its own: storage, networks and socket under a temporary folder, the image
// kDemoImage (busybox) in it. See podman_env.sh. One at a time on a machine: give tests that use it
// `LOCK podman`.
class PodmanFixture {
 public:
  static constexpr char kDemoImage[] = "localhost/mcp-demo:v1";

  // The service runs when it returns; what killed runs of tests have left behind is gone. The error
  // says what this machine lacks.
  static base::Result<std::unique_ptr<PodmanFixture>> make(bool rootless = false);
  ~PodmanFixture();  // everything goes

  std::string socket() const { return folder_ + "/podman.sock"; }
  const std::string& folder() const { return folder_; }
  pid_t service_pid() const;

  // Ends the service as kill -9 does; containers go on.
  void kill_service();
  base::Result<> start_service();
  // SIGSTOP, SIGCONT: a service that is there and does not answer.
  void freeze_service();
  void thaw_service();

  // `podman ARG...` beside the service; not for rootless.
  base::Result<base::Finished> podman(std::vector<std::string> arguments) const;

 private:
  PodmanFixture(std::string folder, bool rootless)
      : folder_(std::move(folder)), rootless_(rootless) {}
  void signal_service(int number) const;

  std::string folder_;
  bool rootless_;
  std::optional<base::Child> service_;
};

}  // namespace test
