#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"

// JSON Web Tokens (RFC 7519) in their compact form, signed with RS256, ES256 (RFC 7518) or EdDSA
// with Ed25519 (RFC 8037). Nothing else is accepted: no "none", and nothing with a shared secret,
// so that a public key can never be taken for one (RFC 8725 section 2.1).
//
// Everything here may be used from many threads at once. What is wrong with a token is
// kUnauthenticated; messages never quote a token.
namespace base {

// What a token says before anybody has checked it: good for choosing whom to ask, and nothing else.
struct JwtHint {
  std::string algorithm;
  std::string key_id;  // "kid"; empty: none
  std::string issuer;  // "iss"; empty: none
  std::string subject;
  std::optional<TimePoint> expires;
};
Result<JwtHint> peek_jwt(std::string_view token);

struct JwtClaims {
  std::string issuer;
  std::string subject;
  std::vector<std::string> audience;
  TimePoint expires;
  std::optional<TimePoint> not_before;
  // Every claim whose value is a string, a number, true or false, or a list of these, as texts.
  // Claims inside of objects are named by path ("realm_access.roles"); a top-level claim of that
  // very name counts more.
  std::map<std::string, std::vector<std::string>> values;
};

// Whether `now` is between nbf and exp, either moved outwards by `leeway`.
Result<> check_times(const JwtClaims& claims, TimePoint now, Millis leeway);

struct JwtKey;

// The public keys of an issuer: a JSON Web Key Set (RFC 7517).
class JwtKeys {
 public:
  static constexpr size_t kMaxKeys = 100;

  // Keys that serve none of our algorithms are passed over, as are RSA keys outside of 2048 to 8192
  // bits, points that are not on their curve and keys for encryption. kInvalid: not a key set, or
  // one of more than kMaxKeys keys.
  static Result<JwtKeys> parse(std::string_view json);

  size_t size() const { return keys_.size(); }
  // Whether a key is there that such a token can be checked with. A token without a key id needs
  // its algorithm's key to be the only one.
  bool has_key_for(const JwtHint& hint) const;

  // The claims of a token whose signature is right. Nothing has been said about issuer, audience
  // and time then. exp must be there (a token without an end could never be taken back).
  Result<JwtClaims> verify(std::string_view token) const;

 private:
  const JwtKey* find(const JwtHint& hint) const;
  std::vector<std::shared_ptr<const JwtKey>> keys_;
};

}  // namespace base
