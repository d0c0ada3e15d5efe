#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/runtime/deadlines.h"
#include "agent/view/backend.h"
#include "agent/view/documents.h"
#include "agent/view/meters.h"
#include "reconciler/ports.h"

namespace agent {

// How to be let in at a registry.
struct RegistryLogin {
  std::string host;  // "registry.example.net:5000", or with a path: for its images below that
  std::string username;
  std::string password_file;  // its first line; read again at every pull
};

struct PodmanOptions {
  // Path of podman's socket. Empty: $XDG_RUNTIME_DIR/podman/podman.sock or /run/podman/podman.sock
  // when something answers there, else a `podman system service` of our own.
  std::string socket;
  // Where pull credentials are (containers-auth.json(5)). Empty: where `podman login` keeps them.
  std::string auth_file;
  // Count before auth_file. Of several that fit an image the longest one does.
  std::vector<RegistryLogin> registries = {};
  // Asked about each directory of the node that a container is to be given, before it is made.
  std::function<base::Result<>(const std::string& path)> may_mount = {};
  // Folder for the socket of our own service; made when missing.
  std::string runtime_folder;
  PodmanDeadlines deadlines = {};
  SharedMeters meters = std::make_shared<Meters>();  // calls and their errors
};

// Podman 4 and 5 through its REST API, libpod part
// (https://docs.podman.io/en/latest/_static/api.html). Nothing is asked before the first call, and
// a podman that is away is found again by the next call. All calls may come from any thread, many
// at once. Every call has a deadline; see deadlines.h.
//
// Besides what the port says:
// - Times are whole seconds, as podman's list has them.
// - A container is made without a restart policy: healing is the reconciler's.
// - create: a missing secret or a bad option is kInvalid.
// - remove: a container that runs is killed.
// - start: of a rootless container that has just ended, waits until podman has cleaned up after it.
class Podman : public reconciler::Runtime, public RuntimeDocuments {
 public:
  explicit Podman(PodmanOptions options);
  ~Podman() override;  // ends the service that it started; containers go on

  base::Result<std::vector<reconciler::ObservedContainer>> list() override;
  base::Result<reconciler::ObservedContainer> inspect(const reconciler::ContainerId& id) override;
  base::Result<> pull(const std::string& image) override;
  base::Result<reconciler::ContainerId> create(const reconciler::ContainerSpec& spec) override;
  base::Result<reconciler::ObservedContainer> start(const reconciler::ContainerId& id) override;
  base::Result<> stop(const reconciler::ContainerId& id,
                      std::optional<base::Millis> timeout) override;
  base::Result<> remove(const reconciler::ContainerId& id) override;

  base::Result<std::string> containers_document() override;
  base::Result<std::string> container_document(const std::string& id) override;
  base::Result<std::string> image_document(const std::string& id) override;

  // As Backend::logs says. While nothing is written `sink` gets an empty piece about once a second,
  // so that it can say false. kNotFound: no such container.
  base::Result<> logs(const reconciler::ContainerId& id, const LogOptions& options,
                      const std::function<bool(std::string_view)>& sink);

  // The end of what a container has said on both streams, oldest line first, at most `count` (1 to
  // 100) lines: for a person who asks why it ended. Without end of line; of a long line its first
  // 500 bytes; always UTF-8 without control characters. kNotFound: no such container. kTimeout: not
  // read within the deadline for reading.
  base::Result<std::vector<std::string>> last_lines(const reconciler::ContainerId& id,
                                                    int count) override;

  // Runs the health command of a running container once, at most `timeout`. The error is why it is
  // not healthy; kUnavailable: nobody knows, podman is away or hangs.
  base::Result<> healthcheck(const reconciler::ContainerId& id, base::Millis timeout);

  // The folder of its images and containers, on its machine. Asks podman.
  base::Result<std::string> graph_root();

  // GET /libpod/info: how podman is set up. It takes longer than a container does.
  base::Result<std::string> info_document();

  // "4.3.1". Asks podman.
  base::Result<std::string> version();

  // Which container may have changed; none: any of them.
  using Hint = std::function<void(const std::optional<reconciler::ContainerId>& id)>;
  // Calls `hint` (on a thread of its own) soon after a container was created, started, stopped,
  // died or was removed, and, with none, every time that the event stream was opened, since events
  // can be lost before. A hint says nothing but: look. Once; until stop_watching().
  void watch(Hint hint);
  // Returns when no hint is running any more. Not from within a hint.
  void stop_watching();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent
