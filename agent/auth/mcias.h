#pragma once

#include <functional>
#include <string>

#include "agent/auth/auth.h"
#include "agent/auth/options.h"
#include "agent/auth/token_cache.h"
#include "base/http/message.h"

namespace agent {

// Asks MCIAS, the platform's identity service, about a token: docs/identity.md says what of its API
// is relied on. Everybody whom it knows is an operator, but guests are nobody; a system account
// carries no role and counts like anybody else. An answer is good for 30 s.
class MciasValidator : public TokenValidator {
 public:
  // POST /v1/token/validate about a token. The error is that nobody could be asked.
  using Question = std::function<base::Result<base::HttpResponse>(const std::string& token)>;

  explicit MciasValidator(Question question, TokenCache::Limits limits = {},
                          TokenCache::Now now = monotonic_now);

  // What cannot be one of MCIAS's tokens by its form is refused without asking.
  base::Result<Caller> validate(const std::string& token) override;

 private:
  base::Result<Caller> ask(const std::string& token);

  Question question_;
  TokenCache cache_;
};

// Over TLS, within 5 s. kInvalid: server_url is no https address.
base::Result<MciasValidator::Question> ask_mcias(const MciasOptions& options);

}  // namespace agent
