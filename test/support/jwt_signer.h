#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace test {

std::string base64url(std::string_view bytes);

// An issuer's key pair, made anew.
class JwtSigner {
 public:
  // "RS256", "ES256" or "EdDSA".
  explicit JwtSigner(const std::string& algorithm, std::string key_id = "k1", int rsa_bits = 2048);

  nlohmann::json jwk() const;  // the public key
  // A token of these claims. What `header` names replaces or adds to alg, kid and typ.
  std::string token(const nlohmann::json& claims, const nlohmann::json& header = {}) const;
  std::string token_of_text(const std::string& header, const std::string& claims) const;
  std::string signature(const std::string& message) const;  // raw
  std::string public_pem() const;

 private:
  std::string algorithm_;
  std::string key_id_;
  std::shared_ptr<evp_pkey_st> key_;
};

std::string key_set(const std::vector<nlohmann::json>& keys);
// HS256 over `header`.`claims`, as somebody does it who hopes that the public key is the secret.
std::string token_with_secret(const nlohmann::json& claims, const std::string& secret);

}  // namespace test
