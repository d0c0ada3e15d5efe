#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <thread>

namespace test {

// A registry on 127.0.0.1 that answers every request with the same status: 401 (with the challenge
// that a client wants) or 404 (of a manifest; its /v2/ is there).
class RefusingRegistry {
 public:
  explicit RefusingRegistry(int status);
  ~RefusingRegistry();
  std::string image() const { return "127.0.0.1:" + std::to_string(port_) + "/team/web:v1"; }

 private:
  void serve();
  const int status_;
  int listening_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace test
