#pragma once

#include <string>
#include <vector>

#include "agent/auth/auth.h"

// Whose tokens count, as the configuration says it.
namespace agent {

struct MciasOptions {
  std::string server_url;  // "https://mcias.example.net:8443"; empty: MCIAS is not asked
  std::string ca_cert;     // PEM file; empty: the system's certificates
};

// A claim that a token must have. A list of values fits when one of them does.
struct ClaimRule {
  std::string claim;    // "repository"; inside of objects by path: "realm_access.roles"
  std::string pattern;  // the value itself, or its beginning followed by one '*'
  friend bool operator==(const ClaimRule&, const ClaimRule&) = default;
};

// One way to a role: every rule has to fit.
struct Grant {
  Role role = Role::kNone;
  std::vector<ClaimRule> rules;  // none: everybody whom the issuer knows
};

// An OIDC issuer (OpenID Connect Core 1.0). The same one may stand several times.
struct Trust {
  std::string issuer;    // https; exactly the token's `iss`
  std::string audience;  // has to be in the token's `aud`
  std::string ca_cert;   // PEM file; empty: the system's certificates
  std::vector<Grant> grants;
};

}  // namespace agent
