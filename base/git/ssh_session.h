#pragma once

#include <libssh2.h>

#include <memory>
#include <optional>
#include <string>

#include "base/git/operation.h"
#include "base/git/ssh_url.h"

// Private to this folder.
namespace base::git {

// One command on an ssh server: connected, host key checked, logged in. Every call ends by the
// operation's deadline.
class SshSession {
 public:
  static Result<std::unique_ptr<SshSession>> open(const SshUrl& url, const Operation& operation,
                                                  const std::string& command);
  ~SshSession();
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;

  // 0: the command has ended. An end that nothing was said before is an error with what the
  // command wrote to its standard error.
  Result<size_t> read(char* buffer, size_t size);
  Result<> write(const char* data, size_t size);

 private:
  SshSession(const SshUrl& url, const Operation& operation);
  Result<> handshake();
  Result<> log_in();
  Result<> log_in_with_key(const std::string& user);
  Result<> log_in_with_agent(const std::string& user);
  Result<> log_in_with_password(const std::string& user);
  Result<> start(const std::string& command);
  void limit_time();  // the next libssh2 call ends by the deadline
  Error failure(const std::string& what, Code code = Code::kUnavailable,
                const std::string& hint = {});

  const SshUrl url_;
  const Operation& operation_;
  std::optional<Socket> socket_;
  LIBSSH2_SESSION* session_ = nullptr;
  LIBSSH2_CHANNEL* channel_ = nullptr;
  bool answered_ = false;
};

}  // namespace base::git
