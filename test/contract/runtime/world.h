#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/runtime/podman.h"
#include "reconciler/ports.h"
#include "test/support/fake_runtime.h"
#include "test/support/podman_fixture.h"

namespace test {

// A container engine and what others do to it, fake or real.
class World {
 public:
  virtual ~World() = default;
  virtual reconciler::Runtime& runtime() = 0;
  virtual std::string image() const = 0;  // is in local storage
  virtual reconciler::ContainerId add_foreign(const std::string& name) = 0;
  virtual void pause(const reconciler::ContainerId& id) = 0;
  virtual void kill(const reconciler::ContainerId& id) = 0;  // kill -9 of its first process
  // Makes a started container of `spec` that ends by itself with `code`; waits until it has.
  virtual reconciler::ObservedContainer run_to_end(reconciler::ContainerSpec spec, int code) = 0;
  // An image of a registry that nobody can reach, that wants a login, that lacks it.
  virtual std::string unreachable_image() = 0;
  virtual std::string closed_image() = 0;
  virtual std::string missing_image() = 0;
  virtual void occupy_port(uint16_t port) = 0;
  virtual void free_port(uint16_t port) = 0;
  // Whether a web server that a running container publishes there answers, soon.
  virtual bool answers(uint16_t port) = 0;
  virtual void clear() = 0;  // no container is left
};

std::unique_ptr<World> make_fake_world();
// The error says why this machine cannot run it.
base::Result<std::unique_ptr<World>> make_podman_world(bool rootless);

// A spec that runs until it is told to stop.
reconciler::ContainerSpec sleeper(const std::string& image, const std::string& service = "web");

// One that answers HTTP on that port of 127.0.0.1.
reconciler::ContainerSpec web_server(const std::string& image, uint16_t port);

// Whether an HTTP answer comes from there, waiting for it.
bool http_answers(uint16_t port);

// Waits until list() shows the container so; its last picture.
reconciler::ObservedContainer wait_until(
    reconciler::Runtime& runtime, const reconciler::ContainerId& id,
    const std::function<bool(const reconciler::ObservedContainer&)>& holds);

}  // namespace test
