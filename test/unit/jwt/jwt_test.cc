#include "base/jwt/jwt.h"

#include <gmock/gmock.h>

#include <string_view>

#include "test/support/jwt_signer.h"

namespace base {
namespace {

using Json = nlohmann::json;
using test::JwtSigner;
using testing::ElementsAre;
using testing::HasSubstr;

// As long as the tests run: RSA keys take their time to make.
const JwtSigner& signer(std::string_view algorithm) {
  static const JwtSigner rsa("RS256"), ec("ES256"), ed("EdDSA");
  return algorithm == "RS256" ? rsa : algorithm == "ES256" ? ec : ed;
}

JwtKeys keys(const std::vector<Json>& jwks) {
  return *JwtKeys::parse(test::key_set(jwks));
}

Json claims() {
  return {{"iss", "https://id.example"}, {"sub", "alice"}, {"aud", "mcp"}, {"exp", 2000000000}};
}

TEST(Jwt, EachAlgorithmIsVerifiedWithItsKey) {
  for (const char* algorithm : {"RS256", "ES256", "EdDSA"}) {
    const JwtSigner& one = signer(algorithm);
    const auto verified = keys({one.jwk()}).verify(one.token(claims()));
    ASSERT_TRUE(verified) << algorithm << ": " << verified.error().text();
    EXPECT_EQ(verified->issuer, "https://id.example");
    EXPECT_EQ(verified->subject, "alice");
    EXPECT_THAT(verified->audience, ElementsAre("mcp"));
    EXPECT_EQ(to_rfc3339(verified->expires), "2033-05-18T03:33:20Z");
  }
}

TEST(Jwt, AChangedBitAnywhereIsSeen) {
  for (const char* algorithm : {"RS256", "ES256", "EdDSA"}) {
    const JwtSigner& one = signer(algorithm);
    const JwtKeys set = keys({one.jwk()});
    const std::string good = one.token(claims());
    for (size_t at = 0; at < good.size(); at += 7) {
      std::string bad = good;
      bad[at] = bad[at] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(set.verify(bad)) << algorithm << " at " << at;
    }
    for (size_t size = 0; size < good.size(); size += 5)
      EXPECT_FALSE(set.verify(good.substr(0, size)));
  }
}

// The known tricks, each on a token that would be right otherwise.
TEST(Jwt, WhatIsNotSignedByTheKeyOfItsIssuerIsRefused) {
  const JwtSigner& rsa = signer("RS256");
  const JwtSigner& ec = signer("ES256");
  const JwtKeys set = keys({rsa.jwk()});
  const std::string right = rsa.token(claims());
  const std::string body = test::base64url(claims().dump());
  const JwtSigner stranger("EdDSA", "k1");
  const struct {
    const char* what;
    std::string token;
    const char* why;
  } table[] = {
      {"alg none, no signature", test::base64url(R"({"alg":"none"})") + "." + body + ".",
       "its algorithm is none of"},
      {"alg None with a signature", rsa.token(claims(), {{"alg", "None"}}),
       "its algorithm is none"},
      {"HS256 with the public key's text", test::token_with_secret(claims(), rsa.public_pem()),
       "its algorithm is none of"},
      {"HS256 with the modulus", test::token_with_secret(claims(), rsa.jwk()["n"]),
       "its algorithm is none of"},
      {"RS512", rsa.token(claims(), {{"alg", "RS512"}}), "its algorithm is none of"},
      {"no alg", rsa.token_of_text(R"({"kid":"k1"})", claims().dump()), "its algorithm is none"},
      {"another key's kid", rsa.token(claims(), {{"kid", "k2"}}), "its issuer has no such key"},
      {"the kid of an RSA key on a token of another kind", stranger.token(claims()),
       "its issuer has no such key"},
      {"another key", ec.token(claims(), {{"alg", "RS256"}}), "its signature is wrong"},
      {"a key of its own in the header", ec.token(claims(), {{"jwk", ec.jwk()}, {"kid", "mine"}}),
       "its issuer has no such key"},
      {"a critical extension", rsa.token(claims(), {{"crit", {"b64"}}, {"b64", false}}),
       "an extension that is not known"},
      {"no signature", right.substr(0, right.rfind('.') + 1), "it has no signature"},
      {"four parts", right + ".x", "three texts"},
      {"two parts", right.substr(0, right.rfind('.')), "three texts"},
      {"nothing", "", "three texts"},
      {"padding", right + "=", "not base64url"},
      {"spaces", " " + right, "not base64url"},
      {"a header twice over", rsa.token_of_text(R"({"alg":"none","alg":"RS256"})", claims().dump()),
       "its header is not a JSON object without doubles"},
      {"a subject twice over",
       rsa.token_of_text(R"({"alg":"RS256"})", R"({"sub":"root","sub":"alice","exp":2000000000})"),
       "its claims are not a JSON object without doubles"},
      {"doubles inside",
       rsa.token_of_text(R"({"alg":"RS256"})", R"({"a":{"b":1,"b":2},"exp":2000000000})"),
       "its claims are not"},
      {"too deep",
       rsa.token_of_text(R"({"alg":"RS256"})",
                         R"({"a":)" + std::string(5000, '[') + std::string(5000, ']') + "}"),
       "its claims are not"},
      {"a list", rsa.token_of_text(R"({"alg":"RS256"})", "[]"), "its claims are not"},
      {"bytes that are not UTF-8", rsa.token_of_text(R"({"alg":"RS256"})", "{\"sub\":\"\xff\"}"),
       "its claims are not"},
      {"huge", rsa.token({{"sub", std::string(20'000, 'a')}}), "longer than 16 KiB"},
      {"no end", rsa.token({{"sub", "alice"}}), "does not say when it expires"},
      {"an end in words", rsa.token({{"exp", "never"}}), "does not say when it expires"},
      {"an end past all years", rsa.token({{"exp", 1e300}}), "does not say when it expires"},
      {"a beginning in words", rsa.token({{"exp", 2000000000}, {"nbf", "now"}}), "nbf is not a"},
  };
  for (const auto& [what, token, why] : table) {
    const auto verified = set.verify(token);
    ASSERT_FALSE(verified) << what;
    EXPECT_EQ(verified.error().code, Code::kUnauthenticated) << what;
    EXPECT_THAT(verified.error().message, HasSubstr(why)) << what;
  }
}

TEST(Jwt, AnEcdsaSignatureHasOneForm) {
  const JwtSigner& ec = signer("ES256");
  const JwtKeys set = keys({ec.jwk()});
  const std::string token = ec.token(claims());
  const std::string message = token.substr(0, token.rfind('.') + 1);
  for (const std::string& signature :
       {std::string(64, '\0'), std::string(63, 'x'), std::string(65, 'x'),
        std::string("\x30\x06\x02\x01\x00\x02\x01\x00")})
    EXPECT_FALSE(set.verify(message + test::base64url(signature)));
}

TEST(Jwt, ATokenWithoutKeyIdNeedsTheOnlyKeyOfItsKind) {
  const JwtSigner& rsa = signer("RS256");
  const JwtSigner other("RS256", "k9");
  const std::string anonymous = rsa.token_of_text(R"({"alg":"RS256"})", claims().dump());
  EXPECT_TRUE(keys({rsa.jwk(), signer("ES256").jwk()}).verify(anonymous));
  EXPECT_FALSE(keys({rsa.jwk(), other.jwk()}).verify(anonymous));
  EXPECT_TRUE(keys({rsa.jwk(), other.jwk()}).verify(rsa.token(claims())));
}

TEST(Jwt, TimesCountWithLeeway) {
  JwtClaims claims;
  claims.expires = *parse_rfc3339("2026-01-01T12:00:00Z");
  claims.not_before = *parse_rfc3339("2026-01-01T11:00:00Z");
  const std::pair<const char*, const char*> table[] = {
      {"2026-01-01T10:58:59Z", "it is good from 2026-01-01T11:00:00Z on"},
      {"2026-01-01T10:59:00Z", ""},
      {"2026-01-01T11:30:00Z", ""},
      {"2026-01-01T12:00:59Z", ""},
      {"2026-01-01T12:01:00Z", "it expired at 2026-01-01T12:00:00Z"},
  };
  for (const auto& [now, why] : table) {
    const auto checked = check_times(claims, *parse_rfc3339(now), Millis(60'000));
    EXPECT_EQ(checked.has_value(), *why == '\0') << now;
    if (!checked) {
      EXPECT_THAT(checked.error().message, HasSubstr(why));
    }
  }
}

TEST(Jwt, ClaimsBecomeTexts) {
  const JwtSigner& ed = signer("EdDSA");
  Json all = claims();
  all["aud"] = {"a", "mcp"};
  all["groups"] = {"ops", 7, Json::object(), "staff"};
  all["ref_protected"] = true;
  all["project_id"] = 42;
  all["realm_access"] = {{"roles", {"admin"}}};
  all["x.y"] = "literal";
  all["x"] = {{"y", "nested"}};
  const auto verified = keys({ed.jwk()}).verify(ed.token(all));
  ASSERT_TRUE(verified) << verified.error().text();
  EXPECT_THAT(verified->audience, ElementsAre("a", "mcp"));
  EXPECT_THAT(verified->values.at("groups"), ElementsAre("ops", "7", "staff"));
  EXPECT_THAT(verified->values.at("ref_protected"), ElementsAre("true"));
  EXPECT_THAT(verified->values.at("project_id"), ElementsAre("42"));
  EXPECT_THAT(verified->values.at("realm_access.roles"), ElementsAre("admin"));
  EXPECT_THAT(verified->values.at("x.y"), ElementsAre("literal"));
}

TEST(JwtKeys, KeysThatServeNoneOfOurAlgorithmsArePassedOver) {
  const auto changed = [](Json jwk, const Json& change) {
    jwk.update(change);
    return jwk;
  };
  const Json rsa = signer("RS256").jwk();
  const Json ec = signer("ES256").jwk();
  const Json ed = signer("EdDSA").jwk();
  std::string off_curve = test::base64url(std::string(32, '\x01'));
  const std::pair<const char*, Json> table[] = {
      {"RSA of 1024 bits", JwtSigner("RS256", "k1", 1024).jwk()},
      {"RSA of 16384 bits", changed(rsa, {{"n", test::base64url(std::string(2048, '\xff'))}})},
      {"even modulus", changed(rsa, {{"n", test::base64url(std::string(256, '\xfe'))}})},
      {"exponent 1", changed(rsa, {{"e", "AQ"}})},
      {"no exponent", changed(rsa, {{"e", ""}})},
      {"not base64url", changed(rsa, {{"n", "+++"}})},
      {"for encryption", changed(rsa, {{"use", "enc"}})},
      {"another algorithm", changed(rsa, {{"alg", "PS256"}})},
      {"a point that is not on the curve", changed(ec, {{"y", off_curve}})},
      {"the point at infinity", changed(ec, {{"x", ""}, {"y", ""}})},
      {"P-384", changed(ec, {{"crv", "P-384"}})},
      {"short coordinate", changed(ec, {{"x", "AAAA"}})},
      {"Ed448", changed(ed, {{"crv", "Ed448"}})},
      {"short key", changed(ed, {{"x", "AAAA"}})},
      {"a shared secret", {{"kty", "oct"}, {"kid", "k1"}, {"k", "c2VjcmV0"}}},
      {"a number", 7},
  };
  for (const auto& [what, jwk] : table) EXPECT_EQ(keys({jwk, ed}).size(), 1u) << what;
}

TEST(JwtKeys, WhatIsNoKeySetIsAnError) {
  for (const char* text : {"", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "<html>"})
    EXPECT_FALSE(JwtKeys::parse(text)) << text;
  EXPECT_EQ(JwtKeys::parse("{\"keys\":[]}")->size(), 0u);
  std::vector<Json> thousand;
  for (int i = 0; i < 1000; ++i) {
    thousand.push_back(signer("EdDSA").jwk());
    thousand.back()["kid"] = std::to_string(i);
  }
  EXPECT_THAT(JwtKeys::parse(test::key_set(thousand)).error().message,
              HasSubstr("the key set has 1000 keys, at most 100 are read"));
}

}  // namespace
}  // namespace base
