#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace base {

// One public key and the one algorithm that it serves (RFC 8725 section 3.1). For this folder
// alone.
struct JwtKey {
  std::string id;         // "kid"; empty: none
  std::string algorithm;  // "RS256", "ES256" or "EdDSA"
  std::shared_ptr<evp_pkey_st> key;

  // Whether `signature` is this key's for `message`.
  bool verify(std::string_view message, const std::string& signature) const;
};

// Null: a key that we do not use (see JwtKeys::parse).
std::shared_ptr<const JwtKey> parse_key(const nlohmann::json& jwk);

}  // namespace base
