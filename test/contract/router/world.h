#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/ports.h"

namespace test {

// A proxy and what others do to it, fake or real.
class RouterWorld {
 public:
  virtual ~RouterWorld() = default;
  virtual reconciler::ProxyRouter& router() = 0;
  virtual uint16_t port() const = 0;  // of its one listener
  // Something that answers there, the same for the same number; TLS for L4.
  virtual std::string backend(crds::Route::Mode mode, int number) = 0;
  virtual std::string bad_certificate() = 0;  // a file that no route can be served with
  virtual void request(const reconciler::RouteKey& key) = 0;  // one, answered
  virtual void connect(const reconciler::RouteKey& key) = 0;  // stays open; L4 alone
  virtual void disconnect() = 0;                              // all that connect() opened
  virtual void stop() = 0;
  virtual void start() = 0;  // after stop()
};

std::unique_ptr<RouterWorld> make_fake_router_world();
std::unique_ptr<RouterWorld> make_mc_proxy_world();

// Whether it comes to be so within half a minute.
bool comes_true(const std::function<bool()>& holds);

}  // namespace test
