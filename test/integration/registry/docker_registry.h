#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/process/process.h"
#include "test/support/temp_dir.h"

namespace test {

// Debian's docker-registry on a port of 127.0.0.1. Throws when it cannot be had.
class DockerRegistry {
 public:
  static constexpr char kUser[] = "deploy";
  static constexpr char kPassword[] = "open sesame";

  struct Options {
    bool login = false;            // asks for kUser and kPassword
    std::string certificate = {};  // PEM with its key beside it; empty: plain http
  };
  explicit DockerRegistry(const Options& options);

  // "127.0.0.1:5000". Podman's fixture lets plain http pass there, and nothing unverified at
  // "localhost:5000".
  std::string host() const { return "127.0.0.1:" + port(); }
  std::string strict_host() const { return "localhost:" + port(); }
  // What was pushed stays, and so does the port.
  void stop();
  void start();

 private:
  std::string port() const { return std::to_string(port_); }

  TempDir folder_;
  uint16_t port_;
  std::optional<base::Child> process_;
};

// A certificate for localhost that is its own root: `file`, and `file`.key.
void make_certificate(const std::string& file);

}  // namespace test
