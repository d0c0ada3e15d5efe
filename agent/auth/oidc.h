#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/auth/auth.h"
#include "agent/auth/issuer.h"
#include "agent/auth/options.h"

namespace agent {

// Checks tokens of OIDC issuers by itself: signature, issuer, audience, time (60 s of leeway), then
// the claims. The widest role of the grants that fit is the caller's.
class OidcValidator : public TokenValidator {
 public:
  // `fetch` makes a Fetch that trusts a CA file. `now` is the wall clock.
  struct Ports {
    std::function<Fetch(const std::string& ca_cert)> fetch = fetch_https;
    TokenCache::Now now = wall_now;
    TokenCache::Now monotonic = monotonic_now;
  };
  OidcValidator(const std::vector<Trust>& trusts, const Ports& ports);

  // Whether a token with this issuer is for us to judge.
  bool knows(const std::string& issuer) const;
  // kUnauthenticated also for a right token that was made for somebody else (audience).
  base::Result<Caller> validate(const std::string& token) override;

 private:
  struct Known {
    std::unique_ptr<Issuer> issuer;
    std::vector<Trust> trusts;
  };
  const Known* find(const std::string& issuer) const;

  std::vector<Known> known_;
  TokenCache::Now now_;
};

// Whether the token's claims fit the rule. Exported for its tests.
bool fits(const ClaimRule& rule, const base::JwtClaims& claims);

// kInvalid: a rule that lets in more than its author can have meant: a '*' that is not the last
// character or stands alone, a trust without a rule that says whose token it is at an issuer which
// everybody in the world gets tokens from, and there one that ends in the middle of a name.
base::Result<> check_trust(const Trust& trust);

}  // namespace agent
