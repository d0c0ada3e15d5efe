#pragma once

#include <libssh2.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/core/result.h"

// Private to this folder.
namespace base::git {

// libssh2 before 1.11 knows RSA only with SHA-1, which OpenSSH 8.8 and later refuse.
bool rsa_means_sha1();

// "SHA256:..." as ssh-keygen -l prints it.
std::string fingerprint(LIBSSH2_SESSION* session);

// The host keys that are trusted: a file in the format of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT,
// hashed names and [host]:port included; markers (@revoked, @cert-authority) and patterns are not
// understood by libssh2.
class KnownHosts {
 public:
  // An empty path: ~/.ssh/known_hosts. The session is only where libssh2 keeps its memory.
  static Result<KnownHosts> load(LIBSSH2_SESSION* session, const std::filesystem::path& path);

  // Makes the session ask for a kind of key that the file has for this host, so that a server with
  // several keys shows one that can be checked. Before the handshake.
  Result<> prefer_known_keys(const std::string& host, int port) const;

  // Why a handshake may have failed: only an RSA key is known, and libssh2 is too old for what
  // servers sign with those today. Empty: no idea.
  std::string handshake_hint(const std::string& host, int port) const;

  // After the handshake. kDenied: the key is not in the file, or another one is.
  Result<> check(const std::string& host, int port) const;

 private:
  using Handle = std::unique_ptr<LIBSSH2_KNOWNHOSTS, void (*)(LIBSSH2_KNOWNHOSTS*)>;
  KnownHosts(LIBSSH2_SESSION* session, std::filesystem::path path, Handle hosts)
      : session_(session), path_(std::move(path)), hosts_(std::move(hosts)) {}

  // The kinds of host key that the file has for the host, most wanted first; comma separated.
  std::string known_methods(const std::string& host, int port) const;

  LIBSSH2_SESSION* session_;
  std::filesystem::path path_;
  Handle hosts_;
};

}  // namespace base::git
