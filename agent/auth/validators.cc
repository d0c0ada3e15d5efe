#include "agent/auth/validators.h"

#include "agent/auth/mcias.h"
#include "agent/auth/oidc.h"

namespace agent {
namespace {

class Either : public TokenValidator {
 public:
  Either(std::unique_ptr<OidcValidator> oidc, std::unique_ptr<MciasValidator> mcias)
      : oidc_(std::move(oidc)), mcias_(std::move(mcias)) {}

  base::Result<Caller> validate(const std::string& token) override {
    if (!mcias_) return oidc_->validate(token);
    if (!oidc_) return mcias_->validate(token);
    MCP_TRY(const base::JwtHint hint, base::peek_jwt(token));
    return oidc_->knows(hint.issuer) ? oidc_->validate(token) : mcias_->validate(token);
  }

 private:
  std::unique_ptr<OidcValidator> oidc_;
  std::unique_ptr<MciasValidator> mcias_;
};

}  // namespace

base::Result<std::unique_ptr<TokenValidator>> make_validator(const MciasOptions& mcias,
                                                             const std::vector<Trust>& trusts) {
  if (mcias.server_url.empty() && trusts.empty()) return std::unique_ptr<TokenValidator>();
  std::unique_ptr<OidcValidator> oidc;
  std::unique_ptr<MciasValidator> asker;
  if (!trusts.empty()) oidc = std::make_unique<OidcValidator>(trusts, OidcValidator::Ports{});
  if (!mcias.server_url.empty()) {
    MCP_TRY(auto question, ask_mcias(mcias));
    asker = std::make_unique<MciasValidator>(std::move(question));
  }
  return std::unique_ptr<TokenValidator>(
      std::make_unique<Either>(std::move(oidc), std::move(asker)));
}

}  // namespace agent
