#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/process/process.h"
#include "test/support/temp_dir.h"

namespace test {

// A server on a free port of 127.0.0.1 that has written its port to a file once it listens; gone
// with the object. Throws when it does not start: its last words are in FOLDER/log.
class ListeningProgram {
 public:
  ListeningProgram(base::Command command, std::string folder);
  uint16_t port() const { return port_; }
  void stop();

 private:
  std::unique_ptr<base::Child> child_;
  uint16_t port_ = 0;
};

// mcias.py beside this file (package python3-cryptography).
class MciasServer {
 public:
  explicit MciasServer(const nlohmann::json& accounts);

  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::string ca_file() const { return folder_ / "ca.pem"; }
  std::string token_of(const std::string& system_account) const;
  // Every call so far: {"path": ..., and what was sent that is no secret}.
  std::vector<nlohmann::json> requests() const;
  // What a person's device shows for a TOTP secret now.
  static std::string code_of(const std::string& secret);

  void stop();
  void start();  // again, at the same port, with what it knew

 private:
  TempDir folder_;
  uint16_t port_ = 0;
  std::unique_ptr<ListeningProgram> program_;
};

std::string read_all(const std::string& path);

}  // namespace test
