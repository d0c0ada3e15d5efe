#pragma once

#include <filesystem>
#include <string>

#include "base/git/repository.h"

namespace base::git {

// How to be let in. Files are read again at every use, so that a rotated secret needs no restart.
struct Credentials {
  std::string username;                 // empty: the URL's; ssh: else "git"
  std::filesystem::path password_file;  // password or token, its first line
  // PEM file of the CAs that may sign the server's certificate; empty: the system's. libgit2 keeps
  // one set for the whole process: https transfers take turns, and each sets its own first.
  std::filesystem::path ca_file;
  std::filesystem::path ssh_key;      // private key without a passphrase; empty: the ssh agent
  std::filesystem::path known_hosts;  // empty: ~/.ssh/known_hosts
};

// A repository somewhere else: a path, file://, http(s)://, ssh:// or user@host:path.
struct Remote {
  std::string url;
  Credentials credentials;
  // For one whole fetch: connecting, TLS or ssh handshake and transfer (ssh: to within a second).
  // Two things are outside it: name resolution, which ends after resolv.conf(5)'s own timeout, and
  // a repository on a file system that hangs.
  Millis timeout{60'000};
};

// The URL as it can be shown: without a password.
std::string printable_url(std::string_view url);

// Asks for the head of a branch, or of another ref when `branch` is a whole one ("refs/..."). When
// that is `known`: nothing else is asked, read or written. Else brings every missing object into
// `into`, points its ref of that name there, also after a force-push, and returns it.
//
// kNotFound: no such repository, an empty one, no such branch. kUnauthenticated: password or key
// refused. kDenied: the server's certificate or host key is not trusted, or 403. kUnavailable: name
// not resolved, refused, 5xx, broken off. kTimeout. After an error `into` is as it was.
Result<Oid> fetch(Repository& into, const Remote& remote, const std::string& branch,
                  const Oid& known);

// Makes `ref` of the remote what it is in `from`, whatever it was. Errors are those of fetch(), and
// kDenied when the server refuses the ref.
Result<> push(Repository& from, const Remote& remote, const std::string& ref);

}  // namespace base::git
