#include "base/jwt/jwt.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/jwt/encoding.h"
#include "base/jwt/key.h"

namespace base {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxToken = 16 * 1024;       // bytes; real ones have 0.5 to 4 KiB
constexpr double kMaxSeconds = 253402300799;  // the end of the year 9999

Error bad(std::string why) {
  return make_error(Code::kUnauthenticated, "the token is not valid: " + std::move(why),
                    "get a new one: mcp login");
}

struct Parts {
  Json header;
  Json claims;
  std::string_view signed_text;  // of the token
  std::string signature;
};

Result<Parts> take_apart(std::string_view token) {
  if (token.size() > kMaxToken) return bad("it is longer than 16 KiB");
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos)
    return bad("it is not three texts with dots between them");
  const auto header = decode_base64url(token.substr(0, first));
  const auto claims = decode_base64url(token.substr(first + 1, second - first - 1));
  const auto signature = decode_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return bad("it is not base64url");
  Parts parts{parse_strict_object(*header), parse_strict_object(*claims), token.substr(0, second),
              *signature};
  if (parts.header.is_discarded()) return bad("its header is not a JSON object without doubles");
  if (parts.claims.is_discarded()) return bad("its claims are not a JSON object without doubles");
  return parts;
}

std::optional<TimePoint> time_member(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMaxSeconds) return std::nullopt;
  return TimePoint(Millis(static_cast<int64_t>(seconds * 1000)));
}

Result<JwtHint> hint_of(const Parts& parts) {
  JwtHint hint{text_member(parts.header, "alg"), text_member(parts.header, "kid"),
               text_member(parts.claims, "iss"), text_member(parts.claims, "sub"),
               time_member(parts.claims, "exp")};
  if (hint.algorithm != "RS256" && hint.algorithm != "ES256" && hint.algorithm != "EdDSA")
    return bad("its algorithm is none of RS256, ES256 and EdDSA");
  // RFC 7515 section 4.1.11: what is critical must be understood, and we know no extension.
  if (parts.header.contains("crit")) return bad("it needs an extension that is not known here");
  if (parts.signature.empty()) return bad("it has no signature");
  return hint;
}

void add_values(std::map<std::string, std::vector<std::string>>& values, const std::string& name,
                const Json& value) {
  const auto text = [](const Json& one) {
    return one.is_string() ? one.get<std::string>() : one.dump();
  };
  const auto scalar = [](const Json& one) {
    return one.is_string() || one.is_number() || one.is_boolean();
  };
  std::vector<std::string> texts;
  if (scalar(value)) texts.push_back(text(value));
  if (value.is_array())
    for (const Json& item : value)
      if (scalar(item)) texts.push_back(text(item));
  // Not over what stands there: see JwtClaims::values.
  if (!texts.empty()) values.emplace(name, std::move(texts));
  if (value.is_object())
    for (const auto& [key, inner] : value.items()) add_values(values, name + "." + key, inner);
}

Result<JwtClaims> claims_of(const Json& json) {
  JwtClaims claims;
  claims.issuer = text_member(json, "iss");
  claims.subject = text_member(json, "sub");
  for (const auto& [name, value] : json.items())
    if (!value.is_object()) add_values(claims.values, name, value);
  for (const auto& [name, value] : json.items())
    if (value.is_object()) add_values(claims.values, name, value);
  if (const auto audience = claims.values.find("aud"); audience != claims.values.end())
    claims.audience = audience->second;
  const auto expires = time_member(json, "exp");
  if (!expires) return bad("it does not say when it expires");
  claims.expires = *expires;
  claims.not_before = time_member(json, "nbf");
  if (!claims.not_before && json.contains("nbf")) return bad("its nbf is not a time");
  return claims;
}

}  // namespace

Result<JwtHint> peek_jwt(std::string_view token) {
  MCP_TRY(const Parts parts, take_apart(token));
  return hint_of(parts);
}

Result<> check_times(const JwtClaims& claims, TimePoint now, Millis leeway) {
  if (now - leeway >= claims.expires) return bad("it expired at " + to_rfc3339(claims.expires));
  if (claims.not_before && now + leeway < *claims.not_before)
    return bad("it is good from " + to_rfc3339(*claims.not_before) + " on; do the clocks agree?");
  return {};
}

Result<JwtClaims> JwtKeys::verify(std::string_view token) const {
  MCP_TRY(const Parts parts, take_apart(token));
  MCP_TRY(const JwtHint hint, hint_of(parts));
  const JwtKey* key = find(hint);
  if (!key) return bad("its issuer has no such key");
  if (!key->verify(parts.signed_text, parts.signature)) return bad("its signature is wrong");
  return claims_of(parts.claims);
}

}  // namespace base
