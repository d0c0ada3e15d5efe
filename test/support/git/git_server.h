#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/process/process.h"

// Real git servers on loopback ports, each with a configuration of its own in a folder of the
// test's, gone with the object. They throw when a program is missing, and name its package.
namespace test {

uint16_t free_port();

// git http-backend behind nginx (packages nginx-light, fcgiwrap, openssl).
class HttpsGitServer {
 public:
  struct Options {
    std::string protocols = "TLSv1.2 TLSv1.3";
    bool tls = true;
    std::string user = "mcp", password = "right";  // no user: everybody may read
  };
  // Serves the repositories in `root`; `folder` is made.
  HttpsGitServer(const std::filesystem::path& folder, const std::filesystem::path& root,
                 const Options& options);
  HttpsGitServer(const std::filesystem::path& folder, const std::filesystem::path& root)
      : HttpsGitServer(folder, root, Options{}) {}

  // https://localhost:port/name, for a name below root.
  std::string url(const std::string& name) const;
  uint16_t port() const { return port_; }
  // PEM file of the CA that signed the server's certificate.
  std::filesystem::path ca_file() const { return folder_ / "ca.pem"; }
  void stop();
  void start();  // again, on the same port

 private:
  void write_configuration(const std::filesystem::path& root, const Options& options) const;

  const std::filesystem::path folder_;
  const uint16_t port_;
  const bool tls_;
  std::unique_ptr<base::Child> nginx_, fcgiwrap_;
};

// sshd (package openssh-server) with an ecdsa, an ed25519 and an RSA host key.
class SshGitServer {
 public:
  // `also`: more lines of sshd_config(5).
  explicit SshGitServer(const std::filesystem::path& folder, const std::string& also = {});

  // ssh://user@127.0.0.1:port/path, through another port when one is given.
  std::string url(const std::filesystem::path& repository, uint16_t port = 0) const;
  uint16_t port() const { return port_; }
  std::filesystem::path host_key(const std::string& type) const;  // the public half
  // Makes a key pair and lets it in; the private half.
  std::filesystem::path make_key(const std::string& name, const std::string& type = "ed25519",
                                 bool authorized = true, const std::string& passphrase = {});
  // A known_hosts file with the server's keys of these types.
  std::filesystem::path known_hosts(const std::vector<std::string>& types) const;
  // What sshd has said so far.
  std::string log() const;

 private:
  const std::filesystem::path folder_;
  const uint16_t port_;
  std::unique_ptr<base::Child> sshd_;
};

// Passes TCP through to another port of this machine, up to a number of bytes of the answer; then
// it cuts every connection, or stays silent.
class Relay {
 public:
  enum class End { kCut, kSilence };
  Relay(uint16_t upstream, size_t bytes, End end);
  ~Relay();
  uint16_t port() const;

 private:
  class Pump;
  std::unique_ptr<Pump> pump_;
};

}  // namespace test
