#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/auth/auth.h"
#include "agent/auth/options.h"

namespace agent {

// MCIAS and the OIDC issuers behind one question: a token whose issuer is one of `trusts` is judged
// by OIDC alone, every other one by MCIAS alone. Null: neither is configured.
base::Result<std::unique_ptr<TokenValidator>> make_validator(const MciasOptions& mcias,
                                                             const std::vector<Trust>& trusts);

// Asks each of them whether it is there, for `mcp-agent check`; what it says of all, or the first
// that does not answer as it should.
base::Result<std::string> ask_identity(const MciasOptions& mcias, const std::vector<Trust>& trusts);

}  // namespace agent
