#pragma once

#include <string>

#include "base/core/result.h"

// Who calls the API, and what they may do.
namespace agent {

// Each includes the one before it.
enum class Role {
  kNone,      // known, and allowed nothing
  kViewer,    // reading calls
  kOperator,  // sync, adopt, files
};

struct Caller {
  // For the audit: "alice", "uid 1000 (alice)", "repo:org/app:ref:refs/heads/main".
  std::string subject;
  Role role = Role::kNone;
  std::string via;  // "socket", "mcias", or the OIDC issuer's URL
};

// Says whose a bearer token is. Any thread, many at once.
//
// Errors: kUnauthenticated (not valid, expired, revoked), kDenied (valid, and not allowed here),
// kUnavailable or kTimeout (nobody to ask: the caller is let in nowhere).
class TokenValidator {
 public:
  virtual ~TokenValidator() = default;
  virtual base::Result<Caller> validate(const std::string& token) = 0;
};

}  // namespace agent
