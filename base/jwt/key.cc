#include "base/jwt/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/jwt/encoding.h"

namespace base {
namespace {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freed<T, Free>>;

using Number = Owned<BIGNUM, BN_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using Context = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Digest = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Signature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Key = std::shared_ptr<EVP_PKEY>;

constexpr size_t kCoordinate = 32;  // bytes, P-256
constexpr int kMinRsaBits = 2048;   // RFC 7518 section 3.3
constexpr int kMaxRsaBits = 8192;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::optional<std::string> binary(const nlohmann::json& jwk, const char* name) {
  return decode_base64url(text_member(jwk, name));
}

Key build(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) <= 0)
    return nullptr;
  return Key(key, EVP_PKEY_free);
}

Key rsa_key(const nlohmann::json& jwk) {
  const auto n = binary(jwk, "n");
  const auto e = binary(jwk, "e");
  if (!n || !e || e->empty() || e->size() > 8 || n->size() > kMaxRsaBits / 8 + 1) return nullptr;
  const Number modulus = number_of(*n);
  const Number exponent = number_of(*e);
  if (!modulus || !exponent || BN_num_bits(modulus.get()) < kMinRsaBits ||
      BN_num_bits(modulus.get()) > kMaxRsaBits || !BN_is_odd(modulus.get()) ||
      !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()))
    return nullptr;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()))
    return nullptr;
  return build("RSA", builder.get());
}

Key p256_key(const nlohmann::json& jwk) {
  const auto x = binary(jwk, "x");
  const auto y = binary(jwk, "y");
  if (text_member(jwk, "crv") != "P-256" || !x || !y || x->size() != kCoordinate ||
      y->size() != kCoordinate)
    return nullptr;
  const std::string point = "\x04" + *x + *y;  // uncompressed, SEC 1 section 2.3.3
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      !OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                       0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        point.size()))
    return nullptr;
  Key key = build("EC", builder.get());
  if (!key) return nullptr;
  const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? key : nullptr;
}

Key ed25519_key(const nlohmann::json& jwk) {
  const auto x = binary(jwk, "x");
  if (text_member(jwk, "crv") != "Ed25519" || !x || x->size() != 32) return nullptr;
  return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()),
             EVP_PKEY_free);
}

// RFC 7518 section 3.4 writes an ECDSA signature as r and s of a fixed width; OpenSSL wants DER.
std::string to_der(const std::string& signature) {
  if (signature.size() != 2 * kCoordinate) return {};
  Number r = number_of(std::string_view(signature).substr(0, kCoordinate));
  Number s = number_of(std::string_view(signature).substr(kCoordinate));
  const Signature pair(ECDSA_SIG_new());
  // The pair takes both; it refuses only what is null.
  if (!r || !s || !pair || !ECDSA_SIG_set0(pair.get(), r.release(), s.release())) return {};
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string result(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return result;
}

}  // namespace

bool JwtKey::verify(std::string_view message, const std::string& signature) const {
  const std::string raw = algorithm == "ES256" ? to_der(signature) : signature;
  // Ed25519 hashes for itself.
  const EVP_MD* hash = algorithm == "EdDSA" ? nullptr : EVP_sha256();
  const Digest digest(EVP_MD_CTX_new());
  const bool right = !raw.empty() && digest &&
                     EVP_DigestVerifyInit(digest.get(), nullptr, hash, nullptr, key.get()) == 1 &&
                     EVP_DigestVerify(digest.get(), bytes_of(raw), raw.size(), bytes_of(message),
                                      message.size()) == 1;
  ERR_clear_error();
  return right;
}

std::shared_ptr<const JwtKey> parse_key(const nlohmann::json& jwk) {
  if (!jwk.is_object()) return nullptr;
  const std::string use = text_member(jwk, "use");
  if (!use.empty() && use != "sig") return nullptr;
  const std::string type = text_member(jwk, "kty");
  JwtKey key;
  key.id = text_member(jwk, "kid");
  if (type == "RSA") {
    key.algorithm = "RS256";
    key.key = rsa_key(jwk);
  } else if (type == "EC") {
    key.algorithm = "ES256";
    key.key = p256_key(jwk);
  } else if (type == "OKP") {
    key.algorithm = "EdDSA";
    key.key = ed25519_key(jwk);
  }
  ERR_clear_error();
  const std::string algorithm = text_member(jwk, "alg");
  if (!key.key || (!algorithm.empty() && algorithm != key.algorithm)) return nullptr;
  return std::make_shared<const JwtKey>(std::move(key));
}

}  // namespace base
