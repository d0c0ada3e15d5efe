#include "agent/auth/oidc.h"

#include <algorithm>

#include "agent/auth/text.h"

namespace agent {
namespace {

using base::Code;
using base::make_error;

constexpr base::Millis kLeeway{60'000};

std::string subject_of(const base::JwtClaims& claims) {
  const auto name = claims.values.find("preferred_username");
  if (name == claims.values.end() || name->second.front().empty()) return printable(claims.subject);
  // People may change that name, so it does not stand alone.
  return printable(name->second.front() + " (" + claims.subject + ")");
}

bool contains(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

bool fits(const ClaimRule& rule, const base::JwtClaims& claims) {
  const auto found = claims.values.find(rule.claim);
  if (found == claims.values.end()) return false;
  const bool open = rule.pattern.ends_with('*');
  const std::string_view start =
      std::string_view(rule.pattern).substr(0, rule.pattern.size() - (open ? 1 : 0));
  return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& value) {
    return open ? value.starts_with(start) : value == start;
  });
}

OidcValidator::OidcValidator(const std::vector<Trust>& trusts, const Ports& ports)
    : now_(ports.now) {
  for (const Trust& trust : trusts) {
    const auto same = [&](const Known& one) { return one.issuer->url() == trust.issuer; };
    const auto found = std::find_if(known_.begin(), known_.end(), same);
    if (found != known_.end()) {
      found->trusts.push_back(trust);
      continue;
    }
    Known& first = known_.emplace_back();
    first.issuer =
        std::make_unique<Issuer>(trust.issuer, ports.fetch(trust.ca_cert), ports.monotonic);
    first.trusts = {trust};
  }
}

const OidcValidator::Known* OidcValidator::find(const std::string& issuer) const {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& one) { return one.issuer->url() == issuer; });
  return found == known_.end() ? nullptr : &*found;
}

bool OidcValidator::knows(const std::string& issuer) const {
  return find(issuer) != nullptr;
}

base::Result<Caller> OidcValidator::validate(const std::string& token) {
  MCP_TRY(const base::JwtHint hint, base::peek_jwt(token));
  const Known* known = find(hint.issuer);
  if (!known)
    return make_error(Code::kUnauthenticated,
                      "the token is of '" + printable(hint.issuer) + "', which is not trusted here",
                      "see [oidc] of the agent's configuration");
  MCP_TRY(const auto keys, known->issuer->keys_for(hint));
  MCP_TRY(const base::JwtClaims claims, keys->verify(token));
  MCP_CHECK(base::check_times(claims, now_(), kLeeway));
  Caller caller{subject_of(claims), Role::kNone, known->issuer->url()};
  if (caller.subject.empty())
    return make_error(Code::kUnauthenticated, "the token does not say whose it is");
  bool for_us = false;
  for (const Trust& trust : known->trusts) {
    if (!contains(claims.audience, trust.audience)) continue;
    for_us = true;
    for (const Grant& grant : trust.grants)
      if (grant.role > caller.role &&
          std::all_of(grant.rules.begin(), grant.rules.end(),
                      [&](const ClaimRule& rule) { return fits(rule, claims); }))
        caller.role = grant.role;
  }
  if (!for_us)
    return make_error(Code::kUnauthenticated, "the token was made for another audience",
                      "ask its issuer for one for '" + known->trusts.front().audience + "'");
  if (caller.role == Role::kNone)
    return make_error(Code::kDenied,
                      caller.subject + " of " + known->issuer->url() +
                          " has no role here: none of the claims of [oidc] fit",
                      "see docs/identity.md");
  return caller;
}

}  // namespace agent
