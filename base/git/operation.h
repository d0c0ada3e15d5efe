#pragma once

#include <optional>
#include <string>

#include "base/git/remote.h"
#include "base/git/socket.h"

// Private to this folder.
namespace base::git {

// One exchange with a remote. libgit2's callbacks carry only a number back, so what really went
// wrong is left here. While it lives it is its thread's current operation.
class Operation {
 public:
  explicit Operation(const Remote& remote);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // The operation of the thread that libgit2 calls us on; null outside of one.
  static Operation* current();

  // Keeps the first error, and is what a callback returns.
  int fail(Error error);

  const Remote& remote;
  const Deadline deadline;
  std::optional<Error> error;
  int credential_requests = 0;
};

// What `code` of a libgit2 call on this operation means to a person.
Error remote_error(int code, const Operation& operation, const std::string& what);

}  // namespace base::git
